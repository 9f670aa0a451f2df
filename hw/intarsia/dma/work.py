"""The transfer that is being cut."""

from amaranth import *

from intarsia.dma.transactions import OFFSET
from intarsia.dma.validity import STITCHES, is_one_of
from intarsia.isa.address import LOCAL, PAYLOAD_MAX
from intarsia.isa.transfer import StitchRecord

__all__ = ["Work"]


class Work:
    """What is being cut.

    Members
    -------
    opcode, context : Signal
        Of the job.
    stitches : Value
        It has a list.
    record : Signal
        The transfer. What was cut of it has left its offsets.
    offset : Value
        That at the other side, with all its bits.
    rows, remote_pitch, local_pitch : Signal
        What is said of the transfer elsewhere.
    left, row : Signal
        Bytes to the end of the row, and rows before that.
    base : Signal
        Where local addresses count from.
    count : Signal
        Records that are to come.
    most : Signal
        Bytes of a request, at most.
    """

    def __init__(self, job):
        self.opcode = Signal.like(job.opcode, name="opcode", reset_less=True)
        self.context = Signal.like(job.context, name="context", reset_less=True)
        self.stitches = is_one_of(self.opcode, STITCHES)
        self.record = Signal(StitchRecord, name="record", reset_less=True)
        self.beyond = Signal(
            Shape.cast(OFFSET).width - len(self.record.offset), name="beyond", reset_less=True
        )
        self.offset = Cat(self.record.offset, self.beyond)
        self.most = Signal(range(PAYLOAD_MAX + 1), name="most", reset_less=True)
        names = ("rows", "remote_pitch", "local_pitch", "left", "row", "base", "count")
        (
            self.rows,
            self.remote_pitch,
            self.local_pitch,
            self.left,
            self.row,
            self.base,
            self.count,
        ) = (Signal(LOCAL, name=name, reset_less=True) for name in names)
