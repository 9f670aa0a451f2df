"""Faults: what can go wrong, and the report that reaches the driver."""

from amaranth import *
from amaranth.lib import data, enum

__all__ = ["HOME", "LINK_PORT", "RESPONDER", "SYNC_PORT", "FaultCode", "FaultReport"]

#: Who reports faults that belong to no stream: values of `FaultReport.engine`.
RESPONDER, LINK_PORT, SYNC_PORT, HOME = 8, 9, 10, 11


class FaultCode(enum.Enum, shape=8):
    """Reasons. The comment of each says what the report's fields hold."""

    NONE = 0
    PARITY = 1
    """A byte in memory is damaged. address: of the vector."""

    PROGRAM = 2
    """A program header, an instruction header or its body is not one. address: of the unit."""

    SLOT = 3
    """An operand names a slot that is not in use, or lies beyond its end. info: slot."""

    DESCRIPTOR = 4
    """A descriptor has a zero, reserved or unknown field. info: index of its 32-bit word."""

    TOKEN = 5
    """A token counter would pass its highest value. info: token."""

    ATU_MISS = 6
    """The map has no entry. data_id; info: fragment; node: where it was looked up."""

    OWNER = 7
    """The context's owner is not the tensor's. data_id; info: fragment."""

    PERMISSION = 8
    """The fragment does not allow it. data_id; info: fragment; node: who refused."""

    VERSION = 9
    """The fragment has moved since. data_id; info: fragment; node: who refused."""

    BOUNDS = 10
    """Beyond the end of the fragment. data_id; info: fragment; node: who refused."""

    WRONG_NODE = 11
    """A packet came to a node that is not its destination. node: destination."""

    LINK = 12
    """A link was given up, or its other end has begun anew while packets were under way: they are
    lost. Or one was dropped because its link is dead. info: port; node: destination of that."""

    LINK_PROTOCOL = 13
    """A packet came of unknown kind or format, or without credit. info: port."""

    TRANSACTION = 14
    """A reply came that nobody waits for. node: who sent it; info: transaction."""

    SYNC = 15
    """Members of a group are at different ESPs, or the group is not declared. info: group."""

    WATCHDOG = 16
    """A context made no progress. address: tokens it waits for; info: opcode; engine: who waits."""

    NODE_DEAD = 17
    """A node does not answer, or is fenced: it holds a fragment that nobody else has, or shares an
    entry of the map that has changed. data_id; info: fragment; node: which one."""

    CHECKSUM = 18
    """A fragment was read, also from its replica where it has one, and is not what it was when its
    checksum was made. data_id; info: fragment; node: who sent it last."""

    HOME_FULL = 19
    """A home has no room for an entry. data_id; info: fragment."""


class FaultReport(data.Struct):
    """One fault: 16 bytes. Fields that a code does not use are zero."""

    code: FaultCode
    """What went wrong."""

    engine: 4
    """The stream whose instruction it was; 8 the responder (and replies that nobody waits for), 9 a
    link, 10 the sync port, 11 the home."""

    context: 4
    """Context whose instruction it was."""

    node: 16
    """Node concerned."""

    address: 32
    """Address in the chip's memory."""

    data_id: 40
    """Tensor concerned."""

    info: 24
    """See `FaultCode`."""
