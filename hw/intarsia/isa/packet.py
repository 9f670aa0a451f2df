"""Packets: what travels over links.

A packet is a header of 16 bytes; for kinds that have one, an extension of 12 bytes; and up to
1,024 bytes of payload. On a link of 16 bytes a beat, the extension is filled up to a beat of its
own; the payload is filled up to a whole beat. Filling is zero. READ carries no payload: its
``length`` is the number of bytes asked for.

The beats of a packet follow each other on a link without a gap. All packets but notices are
numbered by each link that they cross, kept until they are acknowledged, and sent again where one of
them was damaged. Notices (`NOTICES`) are headers that say how the two ends of a link stand; they
are never repeated, have no number, and never leave their link.

Credits are announced by the receiver: after a reset a sender has none, until the other side returns
what its buffers hold.

The CRC is CRC-32 (ISO-HDLC, as in Ethernet) over all beats in order, lowest byte first, with the
field ``crc`` taken as zero.
"""

from amaranth import *
from amaranth.lib import data, enum

from intarsia.isa.address import NODE

__all__ = [
    "CREDIT_UNIT",
    "EXTENDED",
    "EXTENSION_BYTES",
    "HEADER_BYTES",
    "LINK_FORMAT",
    "LINK_PATIENCE",
    "NOTICES",
    "ErrorDetail",
    "MessageClass",
    "PacketHeader",
    "PacketKind",
    "SyncPoint",
    "TransactionNumber",
    "beats",
    "message_class",
]

#: Version of the packet format.
LINK_FORMAT = 2

#: Pulses of the timebase after which a link is given up whose other end says nothing, or
#: acknowledges nothing.
LINK_PATIENCE = 7

HEADER_BYTES = 16
EXTENSION_BYTES = 12

#: Beats that one credit stands for.
CREDIT_UNIT = 8


class MessageClass(enum.Enum, shape=2):
    """Classes of packets, each with buffers and credits of its own.

    A class may wait only for a later one; replies are always taken in.
    """

    REQUEST = 0
    FORWARD = 1
    REPLY = 2
    CONTROL = 3


class PacketKind(enum.Enum, shape=5):
    """Kinds of packets. The upper two bits are the message class; see `message_class`."""

    READ = 0
    """Asks for ``length`` bytes. Extension: `LogicalAddress`."""

    WRITE = 1
    """Brings ``length`` bytes. Extension: `LogicalAddress`."""

    ACCUMULATE = 2
    """Brings ``length`` bytes of int32, whose sums with what is there are stored; ``length`` and
    offset are multiples of 4. Extension: `LogicalAddress`. Answered by WRITE_ACK. Transactions are
    numbered as `TransactionNumber` says; whoever has performed one that is repeated adds nothing
    again, and answers."""

    MAP_UPDATE = 3
    """Brings a `FragmentEntry` to its home, which keeps it in place of the one it has, and answers
    when no node has that one any more. Extension: `LogicalAddress` of the entry; nodes below its
    ``offset`` are told whether or not the home knows that they have the entry."""

    MAP_LOOKUP = 8
    """Asks a fragment's home for its entry in the map. Extension: `LogicalAddress`, of which data
    ID and fragment count alone."""

    MAP_INVALIDATE = 9
    """Tells a node to forget an entry of the map. Extension: `LogicalAddress`, of which data ID and
    fragment count alone."""

    READ_REPLY = 16
    """Brings the bytes that were asked for, all of them."""

    WRITE_ACK = 17
    """The bytes of a WRITE or ACCUMULATE are committed."""

    ERROR = 18
    """A request was refused. Extension: `ErrorDetail`."""

    MAP_REPLY = 19
    """Brings the `FragmentEntry` that was asked for; or one whose ``entry_format`` is 0, if the
    home has none."""

    MAP_INVALIDATED = 20
    """The node has forgotten the entry, and does nothing any more that goes by it."""

    MAP_UPDATED = 21
    """A MAP_UPDATE is complete: no node goes by an earlier entry."""

    CREDIT = 24
    """Returns credits where no other packet goes that way. Never leaves its link, needs no
    credits itself, but is numbered and kept like any other."""

    SYNC_ARRIVE = 25
    """A member has reached an ESP. Extension: `SyncPoint`."""

    SYNC_RELEASE = 26
    """All members have. Extension: `SyncPoint`."""

    ACK = 28
    """Notice: what has arrived (``acknowledge``), and what comes next (``sequence``)."""

    RETRY = 29
    """Notice: an ACK that asks for what has not arrived to be sent again."""

    HELLO = 30
    """Notice: this end has begun anew, and does not know yet whether the other end knows."""


