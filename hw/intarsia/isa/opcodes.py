"""Every instruction: the streams it may stand in, its body, and how long that makes it."""

from dataclasses import dataclass

from amaranth.hdl import Shape
from amaranth.lib import data, enum

from intarsia.isa.address import Operand
from intarsia.isa.elementwise import VectorDescriptor
from intarsia.isa.instruction import (
    UNIT,
    ControlOp,
    ConvOp,
    DeclareGroup,
    LocalOp,
    LoopBody,
    Notify,
    RemoteOp,
    Stream,
    Sync,
    VectorOp,
)
from intarsia.isa.kernel import ConvDescriptor
from intarsia.isa.transfer import LocalDescriptor, RemoteDescriptor, StitchDescriptor

__all__ = ["INSTRUCTIONS", "UNITS_MAX", "InstructionInfo"]


@dataclass(frozen=True)
class InstructionInfo:
    """What an opcode stands for.

    Members
    -------
    streams : tuple of Stream
        Where it may stand.
    body : Struct or None
        What follows the header.
    meaning : str
    patient : bool
        Whether the flag of that name is allowed.
    """

    streams: tuple[Stream, ...]
    body: type[data.Struct] | None
    meaning: str
    patient: bool = False

    @property
    def units(self) -> int:
        """Units of the instruction, header included."""
        return 1 + (Shape.cast(self.body).width // (8 * UNIT) if self.body else 0)

    @property
    def operands(self) -> int:
        """Words at the start of the body that are operands."""
        fields = [field.shape for _, field in self.body.as_shape()] if self.body else []
        return fields.count(Operand)


_ALL = tuple(Stream)
_CONTROL = (Stream.CONTROL,)

INSTRUCTIONS: dict[enum.Enum, InstructionInfo] = {
    ControlOp.NOP: InstructionInfo(_ALL, None, "Nothing, but takes and gives tokens."),
    ControlOp.END: InstructionInfo(_ALL, None, "Ends the stream."),
    ControlOp.LOOP: InstructionInfo(_ALL, LoopBody, "Goes back in its stream."),
    ControlOp.DOORBELL: InstructionInfo(
        _CONTROL, None, "Waits until the context was rung for, and takes one ring.", patient=True
    ),
    ControlOp.SYNC: InstructionInfo(
        _CONTROL, Sync, "Waits for the other members of a group.", patient=True
    ),
    ControlOp.DECLARE_GROUP: InstructionInfo(_CONTROL, DeclareGroup, "Says who is in a group."),
    ControlOp.NOTIFY: InstructionInfo(_CONTROL, Notify, "Interrupts the host."),
    ConvOp.CONV: InstructionInfo((Stream.CONV,), ConvDescriptor, "One convolution."),
    VectorOp.ADD: InstructionInfo((Stream.VECTOR,), VectorDescriptor, "Sum of two tensors."),
    VectorOp.POOL_MAX: InstructionInfo((Stream.VECTOR,), VectorDescriptor, "Maximum of a window."),
    VectorOp.POOL_SUM: InstructionInfo(
        (Stream.VECTOR,), VectorDescriptor, "Sum or mean of a window."
    ),
    LocalOp.COPY: InstructionInfo((Stream.LOCAL,), LocalDescriptor, "Copies rows within a chip."),
    LocalOp.FILL: InstructionInfo((Stream.LOCAL,), LocalDescriptor, "Fills rows with a byte."),
    RemoteOp.READ: InstructionInfo((Stream.REMOTE,), RemoteDescriptor, "Fetches rows."),
    RemoteOp.WRITE: InstructionInfo((Stream.REMOTE,), RemoteDescriptor, "Sends rows."),
    RemoteOp.ACCUMULATE: InstructionInfo(
        (Stream.REMOTE,), RemoteDescriptor, "Adds rows of int32 to those at the other side."
    ),
    RemoteOp.GATHER: InstructionInfo(
        (Stream.REMOTE,), StitchDescriptor, "READ of each record of a list."
    ),
    RemoteOp.SCATTER: InstructionInfo(
        (Stream.REMOTE,), StitchDescriptor, "WRITE of each record of a list."
    ),
}

#: Units of the longest instruction.
UNITS_MAX = max(info.units for info in INSTRUCTIONS.values())
