"""Ports that blocks meet at: memory clients, engines, packets.

Blocks never import one another. They meet in the chip, through these signatures.
"""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.address import CONTEXT, LOCAL
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultReport
from intarsia.isa.instruction import DeclareGroup

__all__ = [
    "ChainVector",
    "Engine",
    "GroupRequest",
    "Job",
    "MemoryRead",
    "MemoryWrite",
    "PacketBeat",
    "ReadData",
    "ReadRequest",
    "SyncRequest",
    "WriteRequest",
]


class ReadRequest(data.StructLayout):
    """A vector of bytes to read, at any alignment.

    ``mask`` has a bit per byte that will be used; only those are checked for parity. Bytes beyond
    the end of the macro-bank that ``address`` lies in wrap around to its start.

    Parameters
    ----------
    lanes : int
    spread : bool
        Byte n is the one ``far[n] * apart`` bytes further on, ``apart`` being a multiple of
        `lanes`. So bytes of up to four rows are one access.
    """

    def __init__(self, lanes, *, spread=False):
        super().__init__({
            "address": LOCAL,
            "mask": lanes,
            "context": CONTEXT,
            **({"far": data.ArrayLayout(2, lanes), "apart": LOCAL} if spread else {}),
        })


class ReadData(data.StructLayout):
    """A vector that was read; byte *n* is the one at ``address + n``."""

    def __init__(self, lanes):
        super().__init__({"bytes": data.ArrayLayout(8, lanes), "damaged": 1})


class WriteRequest(data.StructLayout):
    """A vector of bytes to write, at any alignment.

    Byte *n* goes to ``address + n`` where bit *n* of ``mask`` is set. Bytes beyond the end of the
    macro-bank wrap around to its start.
    """

    def __init__(self, lanes):
        super().__init__({"address": LOCAL, "mask": lanes, "bytes": data.ArrayLayout(8, lanes)})


class MemoryRead(wiring.Signature):
    """A client's read port, seen from the client.

    Data come exactly two cycles after the request was accepted (accepted in cycle t, valid in cycle
    t + 2), in order, and must be taken: a client asks only for what it has room for.

    Parameters
    ----------
    lanes : int
    spread : bool
        As in `ReadRequest`.

    Members
    -------
    request : Out(stream.Signature(ReadRequest(lanes, spread=spread)))
    data : In(stream.Signature(ReadData(lanes), always_ready=True))
    """

    def __init__(self, lanes, *, spread=False):
        self.lanes = lanes
        self.spread = spread
        super().__init__({
            "request": Out(stream.Signature(ReadRequest(lanes, spread=spread))),
            "data": In(stream.Signature(ReadData(lanes), always_ready=True)),
        })

    def __eq__(self, other):
        return isinstance(other, MemoryRead) and (self.lanes, self.spread) == (
            other.lanes,
            other.spread,
        )

    def __repr__(self):
        return f"MemoryRead({self.lanes}, spread={self.spread})"


class MemoryWrite(wiring.Signature):
    """A client's write port, seen from the client.

    A write accepted in cycle t is seen by every read accepted in cycle t + 1 or later.

    Members
    -------
    request : Out(stream.Signature(WriteRequest(lanes)))
    """

    def __init__(self, lanes):
        self.lanes = lanes
        super().__init__({"request": Out(stream.Signature(WriteRequest(lanes)))})

    def __eq__(self, other):
        return isinstance(other, MemoryWrite) and self.lanes == other.lanes

    def __repr__(self):
        return f"MemoryWrite({self.lanes})"


class ChainVector(data.StructLayout):
    """A vector of results on its way from the convolution engine to the vector engine.

    ``last`` marks the last one of a job. From one that is ``void`` on, the job has failed, and no
    vector of it means anything.
    """

    def __init__(self, lanes):
        super().__init__({"bytes": data.ArrayLayout(8, lanes), "last": 1, "void": 1})


class Job(data.StructLayout):
    """An instruction in an engine's hands; operands of the descriptor are addresses by now."""

    def __init__(self, descriptor):
        super().__init__({"opcode": 8, "context": CONTEXT, "descriptor": descriptor})


class Engine(wiring.Signature):
    """What the sequencer sees of an engine, from the engine's side.

    Jobs complete in the order in which they were accepted; if they are not ``ordered``, those of
    each context do. An engine may accept the next job while it works. A job that can't be done is
    reported on ``fault``, moves no further byte, and is done.

    Parameters
    ----------
    descriptor : Struct
    ordered : bool

    Members
    -------
    job : In(stream.Signature(Job(descriptor)))
    done : Out(1)
        A job has completed, and all its writes are accepted by the memory (or, for remote writes,
        committed at the other node); one cycle per job.
    whose : Out(CONTEXT)
        With `done`, unless jobs are ordered: the context of the job.
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    activity : Out(Activity)
        IDLE, when there is no job.
    """

    def __init__(self, descriptor, *, ordered=True):
        self.descriptor = descriptor
        self.ordered = ordered
        super().__init__({
            "job": In(stream.Signature(Job(descriptor))),
            "done": Out(1),
            **({} if ordered else {"whose": Out(CONTEXT)}),
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
            "activity": Out(Activity),
        })

    def __eq__(self, other):
        return (
            isinstance(other, Engine)
            and self.descriptor == other.descriptor
            and self.ordered == other.ordered
        )

    def __repr__(self):
        return f"Engine({self.descriptor!r}, ordered={self.ordered})"


class GroupRequest(data.Struct):
    """A group, as a context declares it."""

    group: DeclareGroup
    context: CONTEXT


class SyncRequest(data.Struct):
    """Arrival of a context at an exchange synchronization point."""

    group: 8
    esp: 16
    context: CONTEXT


class PacketBeat(data.StructLayout):
    """One beat of a packet. See :mod:`intarsia.isa.packet`."""

    def __init__(self, link_bytes):
        super().__init__({"data": 8 * link_bytes, "first": 1, "last": 1})
