"""Vector engine: sums of two tensors, and pools."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.ports import ChainVector, Engine, MemoryRead, MemoryWrite
from intarsia.common.requantizer import Requantizer
from intarsia.isa.counters import Activity
from intarsia.isa.elementwise import VectorDescriptor
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import Stream, VectorOp
from intarsia.isa.numerics import Rounding
from intarsia.vector.front import ACC, ScaleAdd
from intarsia.vector.inspector import Inspector
from intarsia.vector.pool import Pool
from intarsia.vector.reader import Reader
from intarsia.vector.walker import Walker
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
        latency = READING + ScaleAdd.latency + Requantizer.latency
        depth = 1 << (latency // (lanes // group) + SLACK - 1).bit_length()

        walker = Walker(lanes=lanes)
        a = Reader(lanes=lanes, tag=TAG, gifted=True)
        b = Reader(lanes=lanes, tag=TAG)
        pool = Pool(lanes=lanes, group=group)
        front = ScaleAdd(lanes=group)
        requantizer = Requantizer(lanes=group, acc_width=ACC)
        writer = Writer(lanes=lanes, group=group, depth=depth)

        # What a failed job leaves behind goes with it.
        clear = Signal()
        emptied = ResetInserter(clear)
        m.submodules.walker = emptied(walker)
        m.submodules.a_reader = emptied(a)
        m.submodules.b_reader = emptied(b)
        m.submodules.pool = emptied(pool)
        m.submodules.front = front
        m.submodules.requantizer = requantizer
        m.submodules.writer = emptied(writer)
        connect(m, a.memory, flipped(self.a_read))
        connect(m, b.memory, flipped(self.b_read))
        connect(m, writer.memory, flipped(self.output_write))

        works = Signal()
        enters = Signal()
        takes = Signal()
        self._fetch(m, walker, a, b, writer, works, takes)
        self._combine(m, a, b, pool, works, enters)
        self._round(m, pool, front, requantizer, writer)
        self._supervise(m, walker, a, b, front, writer, enters, takes, works, clear)
        return m

    def _fetch(self, m, walker, a, b, writer, works, takes):
        """From steps to requests and places. Both inputs of an ADD are asked for at once."""
        step = walker.step
        chained = self.engine.job.p.descriptor.chained
        m.d.comb += [
            a.given.eq(chained),
            a.gift.eq(self.chain.p.bytes),
            walker.work.eq(self.engine.job.p.descriptor),
            walker.add.eq(self._is(VectorOp.ADD)),
            step.ready.eq(
                works
                & a.request.ready
                & (b.request.ready | ~walker.add)
                & (writer.place.ready | ~step.p.last)
                & (self.chain.valid | ~chained)
            ),
            takes.eq(step.valid & step.ready),
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

    def _combine(self, m, a, b, pool, works, enters):
        """From vectors to groups. A vector of results takes as many cycles as it has groups."""
        groups = self.config.lanes // self.config.requant_lanes
        add = self._is(VectorOp.ADD)
        results = a.o.p.tag.last
        busy = Signal(range(max(2, groups)))
        m.d.comb += [
            pool.valid_i.eq(works & a.o.valid & (b.o.valid | ~add) & ((busy == 0) | ~results)),
            a.o.ready.eq(pool.valid_i),
            b.o.ready.eq(pool.valid_i & add),
            enters.eq(pool.valid_i & results),
            pool.first.eq(a.o.p.tag.first),
            pool.last.eq(results),
            pool.final.eq(a.o.p.tag.final),
            pool.maximum.eq(self._is(VectorOp.POOL_MAX)),
            pool.a.eq(a.o.p.bytes),
            pool.b.eq(b.o.p.bytes),
        ]
        with m.If(enters):
            m.d.sync += busy.eq(groups - 1)
        with m.Elif(busy != 0):
            m.d.sync += busy.eq(busy - 1)

    def _round(self, m, pool, front, requantizer, writer):
        """From groups to results. Maxima pass the requantizer as means of one."""
        work = self.engine.job.p.descriptor
        add, maximum = self._is(VectorOp.ADD), self._is(VectorOp.POOL_MAX)
        swapped = work.swapped
        m.d.comb += [
            front.valid_i.eq(pool.valid_o),
            front.final_i.eq(pool.final_o),
            front.a.eq(Mux(swapped, Value.cast(pool.b_o), Value.cast(pool.a_o))),
            front.b.eq(Mux(swapped, Value.cast(pool.a_o), Value.cast(pool.b_o))),
            front.reduced.eq(pool.reduced),
            front.add.eq(add),
            front.round.eq(add & (work.rounding == Rounding.FP32)),
            front.rescale.eq(add & (work.rounding == Rounding.DOUBLE)),
            front.bias.eq(Mux(maximum, 0, work.bias)),
            requantizer.valid_i.eq(front.valid_o),
            requantizer.acc.eq(front.acc),
            requantizer.rounding.eq(work.rounding),
            requantizer.half.eq(work.scale_a),
            requantizer.zero_point.eq(work.out_zero_point),
            requantizer.low.eq(work.low),
            requantizer.high.eq(work.high),
            writer.group.valid.eq(requantizer.valid_o),
            writer.group.p.eq(requantizer.values),
        ]
        for name in ("zero_a", "zero_b", "scale_a", "scale_b", "shift_a", "shift_b"):
            m.d.comb += getattr(front, name).eq(getattr(work, name))
        for lane in range(self.config.requant_lanes):
            m.d.comb += requantizer.multiplier[lane].eq(Mux(maximum, 1, work.multiplier))
            m.d.comb += requantizer.shift[lane].eq(Mux(maximum, 0, work.shift))
        with m.If(maximum):
            m.d.comb += [
                requantizer.rounding.eq(Rounding.MEAN),
                requantizer.half.eq(0),
                requantizer.zero_point.eq(0),
            ]

    def _supervise(self, m, walker, a, b, front, writer, enters, takes, works, clear):
        """From one job to the next; faults; what the engine says it does."""
        job, fault = self.engine.job, self.engine.fault
        m.submodules.inspector = inspector = Inspector()
        m.d.comb += [
            inspector.opcode.eq(job.p.opcode),
            inspector.work.eq(job.p.descriptor),
            fault.p.engine.eq(Stream.VECTOR.value),
            fault.p.context.eq(job.p.context),
        ]

        # The chain. What comes of a failed job is swallowed.
        chain, chained = self.chain, job.p.descriptor.chained
        ended, swallows = Signal(), Signal()  # the last vector has come
        uneven = Signal()
        m.d.comb += [
            chain.ready.eq(chained & takes | swallows),
            uneven.eq(chain.p.last ^ walker.step.p.final),
        ]
        with m.If(chain.valid & chain.ready):
            m.d.sync += ended.eq(chain.p.last)

        # Vectors that have entered the arithmetic, and are not written yet.
        inside = Signal(range(writer.depth + 1))
        m.d.sync += inside.eq(inside + enters - writer.written)
        m.d.comb += self.engine.done.eq(writer.done | clear)

        activity = Signal(Activity)
        with m.If(enters | a.o.valid & (b.o.valid | ~walker.add)):
            m.d.comb += activity.eq(Activity.BUSY)
        with m.Elif(chained & walker.step.valid & ~chain.valid & a.empty):
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
                        m.d.comb += walker.load.eq(1)
                        m.next = "WORK"
                    with m.Else():
                        m.next = "FAIL"
                with m.Elif(inside != 0):
                    m.d.comb += self.engine.activity.eq(Activity.DRAIN)

            with m.State("WORK"):
                m.d.comb += works.eq(1)
                m.d.comb += self.engine.activity.eq(activity)
                with m.If(front.valid_o & front.final_o):
                    m.d.comb += job.ready.eq(1)
                    m.next = "IDLE"
                with m.If(a.damaged | b.damaged):
                    m.d.sync += fault.p.code.eq(FaultCode.PARITY)
                    m.d.sync += fault.p.address.eq(Mux(a.damaged, a.address, b.address))
                    m.next = "FAIL"
                with m.Elif(chained & takes & (uneven | chain.p.void)):
                    # The convolution engine has said what makes a vector void.
                    unequal = Mux(chain.p.void, FaultCode.NONE, FaultCode.DESCRIPTOR)
                    m.d.sync += [fault.p.code.eq(unequal), fault.p.info.eq(PIXELS)]
                    m.next = "FAIL"

            with m.State("FAIL"):
                m.d.comb += self.engine.activity.eq(Activity.DRAIN)
                m.d.comb += swallows.eq(chained & ~ended)
                with m.If(a.idle & b.idle & (inside == 0) & ~swallows):
                    m.d.comb += [clear.eq(1), job.ready.eq(1)]
                    m.d.comb += fault.valid.eq(fault.p.code != FaultCode.NONE)
                    m.d.sync += fault.p.address.eq(0)
                    m.next = "IDLE"

    def _is(self, opcode):
        return self.engine.job.p.opcode == opcode
