"""Programs: the header of a program, the header of an instruction, streams and opcodes.

A program is one stream of instructions per engine. Within a stream, instructions start and complete
in order; between streams, order comes from tokens alone. A token is a counter per context; an
instruction starts when every counter named by its ``wait`` mask is above zero, and takes one from
each; when it has completed, it adds one to every counter named by its ``signal`` mask.

A program lies in slot 0 of its context: a `ProgramHeader`, then the streams. Instructions are whole
units of 16 bytes: an `InstructionHeader`, then the body that the opcode defines.
"""

from amaranth import *
from amaranth.lib import data, enum

__all__ = [
    "PROGRAM_FORMAT",
    "TOKENS",
    "TOKEN_MAX",
    "UNIT",
    "ControlOp",
    "ConvOp",
    "DeclareGroup",
    "InstructionHeader",
    "LocalOp",
    "LoopBody",
    "Notify",
    "ProgramHeader",
    "RemoteOp",
    "Stream",
    "Sync",
    "VectorOp",
]

#: Bytes of a unit: instructions are that long, or a multiple.
UNIT = 16

#: Version of the format that this package describes.
PROGRAM_FORMAT = 2

#: Token counters of a context.
TOKENS = 32

#: Highest value of a token counter; one more is a fault.
TOKEN_MAX = 255


class Stream(enum.Enum, shape=3):
    """Streams of a program, and the engines that they feed."""

    CONTROL = 0
    CONV = 1
    VECTOR = 2
    LOCAL = 3
    REMOTE = 4


class ControlOp(enum.Enum, shape=8):
    """Opcodes that the sequencer itself executes. END and LOOP exist in every stream."""

    NOP = 0
    END = 1
    LOOP = 2
    DOORBELL = 3
    SYNC = 4
    DECLARE_GROUP = 5
    NOTIFY = 6


class ConvOp(enum.Enum, shape=8):
    """Opcodes of the convolution engine."""

    CONV = 16


class VectorOp(enum.Enum, shape=8):
    """Opcodes of the vector engine."""

    ADD = 32
    POOL_MAX = 33
    POOL_SUM = 34


class LocalOp(enum.Enum, shape=8):
    """Opcodes of the local queue of the DMA engine."""

    COPY = 48
    FILL = 49


class RemoteOp(enum.Enum, shape=8):
    """Opcodes of the remote queue of the DMA engine."""

    READ = 64
    WRITE = 65
    ACCUMULATE = 66
    GATHER = 67
    SCATTER = 68


class ProgramHeader(data.Struct):
    """First 48 bytes of a program."""

    program_format: 16
    """`PROGRAM_FORMAT`."""

    streams: 16
    """Number of streams; at most 8."""

    length: 32
    """Bytes of the program, this header included."""

    start: data.ArrayLayout(32, 8)
    """For each stream, byte offset of its first instruction from the start of the program; 0 for
    a stream that has none."""

    reserved: 64
    """Must be zero."""


class InstructionHeader(data.Struct):
    """First unit of every instruction."""

    opcode: 8
    """What to do; the value is unique over all streams, but for END, LOOP and NOP."""

    length: 8
    """Units of the instruction, this one included."""

    operands: 4
    """Number of leading words of the body that are operands, to be replaced by addresses: up to
    8."""

    flags: 4
    """Bit 0 (patient; DOORBELL and SYNC): waiting here counts as idle, and the watchdog leaves the
    context alone. The others must be zero."""

    layer: 16
    """Number of the layer that the work belongs to; for traces."""

    reserved: 24
    """Must be zero."""

    wait: 32
    """Tokens to take one from before it starts."""

    signal: 32
    """Tokens to add one to when it has completed."""


class LoopBody(data.Struct):
    """Body of LOOP, at the end of what is repeated."""

    back: 24
    """Units from the loop's first instruction to this one."""

    reserved: 8
    """Must be zero."""

    count: 32
    """Times to go back; 0 goes back for ever. A stream has one counter: counted loops do not nest,
    but may lie in an endless one."""

    reserved1: 64
    """Must be zero."""


class Sync(data.Struct):
    """Body of SYNC: completes when all members of the group have reached this point."""

    group: 8
    """Number of a declared group."""

    reserved: 8
    """Must be zero."""

    esp: 16
    """Number of the exchange synchronization point; members of a group must agree on it."""

    reserved1: 96
    """Must be zero."""


class DeclareGroup(data.Struct):
    """Body of DECLARE_GROUP. Members are the nodes from `first` on, but those that are absent."""

    group: 8
    """Number of the group, below 64."""

    reserved: 8
    """Must be zero."""

    coordinator: 16
    """Node that counts arrivals."""

    first: 16
    """First member."""

    members: 16
    """Number of members, absent ones not counted: 1 to 64."""

    absent: 32
    """Bit n: the node first + n is no member."""

    reserved1: 32
    """Must be zero."""


class Notify(data.Struct):
    """Body of NOTIFY: raises the chip's interrupt."""

    value: 32
    """What the driver reads in the NOTIFY register."""

    reserved: 96
    """Must be zero."""