#: Kinds that are notices.
NOTICES = (PacketKind.ACK, PacketKind.RETRY, PacketKind.HELLO)

#: Kinds that have an extension.
EXTENDED = (
    PacketKind.READ,
    PacketKind.WRITE,
    PacketKind.ACCUMULATE,
    PacketKind.MAP_LOOKUP,
    PacketKind.MAP_UPDATE,
    PacketKind.MAP_INVALIDATE,
    PacketKind.ERROR,
    PacketKind.SYNC_ARRIVE,
    PacketKind.SYNC_RELEASE,
)


def message_class(kind: PacketKind) -> MessageClass:
    """Class that packets of `kind` travel in."""
    return MessageClass(kind.value >> 3)


def beats(kind: PacketKind, length: int, link_bytes: int) -> int:
    """Beats of a packet on a link of `link_bytes` bytes a beat."""
    extension = link_bytes * -(-EXTENSION_BYTES // link_bytes) if kind in EXTENDED else 0
    payload = 0 if kind is PacketKind.READ else length
    return (HEADER_BYTES + extension) // link_bytes + -(-payload // link_bytes)


class PacketHeader(data.Struct):
    """First 16 bytes of every packet.

    What routers and buffers need comes in the first 4 bytes; what belongs to the link, in the last
    8.
    """

    destination: NODE
    """Node it goes to."""

    kind: PacketKind
    """What it is."""

    length: 11
    """Bytes of payload, at most 1,024; for READ, bytes asked for."""

    source: NODE
    """Node that made it."""

    transaction: 16
    """Chosen by the requester, repeated in the reply; unique per node and epoch."""

    crc: 32
    """CRC-32 of the packet."""

    sequence: 8
    """Counts the packets of a link; in notices, number of the packet that is sent next."""

    acknowledge: 8
    """In notices: number of the packet that is expected next from the other end. Else zero."""

    credit_class: MessageClass
    """Class whose credits are returned. In notices zero."""

    credits: 6
    """Credits returned, each for `CREDIT_UNIT` beats. In notices: epoch of the other end, as far as
    this one has heard of it; else zero."""

    epoch: 4
    """Life of the sending end: 1 to 15 in turn, another one with every reset."""

    link_format: 4
    """`LINK_FORMAT`."""


class TransactionNumber(data.Struct):
    """What a requester puts into ``transaction``: so may have 8 requests open."""

    place: 3
    """Tells its open requests apart."""

    count: 12
    """Tells apart what uses one place after another."""

    repeated: 1
    """It has been sent to this node before, which has not answered."""


class ErrorDetail(data.Struct):
    """Extension of ERROR: what was refused, and why."""

    data_id: 40
    """As in the request."""

    fragment: 16
    """As in the request."""

    offset: 24
    """As in the request."""

    fault: 8
    """A `FaultCode`."""

    reserved: 8
    """Must be zero."""


class SyncPoint(data.Struct):
    """Extension of SYNC_ARRIVE and SYNC_RELEASE."""

    group: 8
    """Group of nodes."""

    reserved: 8
    """Must be zero."""

    esp: 16
    """Exchange synchronization point."""

    reserved1: 64
    """Must be zero."""
