"""Register accesses over a serial line.

So a host without AXI4-Lite talks to a chip on a board: it sends a `SerialRequest`, low byte
first, and waits for its `SerialReply`. Between them, and whenever no request is being answered, an
INTERRUPT may come. The bytes of a message sum up to a multiple of 256; that is what `check` is for.
A request whose bytes do not is answered with GARBLED, and so is one with an unknown command;
nothing else happens. Bytes of a request that is not complete are forgotten after a pause of 16
bytes; so who waits that long begins anew.
"""

from amaranth import *
from amaranth.lib import data, enum

__all__ = ["SerialCommand", "SerialReply", "SerialRequest", "SerialStatus"]


class SerialCommand(enum.Enum, shape=8):
    """What the host wants."""

    READ = 0x52
    """Read a register."""

    WRITE = 0x57
    """Write a register."""


class SerialStatus(enum.Enum, shape=8):
    """What has become of it."""

    OKAY = 0x4B
    """It was done."""

    REFUSED = 0x45
    """The chip has no such register, or it does not take that."""

    GARBLED = 0x47
    """It was not understood, and not done."""

    INTERRUPT = 0x49
    """No answer: an interrupt has risen."""


class SerialRequest(data.Struct):
    """What the host sends."""

    command: 8
    """A `SerialCommand`."""

    address: 16
    """Byte address of the register."""

    value: 32
    """What to write; 0 for READ."""

    check: 8
    """Makes the sum of all bytes a multiple of 256."""


class SerialReply(data.Struct):
    """What the board sends."""

    status: SerialStatus
    """What this says."""

    value: 32
    """What was read; for INTERRUPT, the lines that are high, as in IRQ; 0 otherwise."""

    check: 8
    """Makes the sum of all bytes a multiple of 256."""
