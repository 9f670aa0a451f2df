"""Fair choice between requests, one per cycle."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["RoundRobin"]


class RoundRobin(wiring.Component):
    """Grants one of the requests in each cycle; who was granted is last in line for the next one.

    A client that keeps asking is granted after at most ``clients - 1`` others.

    Combinational from request to grant, unless `parked`: then grants come from a register, a cycle
    after the request, and stay where they are until somebody else asks. So who was granted last
    goes on without a delay, and where two keep asking, no cycle is lost; but one is where the one
    who has the grant does not want it, and another one does.

    Parameters
    ----------
    clients : int
    parked : bool

    Members
    -------
    requests : In(clients)
    grants : Out(clients)
        At most one bit, of those in `requests`; none only if there are no requests. If `parked`:
        exactly one bit, of one who may not even ask.
    """

    def __init__(self, *, clients, parked=False):
        if not isinstance(clients, int) or clients <= 0:
            raise TypeError(f"Clients must be a positive integer, not {clients!r}")
        self.clients = clients
        self.parked = parked
        super().__init__({"requests": In(clients), "grants": Out(clients, init=int(parked))})

    def elaborate(self, platform):
        m = Module()

        # Clients after the one granted last; they go first.
        after = Signal(self.clients)
        first = Signal(self.clients)
        asking = Signal(self.clients)
        chosen = Signal(self.clients)
        m.d.comb += [
            asking.eq(self.requests & ~self.grants if self.parked else self.requests),
            first.eq(asking & after),
            chosen.eq(Mux(first.any(), _lowest(first), _lowest(asking))),
        ]
        with m.If(asking.any()):
            m.d.sync += after.eq(_upward(chosen) << 1)
        if not self.parked:
            m.d.comb += self.grants.eq(chosen)
        else:
            with m.If(asking.any()):
                m.d.sync += self.grants.eq(chosen)

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
