"""Where in a packet's beats things are, for one width of link."""

from dataclasses import dataclass

from intarsia.isa.address import PAYLOAD_MAX
from intarsia.isa.packet import (
    EXTENSION_BYTES,
    HEADER_BYTES,
    LINK_FORMAT,
    MessageClass,
    PacketHeader,
)

__all__ = ["CLASSES", "SHORT", "Geometry"]

#: Classes that have buffers, in the order in which they are sent: who comes first waits for nobody
#: behind it.
CLASSES = {
    "control": MessageClass.CONTROL,
    "reply": MessageClass.REPLY,
    "forward": MessageClass.FORWARD,
    "request": MessageClass.REQUEST,
}

#: Classes whose packets have no payload.
SHORT = ("control", "forward")


@dataclass(frozen=True)
class Geometry:
    """Beats of packets on a link of `link_bytes` bytes a beat: 4 or 16.

    Raises
    ------
    :exc:`ValueError`
        For any other width.
    """

    link_bytes: int

    def __post_init__(self):
        if self.link_bytes not in (4, 16):
            raise ValueError(f"Links are 4 or 16 bytes wide, not {self.link_bytes!r}")

    @property
    def header_beats(self):
        """Beats of a header."""
        return HEADER_BYTES // self.link_bytes

    @property
    def index(self):
        """Shape of a number that tells the beats of a header apart; it has one bit at least."""
        return range(max(2, self.header_beats))

    @property
    def extension_beats(self):
        """Beats of an extension."""
        return -(-EXTENSION_BYTES // self.link_bytes)

    @property
    def longest(self):
        """Beats of the longest packet."""
        return self.header_beats + self.extension_beats + PAYLOAD_MAX // self.link_bytes

    @property
    def shortest_with_extension(self):
        """Beats of a packet of a class in `SHORT`, at most."""
        return self.header_beats + self.extension_beats

    def capacity(self, name):
        """Beats that a receiver buffers for the class called `name`; a power of two.

        On links of 16 bytes a beat, replies and requests have room for the round trip of a link of
        32 cycles; on those of 4, replies alone.
        """
        if name in SHORT:
            return 64
        return 1024 if name == "reply" and self.link_bytes == 4 else 512

    def demand(self, name):
        """Credits, in beats, that a packet of the class called `name` is sent with at least."""
        return self.shortest_with_extension if name in SHORT else self.longest

    @property
    def ring(self):
        """Beats that a transmitter keeps until they are acknowledged; a power of two."""
        return 1024 if self.link_bytes == 4 else 512

    @property
    def window(self):
        """Packets that may wait for an acknowledgement; a power of two, at most 64."""
        return 16 if self.link_bytes == 4 else 32

    def locate(self, field):
        """Beat that `field` of the header begins in, and its bit there."""
        offset = PacketHeader.as_shape()[field].offset
        return divmod(offset, 8 * self.link_bytes)

    @property
    def format(self):
        """Version that packets carry."""
        return LINK_FORMAT
