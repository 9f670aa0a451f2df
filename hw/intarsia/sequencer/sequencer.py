"""Sequencer: fetches the programs of all contexts, and feeds the engines."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.ports import Engine, GroupRequest, MemoryRead, SyncRequest
from intarsia.isa.address import CONTEXT
from intarsia.isa.counters import Activity
from intarsia.isa.elementwise import VectorDescriptor
from intarsia.isa.faults import FaultReport
from intarsia.isa.instruction import ControlOp, Notify, Stream
from intarsia.isa.kernel import ConvDescriptor
from intarsia.isa.transfer import LocalDescriptor, RemoteDescriptor
from intarsia.sequencer.contexts import Contexts
from intarsia.sequencer.control import Control
from intarsia.sequencer.coupling import Coupling
from intarsia.sequencer.flights import Flights
from intarsia.sequencer.loader import Loader
from intarsia.sequencer.merge import FaultMerge
from intarsia.sequencer.overtaking import OvertakingFlights
from intarsia.sequencer.parts import UNIT_BITS, SlotWrite
from intarsia.sequencer.station import Station
from intarsia.sequencer.tokens import Tokens
from intarsia.sequencer.watch import Watch
from intarsia.sequencer.watchdog import LIMIT, Watchdog

__all__ = ["DESCRIPTORS", "Sequencer"]

#: What the engines are given, by stream; control instructions stay in the sequencer.
DESCRIPTORS = {
    Stream.CONV: ConvDescriptor,
    Stream.VECTOR: VectorDescriptor,
    Stream.LOCAL: LocalDescriptor,
    Stream.REMOTE: RemoteDescriptor,
}


#: Streams in which contexts overtake each other.
OVERTAKING = (Stream.REMOTE,)


class Sequencer(wiring.Component):
    """Runs programs: one stream of instructions per engine, in any number of contexts.

    An instruction is fetched while those before it are under way, and offered to its engine as soon
    as its tokens are there: where they are, an engine that can take a job finds it waiting. Four
    cycles after a `done`, a job that needed its tokens is offered.

    While nothing changes (no token, ring, slot, start, stop, nor anything from an engine), nothing
    toggles but what counts pulses of `tick`.

    Parameters
    ----------
    config : ChipConfig
    faults : int
        Number of other blocks whose faults are merged in.

    Members
    -------
    conv, vector, local, remote : In(Engine(...))
        The engines.
    comes : Out(1)
        A job for `remote` waits, for tokens or for the engine: ``remote.job.p`` is what it will be,
        unless the host sets slots, or another context goes first.
    delivers, deliverer : In(1), In(CONTEXT)
        The convolution engine has a chained job on its way out, of this context.
    forsaken : Out(1)
        No instruction will take what it delivers.
    port : Out(MemoryRead(lanes))
        Programs.
    start, stop, ring : In(stream.Signature(CONTEXT, always_ready=True))
        From the host. A context that runs must not be started.
    slot : In(stream.Signature(SlotWrite, always_ready=True))
        From the host. Reaches every instruction that has not started.
    limit : In(16)
        See WATCHDOG in :mod:`intarsia.isa.registers`.
    tick : In(1)
        Timebase pulse.
    running, faulted : Out(contexts)
    sync : Out(stream.Signature(SyncRequest))
    sync_done : In(stream.Signature(CONTEXT, always_ready=True))
    declare : Out(stream.Signature(GroupRequest))
    notify : Out(stream.Signature(Notify, always_ready=True))
    fault0, fault1, … : In(stream.Signature(FaultReport, always_ready=True))
        Faults of other blocks.
    fault : Out(stream.Signature(FaultReport, always_ready=True))
        All faults.
    activity : Out(Activity).array(len(Stream))
        By stream: what its engine does, or else what it lacks.
    trace_start, trace_done : Out(len(Stream))
        An instruction is the first under way in its stream from now on; it is complete. Never both
        in one cycle, for one stream. NOP, END and LOOP are not traced.
    trace_layer, trace_context : Out(16).array(len(Stream)), Out(CONTEXT).array(len(Stream))
        Of the instruction that starts (layer and context) or is complete (context).
    """

    def __init__(self, *, config, faults):
        self.config = config
        self.faults = faults
        contexts = config.contexts
        host = stream.Signature(CONTEXT, always_ready=True)
        report = stream.Signature(FaultReport, always_ready=True)
        super().__init__({
            **{
                of.name.lower(): In(Engine(layout, ordered=of not in OVERTAKING))
                for of, layout in DESCRIPTORS.items()
            },
            "comes": Out(1),
            "delivers": In(1),
            "deliverer": In(CONTEXT),
            "forsaken": Out(1),
            "port": Out(MemoryRead(config.lanes)),
            "start": In(host),
            "stop": In(host),
            "ring": In(host),
            "slot": In(stream.Signature(SlotWrite, always_ready=True)),
            "limit": In(LIMIT),
            "tick": In(1),
            "running": Out(contexts),
            "faulted": Out(contexts),
            "sync": Out(stream.Signature(SyncRequest)),
            "sync_done": In(host),
            "declare": Out(stream.Signature(GroupRequest)),
            "notify": Out(stream.Signature(Notify, always_ready=True)),
            **{f"fault{n}": In(report) for n in range(faults)},
            "fault": Out(report),
            "activity": Out(Activity).array(len(Stream)),
            "trace_start": Out(len(Stream)),
            "trace_done": Out(len(Stream)),
            "trace_layer": Out(16).array(len(Stream)),
            "trace_context": Out(CONTEXT).array(len(Stream)),
        })

    def elaborate(self, platform):
        m = Module()
        contexts = self.config.contexts

        m.submodules.loader = loader = Loader(config=self.config)
        m.submodules.contexts = state = Contexts(contexts=contexts)
        m.submodules.tokens = tokens = Tokens(
            contexts=contexts,
            givers=(*Stream, Stream.CONTROL),
            takers=len(Stream),
            askers=len(Stream) + 1,
            relays=self.config.relays,
        )
        m.submodules.control = control = Control(contexts=contexts)
        m.submodules.watch = watch = Watch(contexts=contexts)
        m.submodules.watchdog = watchdog = Watchdog(contexts=contexts)
        m.submodules.coupling = coupling = Coupling(contexts=contexts)
        stations, flights = [], []
        for of in Stream:
            layout = DESCRIPTORS.get(of)
            units = layout.as_shape().size // UNIT_BITS if layout else 1
            station = Station(of=of, contexts=contexts, units=units)
            flight = (OvertakingFlights if of in OVERTAKING else Flights)(contexts=contexts)
            m.submodules[f"station_{of.name.lower()}"] = station
            m.submodules[f"flights_{of.name.lower()}"] = flight
            stations.append(station)
            flights.append(flight)

        connect(m, loader=loader.port, memory=flipped(self.port))
        connect(m, loader=loader.start, contexts=state.begin)
        connect(m, loader=loader.clear, tokens=tokens.clear)
        connect(m, host=flipped(self.start), contexts=state.start)
        connect(m, host=flipped(self.stop), contexts=state.stop)
        connect(m, host=flipped(self.slot), loader=loader.slot)
        connect(m, host=flipped(self.ring), control=control.ring)
        connect(m, control=control.sync, port=flipped(self.sync))
        connect(m, control=control.declare, port=flipped(self.declare))
        connect(m, control=control.notify, host=flipped(self.notify))
        connect(m, port=flipped(self.sync_done), control=control.sync_done)
        m.d.comb += [
            state.streams.eq(loader.streams),
            self.running.eq(state.running),
            self.faulted.eq(state.faulted),
        ]
        held = Const(0)
        for part in (*stations, *flights):
            held = held | part.held
        m.d.comb += state.held.eq(held)

        for n in range(len(Stream)):
            self._connect_stream(m, n, stations[n], flights[n], loader, state, tokens, watch)
        self._connect_engines(m, stations, flights, control)
        self._connect_chain(m, stations[Stream.VECTOR.value], state, coupling)
        self._connect_control(m, stations, flights, state, tokens, watch, control)
        called = coupling.called
        self._connect_watch(
            m, stations, flights, loader, state, tokens, control, watch, watchdog, called
        )
        self._report_activity(m, stations, control)
        self._merge_faults(m, stations, loader, state, tokens, watch)
        return m

    def _connect_stream(self, m, n, station, flight, loader, state, tokens, watch):
        """Station and flights of stream `n`."""
        late = self._late(m)
        drop = state.stopped | (self.slot.valid << self.slot.p.context)
        here = loader.target.stream == Stream(n)
        connect(m, station.flight, flight.start)
        connect(m, station.take, getattr(tokens, f"take{n}"))
        m.d.comb += [
            loader.wanted[n].eq(station.wanted),
            loader.wish[n].eq(station.wish),
            station.granted.eq(loader.granted[n]),
            station.head.valid.eq(loader.head.valid & here),
            station.head.p.eq(loader.head.p),
            station.body.valid.eq(loader.body.valid & here),
            station.body.p.eq(loader.body.p),
            station.drop.eq(drop),
            state.ended[n].eq(station.ended),
            watch.waiting[n].eq(station.waiting << station.context),
            watch.postpone[n].eq(station.leaving << station.context),
            self.trace_layer[n].eq(flight.shown.layer),
        ]
        late += [
            watch.flight[n].eq(flight.first),
            watch.flying[n].eq(flight.flying & ~flight.first.instant),
        ]
        m.d.comb += [
            tokens.asked[n].eq(station.context),
            station.available.eq(tokens.available[n]),
        ]
        with m.If(station.take.valid & station.take.ready):
            m.d.comb += [loader.place.valid.eq(1), loader.place.p.eq(station.next)]
        connect(m, flight.give, getattr(tokens, f"give{n}"))
        if n != Stream.CONTROL.value:
            m.d.comb += [
                station.candidates.eq(state.alive[n] & ~watch.postponed[n]),
                flight.offered.eq(station.job.valid),
                self.trace_start[n].eq(flight.began),
                self.trace_done[n].eq(flight.ended),
                self.trace_context[n].eq(flight.shown.context),
            ]

    def _connect_engines(self, m, stations, flights, control):
        """Jobs out, completions in."""
        for of in DESCRIPTORS:
            engine = self._engine(of.value)
            station = stations[of.value]
            m.d.comb += [
                engine.job.valid.eq(station.job.valid),
                engine.job.p.opcode.eq(station.job.p.header.opcode),
                engine.job.p.context.eq(station.context),
                engine.job.p.descriptor.eq(station.job.p.units),
                station.job.ready.eq(engine.job.ready),
                flights[of.value].done.eq(engine.done),
            ]
            if of in OVERTAKING:
                m.d.comb += flights[of.value].whose.eq(engine.whose)
        remote = stations[Stream.REMOTE.value]
        m.d.comb += self.comes.eq(remote.waiting | remote.job.valid)
        own = stations[Stream.CONTROL.value]
        connect(m, own.job, control.job)
        m.d.comb += [
            control.context.eq(own.context),
            flights[Stream.CONTROL.value].done.eq(control.done),
        ]

    def _connect_control(self, m, stations, flights, state, tokens, watch, control):
        """The control stream: a SYNC gives its tokens, and is traced, when its barrier opens."""
        n = Stream.CONTROL.value
        station, flight = stations[n], flights[n]
        late = self._late(m)
        opened = getattr(tokens, f"give{len(Stream)}")
        rung = Signal.like(control.rung)
        late += rung.eq(control.rung)
        syncs = Signal()
        ends = Signal()
        completes = Signal()
        m.d.comb += [
            station.candidates.eq(state.alive[n] & ~watch.postponed[n] & ~control.syncing),
            station.rung.eq(rung),
            control.forget.eq(self._dead(state)),
            control.lingering.eq(station.patient << station.context),
            control.hush.eq(self.stop.valid << self.stop.p),
            syncs.eq(flight.first.opcode == ControlOp.SYNC),
            # Nothing else of the stream is traced in the cycle in which a barrier opens.
            ends.eq(flight.ended & ~syncs),
            opened.valid.eq(control.give.valid & ~flight.flying),
            opened.p.eq(control.give.p),
            control.give.ready.eq(opened.ready & opened.valid),
            completes.eq(control.give.valid & control.give.ready),
            self.trace_start[n].eq(flight.began),
            self.trace_done[n].eq(ends | completes),
            self.trace_context[n].eq(Mux(completes, control.give.p.context, flight.first.context)),
        ]

    @staticmethod
    def _dead(state):
        """Contexts without any stream."""
        lively = state.alive[0]
        for alive in state.alive[1:]:
            lively = lively | alive
        return ~lively

    def _connect_chain(self, m, station, state, coupling):
        """Chained instructions for the vector engine wait for those of the convolution engine."""
        m.d.comb += [
            coupling.delivers.eq(self.delivers),
            coupling.deliverer.eq(self.deliverer),
            coupling.taken.eq(station.chained & station.take.valid & station.take.ready),
            coupling.alive.eq(state.alive[Stream.VECTOR.value]),
            station.wanted_chain.eq(coupling.wanted),
            self.forsaken.eq(coupling.forsaken),
        ]

    def _connect_watch(
        self, m, stations, flights, loader, state, tokens, control, watch, watchdog, called
    ):
        """What waits, and what moves."""
        contexts = self.config.contexts
        rung = Signal(contexts)
        m.d.sync += rung.eq(self.ring.valid << self.ring.p)
        m.d.comb += [
            watch.head.valid.eq(loader.head.valid),
            watch.head.p.context.eq(loader.target.context),
            watch.head.p.stream.eq(loader.target.stream),
            watch.head.p.opcode.eq(loader.head.p.header.opcode),
            watch.head.p.wait.eq(loader.head.p.header.wait),
            watch.resume.eq(stations[0].drop),
            watch.changed.eq(tokens.changed | rung | called),
            watch.rung.eq(stations[Stream.CONTROL.value].rung),
            watch.syncing.eq(control.syncing),
            watch.expired.eq(watchdog.expired),
        ]
        m.d.comb += [
            tokens.asked[len(Stream)].eq(watch.asked),
            watch.available.eq(tokens.available[len(Stream)]),
        ]

        progress = Const(0)
        for n, (station, flight) in enumerate(zip(stations, flights, strict=True)):
            works = flight.ended
            if Stream(n) in DESCRIPTORS:
                works = works | (flight.flying & (self._engine(n).activity == Activity.BUSY))
            moves = Signal(contexts, name=f"moves{n}")
            with m.If(works):
                overtaking = Stream(n) in OVERTAKING
                m.d.comb += moves.eq(flight.held if overtaking else 1 << flight.first.context)
            starts = Signal(contexts, name=f"starts{n}")
            with m.If(station.take.valid & station.take.ready):
                m.d.comb += starts.eq(1 << station.context)
            progress = progress | moves | starts
        m.d.comb += [
            watchdog.tick.eq(self.tick),
            watchdog.limit.eq(self.limit),
            watchdog.watched.eq(state.running & ~state.faulted),
            watchdog.patient.eq(control.patient),
            watchdog.progress.eq(progress),
        ]

    def _report_activity(self, m, stations, control):
        """What an engine does; where it does nothing, what its stream lacks, unless patiently."""
        for n, (station, activity) in enumerate(zip(stations, self.activity, strict=True)):
            patient = (control.patient >> station.context)[0] | station.patient
            with m.If(station.fetching & ~patient):
                m.d.comb += activity.eq(Activity.MEMORY)
            with m.Elif(station.waiting & ~patient):
                m.d.comb += activity.eq(Activity.OPERANDS)
            if Stream(n) in DESCRIPTORS:
                with m.If(self._engine(n).activity != Activity.IDLE):
                    m.d.comb += activity.eq(self._engine(n).activity)
            else:
                with m.If(station.job.valid):
                    m.d.comb += activity.eq(Activity.BUSY)
                with m.Elif((control.syncing & ~control.patient).any()):
                    m.d.comb += activity.eq(Activity.BARRIER)

    def _merge_faults(self, m, stations, loader, state, tokens, watch):
        """All faults, those of this block first."""
        sources = [loader, tokens, watch, *stations]
        sources += [self._engine(of.value) for of in DESCRIPTORS]
        ports = [source.fault for source in sources]
        ports += [getattr(self, f"fault{n}") for n in range(self.faults)]
        m.submodules.merge = merge = FaultMerge(contexts=self.config.contexts, sources=len(ports))
        for source, port in zip(merge.sources, ports, strict=True):
            # That of tokens is known at the end of a cycle only.
            domain = self._late(m) if port is tokens.fault else m.d.comb
            domain += [source.valid.eq(port.valid), source.p.eq(port.p)]
        connect(m, merge=merge.fault, host=flipped(self.fault))
        late = self._late(m)
        late += state.faulty.eq(merge.faulty)

    def _late(self, m):
        """The domain of what is known a cycle later with relays."""
        return m.d.sync if self.config.relays else m.d.comb

    def _engine(self, n):
        return getattr(self, Stream(n).name.lower())
