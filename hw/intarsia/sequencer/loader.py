"""Everything that reads programs: one port to memory, the slot table, and places in programs."""

from amaranth import *
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.ports import MemoryRead
from intarsia.isa.address import CONTEXT
from intarsia.isa.faults import FaultReport
from intarsia.isa.instruction import Stream
from intarsia.sequencer.fetcher import Fetcher
from intarsia.sequencer.parts import BodyUnit, FetchRequest, Head, Place, PlaceWrite, SlotWrite
from intarsia.sequencer.reader import UnitReader
from intarsia.sequencer.slots import SlotTable
from intarsia.sequencer.starter import Starter

__all__ = ["Loader"]


class Loader(wiring.Component):
    """Fetches instructions for all stations, and starts programs.

    Stations are served in turn, one at a time, but every other turn is that of REMOTE, if it wants
    it: what is moved is waited for. Starting a program goes before them.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    slot : In(stream.Signature(SlotWrite, always_ready=True))
    start : In(stream.Signature(CONTEXT))
        Context whose program starts. Accepted when it has, or when it can't.
    streams : Out(len(Stream))
        With the acceptance: streams that the program has; none, with a fault.
    clear : Out(stream.Signature(CONTEXT))
        Token counters to make zero.
    wanted : In(len(Stream))
        Streams whose station wants an instruction.
    wish : In(CONTEXT).array(len(Stream))
        For each of those, the context.
    granted : Out(len(Stream))
        The station whose wish is being fulfilled from this cycle on.
    place : In(stream.Signature(PlaceWrite, always_ready=True))
        An instruction starts; the stream's place is the one after it.
    target : Out(FetchRequest)
        Whose instruction comes.
    head : Out(stream.Signature(Head, always_ready=True))
    body : Out(stream.Signature(BodyUnit, always_ready=True))
    port : Out(MemoryRead(lanes))
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "slot": In(stream.Signature(SlotWrite, always_ready=True)),
            "start": In(stream.Signature(CONTEXT)),
            "streams": Out(len(Stream)),
            "clear": Out(stream.Signature(CONTEXT)),
            "wanted": In(len(Stream)),
            "wish": In(CONTEXT).array(len(Stream)),
            "granted": Out(len(Stream)),
            "place": In(stream.Signature(PlaceWrite, always_ready=True)),
            "target": Out(FetchRequest),
            "head": Out(stream.Signature(Head, always_ready=True)),
            "body": Out(stream.Signature(BodyUnit, always_ready=True)),
            "port": Out(MemoryRead(config.lanes)),
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.reader = reader = UnitReader(lanes=self.config.lanes)
        m.submodules.slots = slots = SlotTable(config=self.config)
        m.submodules.fetcher = fetcher = Fetcher()
        m.submodules.starter = starter = Starter()
        connect(m, slots=slots.write, host=flipped(self.slot))
        connect(m, reader=reader.port, memory=flipped(self.port))
        connect(m, fetcher=fetcher.head, stations=flipped(self.head))
        connect(m, fetcher=fetcher.body, stations=flipped(self.body))
        connect(m, starter=starter.clear, tokens=flipped(self.clear))
        connect(m, starter=starter.fault, fault=flipped(self.fault))

        # The starter has the memory and the slot table from when the fetcher is idle until it is
        # done.
        starting = Signal()
        with m.If(starting):
            connect(m, starter.request, reader.request)
            m.d.comb += slots.read.eq(starter.slot)
            with m.If(starter.start.ready):
                m.d.sync += starting.eq(0)
        with m.Else():
            connect(m, fetcher.request, reader.request)
            m.d.comb += slots.read.eq(fetcher.slot)
            m.d.sync += starting.eq(self.start.valid & fetcher.fetch.ready)
        for client in (fetcher, starter):
            m.d.comb += [client.entry.eq(slots.entry), client.unit.p.eq(reader.unit.p)]
        m.d.comb += [
            starter.unit.valid.eq(reader.unit.valid & starting),
            fetcher.unit.valid.eq(reader.unit.valid & ~starting),
            starter.start.p.eq(self.start.p),
            starter.start.valid.eq(self.start.valid & starting),
            self.start.ready.eq(starter.start.ready & starting),
            self.streams.eq(starter.streams),
        ]

        self._choose(m, fetcher, ~starting & ~self.start.valid)
        self._keep_places(m, fetcher, starter)
        return m

    def _choose(self, m, fetcher, free):
        """Fetch for REMOTE, or for the last station, before the one served last, that wants it.

        REMOTE comes first where it was not the last one. When a program starts, CONTROL comes
        first, and then REMOTE. With ``config.relays`` who comes is chosen a cycle before, and must
        still want it then.
        """
        moves = 1 << Stream.REMOTE.value
        earlier = Signal(len(Stream), init=1)
        moved = Signal(init=1)
        others, first = Signal(len(Stream)), Signal(len(Stream))
        chosen = Signal(len(Stream))
        wants = Signal(len(Stream))
        m.d.comb += [
            others.eq(self.wanted & ~moves),
            first.eq(others & earlier),
            chosen.eq(Mux(first.any(), first, others)),
        ]
        with m.If((self.wanted & moves).any() & ~(moved & others.any())):
            m.d.comb += chosen.eq(moves)
        m.d.comb += [
            fetcher.fetch.valid.eq(wants.any() & free),
        ]
        if self.config.relays:
            before = Signal(len(Stream))
            last = Cat(chosen[n] & ~chosen[n + 1 :].any() for n in range(len(Stream)))
            m.d.sync += before.eq(last)
            m.d.comb += wants.eq(before & self.wanted)
        else:
            m.d.comb += wants.eq(chosen)
        with m.If(self.start.valid & self.start.ready):
            m.d.sync += [earlier.eq(1), moved.eq(1)]
        with m.If(fetcher.fetch.valid):
            for n in range(len(Stream)):
                with m.If(wants[n]):
                    m.d.comb += [
                        fetcher.fetch.p.stream.eq(n),
                        fetcher.fetch.p.context.eq(self.wish[n]),
                    ]
            with m.If(fetcher.fetch.ready):
                m.d.comb += self.granted.eq(1 << fetcher.fetch.p.stream.as_value())
                m.d.sync += [
                    self.target.eq(fetcher.fetch.p),
                    moved.eq((self.granted & moves).any()),
                ]
                with m.If(~(self.granted & moves).any()):
                    m.d.sync += earlier.eq(self.granted - 1)

    def _keep_places(self, m, fetcher, starter):
        """Where each stream of each context is. Means something only for streams that run."""
        row = data.StructLayout({"stream": Stream, "context": range(self.config.contexts)})
        m.submodules.places = places = memory.Memory(shape=Place, depth=1 << row.size, init=[])
        read = places.read_port()
        write = places.write_port()
        m.d.comb += [
            read.addr.eq(Cat(fetcher.fetch.p.stream, fetcher.fetch.p.context)),
            fetcher.place.eq(read.data),
            starter.place.ready.eq(~self.place.valid),
            write.en.eq(self.place.valid | starter.place.valid),
        ]
        with m.If(self.place.valid):
            m.d.comb += write.addr.eq(Cat(self.place.p.stream, self.place.p.context))
            m.d.comb += write.data.eq(self.place.p.place)
        with m.Else():
            m.d.comb += write.addr.eq(Cat(starter.place.p.stream, starter.place.p.context))
            m.d.comb += write.data.eq(starter.place.p.place)
