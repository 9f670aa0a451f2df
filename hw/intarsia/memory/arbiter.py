"""Fair choice between requests, one per cycle."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RoundRobin"]


class RoundRobin(wiring.Component):
    """Grants one of the requests in each cycle; who was granted is last in line for the next one.

    Combinational from request to grant. A client that keeps asking is granted after at most
    ``clients - 1`` others.

    Parameters
    ----------
    clients : int

    Members
    -------
    requests : In(clients)
    grants : Out(clients)
        At most one bit, of those in `requests`; none only if there are no requests.
    """

    def __init__(self, *, clients):
        if not isinstance(clients, int) or clients <= 0:
            raise TypeError(f"Clients must be a positive integer, not {clients!r}")
        self.clients = clients
        super().__init__({"requests": In(clients), "grants": Out(clients)})

    def elaborate(self, platform):
        m = Module()

        # Clients after the one granted last; they go first.
        after = Signal(self.clients)
        first = Signal(self.clients)
        m.d.comb += [
            first.eq(self.requests & after),
            self.grants.eq(Mux(first.any(), _lowest(first), _lowest(self.requests))),
        ]
        with m.If(self.requests.any()):
            m.d.sync += after.eq(_upward(self.grants) << 1)

        return m


def _upward(bits):
    """Ones from the lowest bit of `bits` that is set on; by doubling, as carries are slow."""
    step = 1
    while step < len(bits):
        bits = (bits | (bits << step))[: len(bits)]
        step *= 2
    return bits


def _lowest(bits):
    """The lowest bit of `bits` that is set."""
    return bits & ~(_upward(bits) << 1)
