"""Works: instructions on their way to a program, with everything that orders them."""

from dataclasses import dataclass, field
from typing import Any

from intarsia.compiler.boxes import Box
from intarsia.isa.instruction import Stream

__all__ = ["Access", "Address", "Buffer", "Piece", "Remote", "Work"]


@dataclass(eq=False)
class Buffer:
    """Bytes of a chip's memory, in one macro-bank.

    Members
    -------
    name : str
        For people.
    size : int
    resident : bool
        Keeps its content from inference to inference.
    """

    name: str
    size: int
    resident: bool = False


@dataclass(frozen=True)
class Address:
    """A place in a buffer: an operand of an instruction."""

    buffer: Buffer
    offset: int = 0


@dataclass(frozen=True)
class Remote:
    """A place in a fragment.

    Members
    -------
    name : tuple
        What the fragment is; a data ID is found for it when all are known.
    offset : int
    """

    name: tuple
    offset: int


@dataclass(frozen=True)
class Piece:
    """One of the transfers that a GATHER consists of.

    Members
    -------
    remote : Remote
        The other side.
    local : int
        Byte of the instruction's buffer.
    row_bytes : int
        Bytes of each of its rows.
    """

    remote: Remote
    local: int
    row_bytes: int


@dataclass(frozen=True)
class Access:
    """What an instruction does with a buffer.

    Members
    -------
    buffer : Buffer
    box : Box or None
        The part concerned; None for all. Boxes of one buffer are boxes of one tensor.
    write : bool
    """

    buffer: Buffer
    box: Box | None
    write: bool


@dataclass(eq=False)
class Work:
    """One instruction.

    Members
    -------
    stream : Stream
    opcode : enumeration
    layer : int
    fields : dict
        Of the body. Operands are :class:`Address`.
    accesses : tuple of Access
    remote : Remote or None
        The other side of a READ or WRITE.
    after : list of Work
        Earlier works of this chip that must be complete before it starts, beyond those that
        `accesses` imply.
    patient : bool
    pieces : tuple of Piece
        What a GATHER consists of.
    partner : Work or None
        The other one of two chained instructions, of streams CONV and VECTOR, which are executed
        together. The one of stream VECTOR comes right after that of stream CONV.
    holds : tuple of Buffer
        Buffers whose bytes nobody else gets before it, though it does not touch them.
    """

    stream: Stream
    opcode: Any
    layer: int
    fields: dict[str, Any]
    accesses: tuple[Access, ...] = ()
    remote: Remote | None = None
    after: list["Work"] = field(default_factory=list)
    patient: bool = False
    pieces: tuple[Piece, ...] = ()
    partner: "Work | None" = None
    holds: tuple[Buffer, ...] = ()

    @property
    def used(self) -> tuple[Access, ...]:
        """What it and its partner do with buffers while it is executed."""
        return (*self.accesses, *(self.partner.accesses if self.partner else ()))

    @property
    def remotes(self) -> tuple[Remote, ...]:
        """The other sides of all its transfers."""
        return tuple(item for item in (self.remote, *(p.remote for p in self.pieces)) if item)
