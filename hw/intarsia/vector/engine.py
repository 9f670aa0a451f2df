"""Vector engine: sums of two tensors, and pools."""

from types import SimpleNamespace

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.ports import ChainVector, Engine, MemoryRead, MemoryWrite
from intarsia.isa.counters import Activity
from intarsia.isa.elementwise import VectorDescriptor
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import Stream, VectorOp
from intarsia.vector.arithmetic import Arithmetic
from intarsia.vector.inspector import Inspector
from intarsia.vector.partials import PARTIAL
from intarsia.vector.reader import Reader
from intarsia.vector.walker import Walker
from intarsia.vector.windows import WindowPool
from intarsia.vector.writer import Writer

__all__ = ["VectorEngine"]

#: What a vector of `a` or `b` carries along.
TAG = data.StructLayout({"first": 1, "last": 1, "final": 1})

#: Bits of the words that faults name.
WORD = 32

#: Word of the descriptor that says how many pixels there are.
PIXELS = VectorDescriptor.as_shape()["out_height"].offset // WORD

#: Cycles from a step of the walker to its group of values.
READING = 5

#: Vectors of results that may wait while the memory is busy, at least.
SLACK = 3


class VectorEngine(wiring.Component):
    """Executes ADD, POOL_MAX and POOL_SUM. See :mod:`intarsia.isa.elementwise`.

    Takes up to one tap per cycle (of an ADD: one vector of each input), and gives up to
    `requant_lanes` results per cycle; reads, arithmetic, and writes overlap. A job is accepted once
    the last of its values is past the scaling; the next one's reads begin three cycles later, while
    the results of the first are still rounded and written.

    Reports DESCRIPTOR for a field that is zero, reserved or unknown, PROGRAM for an opcode that
    isn't its own, PARITY for a vector that is damaged: no vector computed from it, or read after
    it, is written.

    A chained job takes as many vectors from `chain` as it needs, and faults where these are not all
    that the convolution has: then, and after any other fault, it takes them up to the last.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    engine : Out(Engine(VectorDescriptor))
    chain : In(stream.Signature(ChainVector(lanes)))
        What the convolution engine hands on.
    a_read, b_read : Out(MemoryRead(lanes))
        `b_read` serves ADD only.
    output_write : Out(MemoryWrite(lanes))
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "engine": Out(Engine(VectorDescriptor)),
            "chain": In(stream.Signature(ChainVector(config.lanes))),
            "a_read": Out(MemoryRead(config.lanes)),
            "b_read": Out(MemoryRead(config.lanes)),
            "output_write": Out(MemoryWrite(config.lanes)),
        })

    def elaborate(self, platform):
        m = Module()
        lanes, group = self.config.lanes, self.config.requant_lanes
        latency = READING + Arithmetic.latency
        depth = 1 << (latency // (lanes // group) + SLACK - 1).bit_length()
        entries = self.config.pool_entries
        windows = WindowPool(lanes=lanes, entries=entries) if entries else None

        # What a failed job leaves behind goes with it.
        clear = Signal()
        emptied = ResetInserter(clear)
        parts = SimpleNamespace(
            walker=Walker(lanes=lanes),
            a=Reader(lanes=lanes, tag=TAG, gifted=True),
            b=Reader(lanes=lanes, tag=TAG),
            arithmetic=Arithmetic(lanes=lanes, group=group, width=PARTIAL.width if windows else 8),
            writer=Writer(lanes=lanes, group=group, depth=depth),
            inspector=Inspector(windows=bool(windows)),
        )
        m.submodules.walker = emptied(parts.walker)
        m.submodules.a_reader = emptied(parts.a)
        m.submodules.b_reader = emptied(parts.b)
        m.submodules.arithmetic = parts.arithmetic
        m.submodules.writer = emptied(parts.writer)
        m.submodules.inspector = parts.inspector
        connect(m, parts.a.memory, flipped(self.a_read))
        connect(m, parts.b.memory, flipped(self.b_read))
        connect(m, parts.writer.memory, flipped(self.output_write))
        connect(m, group=parts.writer.group, values=parts.arithmetic.o)

        state = SimpleNamespace(
            begins=Signal(),
            works=Signal(),
            takes=Signal(),  # what is to be read, or what the convolution hands on
            wrong=Signal(),  # it is not what should be handed on
            held=Signal(),  # there are vectors for the arithmetic
            expects=Signal(),  # vectors of the chain are still to come
            clear=clear,
        )
        self._fetch(m, parts, state)
        self._combine(m, parts, state)
        if windows:
            m.submodules.windows = emptied(windows)
            with m.If(parts.inspector.windowed):
                self._pool_windows(m, parts, state, windows)
        self._supervise(m, parts, state)
        return m

    def _fetch(self, m, parts, state):
        """From steps to requests and places. Both inputs of an ADD are asked for at once."""
        walker, a, b, writer = parts.walker, parts.a, parts.b, parts.writer
        step, takes = walker.step, state.takes
        chained = self.engine.job.p.descriptor.chained
        m.d.comb += [
            a.given.eq(chained),
            a.gift.eq(self.chain.p.bytes),
            walker.work.eq(self.engine.job.p.descriptor),
            walker.add.eq(self._is(VectorOp.ADD)),
            step.ready.eq(
                state.works
                & a.request.ready
                & (b.request.ready | ~walker.add)
                & (writer.place.ready | ~step.p.last)
                & (self.chain.valid | ~chained)
            ),
            takes.eq(step.valid & step.ready),
            walker.load.eq(state.begins),
            state.wrong.eq(self.chain.p.void | (self.chain.p.last ^ step.p.final)),
            self.chain.ready.eq(chained & takes),
            state.expects.eq(chained & step.valid),
            a.request.valid.eq(takes),
            b.request.valid.eq(takes & walker.add),
            writer.place.valid.eq(takes & step.p.last),
            writer.place.p.address.eq(step.p.output),
            writer.place.p.mask.eq(step.p.mask),
            writer.place.p.final.eq(step.p.final),
        ]
        for reader, address in ((a, step.p.a), (b, step.p.b)):
            m.d.comb += [
                reader.request.p.read.address.eq(address),
                reader.request.p.read.mask.eq(step.p.mask),
                reader.request.p.read.context.eq(self.engine.job.p.context),
                reader.request.p.tag.first.eq(step.p.first),
                reader.request.p.tag.last.eq(step.p.last),
                reader.request.p.tag.final.eq(step.p.final),
            ]

    def _combine(self, m, parts, state):
        """From vectors to the arithmetic."""
        a, b, arithmetic = parts.a, parts.b, parts.arithmetic
        add = self._is(VectorOp.ADD)
        enters = Signal()
        m.d.comb += [
            state.held.eq(a.o.valid & (b.o.valid | ~add)),
            enters.eq(state.works & state.held & (arithmetic.free | ~a.o.p.tag.last)),
            a.o.ready.eq(enters),
            b.o.ready.eq(enters & add),
            arithmetic.opcode.eq(self.engine.job.p.opcode),
            arithmetic.work.eq(self.engine.job.p.descriptor),
            arithmetic.clear.eq(state.clear),
            arithmetic.valid_i.eq(enters),
            arithmetic.first.eq(a.o.p.tag.first),
            arithmetic.last.eq(a.o.p.tag.last),
            arithmetic.final.eq(a.o.p.tag.final),
            arithmetic.b.eq(b.o.p.bytes),
        ]
        for tap, byte in zip(arithmetic.a, a.o.p.bytes, strict=True):
            m.d.comb += tap.eq(byte)

    def _pool_windows(self, m, parts, state, windows):
        """The same for a pool of several windows, by way of what is known of each."""
        arithmetic, writer = parts.arithmetic, parts.writer
        m.d.comb += [
            parts.walker.load.eq(0),
            parts.a.request.valid.eq(0),
            windows.load.eq(state.begins),
            windows.work.eq(self.engine.job.p.descriptor),
            windows.maximum.eq(self._is(VectorOp.POOL_MAX)),
            windows.works.eq(state.works),
            windows.chain.valid.eq(self.chain.valid),
            windows.chain.p.eq(self.chain.p),
            self.chain.ready.eq(windows.chain.ready),
            state.takes.eq(windows.takes),
            state.wrong.eq(windows.wrong),
            state.expects.eq(windows.busy),
            state.held.eq(windows.takes | windows.o.valid),
            writer.place.valid.eq(windows.place.valid),
            writer.place.p.eq(windows.place.p),
            windows.place.ready.eq(writer.place.ready),
            windows.o.ready.eq(state.works & arithmetic.free),
            arithmetic.valid_i.eq(windows.o.valid & windows.o.ready),
            arithmetic.first.eq(1),
            arithmetic.last.eq(1),
            arithmetic.final.eq(windows.o.p.final),
            arithmetic.a.eq(windows.o.p.values),
        ]

    def _supervise(self, m, parts, state):
        """From one job to the next; faults; what the engine says it does."""
        job, fault = self.engine.job, self.engine.fault
        walker, a, b, writer = parts.walker, parts.a, parts.b, parts.writer
        inspector = parts.inspector
        m.d.comb += [
            inspector.opcode.eq(job.p.opcode),
            inspector.work.eq(job.p.descriptor),
            fault.p.engine.eq(Stream.VECTOR.value),
            fault.p.context.eq(job.p.context),
        ]

        # The chain. What comes of a failed job is swallowed.
        chain, chained = self.chain, job.p.descriptor.chained
        ended, swallows = Signal(), Signal()  # the last vector has come
        with m.If(swallows):
            m.d.comb += chain.ready.eq(1)
        with m.If(chain.valid & chain.ready):
            m.d.sync += ended.eq(chain.p.last)

        # Vectors that have entered the arithmetic, and are not written yet.
        inside = Signal(range(writer.depth + 1))
        enters = parts.arithmetic.valid_i & parts.arithmetic.last
        m.d.sync += inside.eq(inside + enters - writer.written)
        m.d.comb += self.engine.done.eq(writer.done | state.clear)

        activity = Signal(Activity)
        with m.If(state.held):
            m.d.comb += activity.eq(Activity.BUSY)
        with m.Elif(state.expects & ~chain.valid & a.empty):
            m.d.comb += activity.eq(Activity.OPERANDS)
        with m.Elif(walker.step.valid & writer.place.ready | ~a.empty | ~b.empty):
            m.d.comb += activity.eq(Activity.MEMORY)
        with m.Else():
            m.d.comb += activity.eq(Activity.DRAIN)

        with m.FSM():
            with m.State("IDLE"):
                with m.If(job.valid):
                    m.d.comb += self.engine.activity.eq(Activity.BUSY)
                    m.d.sync += [fault.p.code.eq(inspector.code), fault.p.info.eq(inspector.info)]
                    m.d.sync += ended.eq(0)
                    with m.If(inspector.code == FaultCode.NONE):
                        m.d.comb += state.begins.eq(1)
                        m.next = "WORK"
                    with m.Else():
                        m.next = "FAIL"
                with m.Elif(inside != 0):
                    m.d.comb += self.engine.activity.eq(Activity.DRAIN)

            with m.State("WORK"):
                m.d.comb += state.works.eq(1)
                m.d.comb += self.engine.activity.eq(activity)
                with m.If(parts.arithmetic.passed):
                    m.d.comb += job.ready.eq(1)
                    m.next = "IDLE"
                with m.If(a.damaged | b.damaged):
                    m.d.sync += fault.p.code.eq(FaultCode.PARITY)
                    m.d.sync += fault.p.address.eq(Mux(a.damaged, a.address, b.address))
                    m.next = "FAIL"
                with m.Elif(chained & state.takes & state.wrong):
                    # The convolution engine has said what makes a vector void.
                    unequal = Mux(chain.p.void, FaultCode.NONE, FaultCode.DESCRIPTOR)
                    m.d.sync += [fault.p.code.eq(unequal), fault.p.info.eq(PIXELS)]
                    m.next = "FAIL"

            with m.State("FAIL"):
                m.d.comb += self.engine.activity.eq(Activity.DRAIN)
                m.d.comb += swallows.eq(chained & ~ended)
                with m.If(a.idle & b.idle & (inside == 0) & ~swallows):
                    m.d.comb += [state.clear.eq(1), job.ready.eq(1)]
                    m.d.comb += fault.valid.eq(fault.p.code != FaultCode.NONE)
                    m.d.sync += fault.p.address.eq(0)
                    m.next = "IDLE"

    def _is(self, opcode):
        return self.engine.job.p.opcode == opcode
