"""How streams lead from block to block: straight, or with a cycle on the way."""

from amaranth.lib.wiring import connect

from intarsia.common.lookup import LookupRequest
from intarsia.common.ports import PacketBeat
from intarsia.common.relay import Relay

__all__ = ["Joints"]

#: Classes whose packets have no payload.
SHORT = ("control", "forward")


class Joints:
    """Connects blocks in a module, with relays between them if the configuration has those.

    Parameters
    ----------
    config : ChipConfig
    """

    def __init__(self, config):
        self.config = config

    def relay(self, m, name, shape, source, sink, *, seldom=True):
        """A stream of `shape`; with relays a payload every other cycle, if it is `seldom`."""
        if self.config.relays:
            m.submodules[f"{name}_relay"] = relay = Relay(shape, single=seldom)
            connect(m, source=source, relay=relay.i)
            connect(m, relay=relay.o, sink=sink)
        else:
            connect(m, source=source, sink=sink)

    def packets(self, m, name, source, sink):
        """Packets, of the class that is part of `name`; those that have no payload are seldom."""
        seldom = any(of in name for of in SHORT)
        self.relay(m, name, PacketBeat(self.config.link_bytes), source, sink, seldom=seldom)

    def look_up(self, m, name, asks, answers):
        """A client of the ATU, and what it is told."""
        self.relay(m, name, LookupRequest, asks.request, answers.request)
        self.tell(m, answers.result, asks.result)

    def tell(self, m, source, sink):
        """What must be taken at once."""
        if not self.config.relays:
            connect(m, source=source, sink=sink)
            return
        m.d.sync += sink.valid.eq(source.valid)
        with m.If(source.valid):
            m.d.sync += sink.p.eq(source.p)

    def show(self, m, source, sink):
        """What is only counted, or watched."""
        if self.config.relays:
            m.d.sync += sink.eq(source)
        else:
            m.d.comb += sink.eq(source)

    def employ(self, m, sequencer, engine):
        """An engine: with relays, the sequencer knows a cycle later what became of a job."""
        if not self.config.relays:
            connect(m, sequencer=sequencer, engine=engine)
            return
        connect(m, sequencer=sequencer.job, engine=engine.job)
        self.tell(m, engine.fault, sequencer.fault)
        self.show(m, engine.activity, sequencer.activity)
        m.d.sync += sequencer.done.eq(engine.done)
        if not engine.signature.ordered:
            m.d.sync += sequencer.whose.eq(engine.whose)
