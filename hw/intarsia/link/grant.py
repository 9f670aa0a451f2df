"""Credits, as one half of a port passes them to the other."""

from amaranth import *
from amaranth.lib import data

from intarsia.isa.packet import MessageClass

__all__ = ["Grant"]


class Grant(data.Struct):
    """Credits that the other side gave."""

    message_class: MessageClass
    """Class they are for."""

    credits: 6
    """How many, each for `CREDIT_UNIT` beats."""
