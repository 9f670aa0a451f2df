"""The convolution engine."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.common.ports import ChainVector, Engine, MemoryRead, MemoryWrite
from intarsia.conv.accumulator import AccumulatorMemory
from intarsia.conv.array import MacArray
from intarsia.conv.check import DescriptorCheck
from intarsia.conv.drain import Drain
from intarsia.conv.input import InputPath
from intarsia.conv.lines import TAPS
from intarsia.conv.pacer import Pacer
from intarsia.conv.passes import PassGenerator
from intarsia.conv.reports import DamageReports
from intarsia.conv.sharing import SharedRead
from intarsia.conv.weights import WeightLoader, WeightRegisters
from intarsia.isa.address import CONTEXT
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import Stream
from intarsia.isa.kernel import WEIGHTS, ConvDescriptor

__all__ = ["ConvEngine"]

#: Numbers of vectors of weights that may be read per cycle.
WEIGHT_PORTS = 1, 2, len(WEIGHTS)


class ConvEngine(wiring.Component):
    """Executes convolutions, as :mod:`intarsia.isa.kernel` defines them.

    The array takes a vector of `lanes` bytes per cycle, for `columns` output channels, while the
    weights of the next pass are loaded, and results of the last ones are written. A job is accepted
    when the array is done with the one before, whose results may still be drained.

    A job with a damaged vector runs to its end, but writes no more from when it was noticed.

    What a chained job computes leaves by `chain`. If that is held up, the array goes on until its
    accumulators are full.

    Parameters
    ----------
    config : ChipConfig
        Accumulators must be a power of two, columns as many as lanes, which must divide a channel
        record; the requantizer's lanes must divide the columns. Weight ports are 1, 2 or 4.

    Members
    -------
    engine : Out(Engine(ConvDescriptor))
    input_read : Out(MemoryRead(lanes, spread=…))
    weight_read0, weight_read1, … : Out(MemoryRead(lanes))
        For weights; the first one for channel records as well.
    output_write : Out(MemoryWrite(lanes))
    chain : Out(stream.Signature(ChainVector(lanes)))
        The output of chained jobs. Withdrawn only by `forsaken`.
    delivers : Out(1)
        A chained job is on its way out. Low for at least a cycle between jobs.
    deliverer : Out(CONTEXT)
        Its context.
    forsaken : In(1)
        Nobody will take its output: it is dropped.
    """

    def __init__(self, *, config):
        if config.lanes != config.columns:
            raise ValueError(
                f"Columns must be as many as the {config.lanes} lanes, not {config.columns!r}"
            )
        if config.accumulators & (config.accumulators - 1):
            raise ValueError(f"Accumulators must be a power of two, not {config.accumulators!r}")
        ports = config.weight_ports
        if ports not in WEIGHT_PORTS:
            raise ValueError(f"Weight ports must be one of {WEIGHT_PORTS}, not {ports!r}")
        self._config = config
        self._drain = Drain(config=config)
        super().__init__({
            "engine": Out(Engine(ConvDescriptor)),
            "input_read": Out(MemoryRead(config.lanes, spread=config.packs)),
            **{f"weight_read{n}": Out(MemoryRead(config.lanes)) for n in range(ports)},
            "output_write": Out(MemoryWrite(config.lanes)),
            "chain": Out(stream.Signature(ChainVector(config.lanes))),
            "delivers": Out(1),
            "deliverer": Out(CONTEXT),
            "forsaken": In(1),
        })
        self.weight_reads = [getattr(self, f"weight_read{n}") for n in range(ports)]

    def elaborate(self, platform):
        m = Module()
        config = self._config
        lanes, columns = config.lanes, config.columns

        m.submodules.check = check = DescriptorCheck(config=config)
        m.submodules.passes = passes = PassGenerator(config=config)
        m.submodules.inputs = inputs = InputPath(config=config)
        m.submodules.loader = loader = WeightLoader(config=config)
        m.submodules.weights = weights = WeightRegisters(
            lanes=lanes, columns=columns, ports=config.weight_ports
        )
        m.submodules.pacer = pacer = Pacer(config=config)
        m.submodules.array = array = MacArray(
            lanes=lanes, columns=columns, taps=TAPS if config.line_pixels else 0
        )
        m.submodules.accumulators = accumulators = AccumulatorMemory(
            config=config, sums=array.sums.shape()
        )
        m.submodules.drain = drain = self._drain
        shares = [SharedRead(lanes=lanes) for _ in self.weight_reads]
        m.submodules.reports = reports = DamageReports()

        # Work flows from job to passes, beats, vectors, sums.
        connect(m, passes=passes.o, inputs=inputs.i)
        connect(m, inputs=inputs.resume, passes=passes.resume)
        connect(m, inputs=inputs.o, pacer=pacer.vector)
        connect(m, passes=passes.weights, loader=loader.i)
        connect(m, loader=loader.o, weights=weights.i)
        connect(m, pacer=pacer.update, accumulators=accumulators.update)
        m.d.comb += [
            weights.release.eq(pacer.weights_release),
            pacer.weights_valid.eq(weights.valid),
            array.valid.eq(pacer.take),
            array.bytes.eq(pacer.vector.p.bytes),
            array.weights.eq(weights.weights),
            accumulators.sums.eq(array.sums),
            drain.finished.eq(accumulators.finished),
            accumulators.read.eq(drain.read),
            accumulators.row.eq(drain.row),
            drain.accumulators.eq(accumulators.accumulators),
            pacer.half_drained.eq(drain.half_drained),
        ]

        # Memory.
        # The array needs weights at once, the drain needs records when sums are complete. Windows
        # take a row to form; if there is but one block of them, late records delay the end.
        for n, share in enumerate(shares):
            m.submodules[f"sharing{n}"] = share
            connect(m, loader=loader.reads[n], sharing=share.urgent)
            connect(m, flipped(self.weight_reads[n]), share.read)
        sharing = shares[0]
        connect(m, drain=drain.lookup, sharing=sharing.other)
        connect(m, flipped(self.input_read), inputs.read)
        connect(m, flipped(self.output_write), drain.write)
        connect(m, flipped(self.chain), drain.chain)
        m.d.comb += [
            self.delivers.eq(drain.delivers),
            self.deliverer.eq(drain.context),
            drain.forsaken.eq(self.forsaken),
        ]

        # The job that is computed.
        held = Signal.like(self.engine.job.p, reset_less=True)
        job = held.descriptor
        handed_over = Signal()
        computing = Signal()
        m.d.comb += [
            check.descriptor.eq(job),
            passes.descriptor.eq(job),
            inputs.descriptor.eq(job),
            inputs.context.eq(held.context),
            loader.striped.eq(job.striped),
            loader.context.eq(held.context),
            weights.diagonal.eq(job.diagonal),
            weights.striped.eq(job.striped),
            drain.job.p.eq(held),
            computing.eq(passes.busy | inputs.busy),
        ]
        m.d.comb += [
            start.eq(job[name].offset) for start, name in zip(loader.starts, WEIGHTS, strict=False)
        ]
        if config.line_pixels:
            m.d.comb += sharing.patient.eq(job.sliding & (job.out_channels <= columns))
            m.d.comb += [array.sliding.eq(job.sliding), array.windows.eq(inputs.windows)]
        with m.If(drain.job.valid & drain.job.ready):
            m.d.sync += handed_over.eq(1)

        # Damaged reads.
        record_data = sharing.other.data
        m.d.comb += [
            reports.hand_over.eq(drain.job.valid & drain.job.ready),
            reports.shared.eq(handed_over),
            reports.computed_context.eq(held.context),
            reports.drained_context.eq(drain.context),
            reports.drained.valid.eq(record_data.valid & record_data.p.vector.damaged),
            reports.drained.p.eq(record_data.p.address),
            drain.suppress.eq(reports.suppress),
        ]
        m.d.comb += [
            reports.computed.valid.eq(inputs.damaged.valid),
            reports.computed.p.eq(inputs.damaged.p),
        ]
        for share in shares:
            weight_data = share.urgent.data
            with m.If(weight_data.valid & weight_data.p.vector.damaged):
                m.d.comb += reports.computed.valid.eq(1)
                m.d.comb += reports.computed.p.eq(weight_data.p.address)

        fault = self.engine.fault
        activity = self.engine.activity
        m.d.comb += [
            fault.valid.eq(reports.fault.valid),
            fault.p.eq(reports.fault.p),
            self.engine.done.eq(drain.done),
            activity.eq(Activity.DRAIN),
        ]

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.engine.job.ready.eq(1)
                m.d.sync += held.eq(self.engine.job.p)
                with m.If(~drain.busy):
                    m.d.comb += activity.eq(Activity.IDLE)
                with m.If(self.engine.job.valid):
                    m.next = "CHECK"

            with m.State("CHECK"):
                m.d.comb += activity.eq(Activity.WEIGHTS)
                m.d.sync += handed_over.eq(0)
                with m.If(check.refused):
                    m.next = "REFUSE"
                with m.Else():
                    m.d.comb += [passes.start.eq(1), reports.begin.eq(1)]
                    m.next = "COMPUTE"

            with m.State("COMPUTE"):
                m.d.comb += drain.job.valid.eq(~handed_over)
                with m.If(computing):
                    m.d.comb += activity.eq(pacer.obstacle)
                with m.Elif(handed_over):
                    m.d.sync += handed_over.eq(0)
                    m.next = "IDLE"

            # Not before the job before is done.
            with m.State("REFUSE"), m.If(~drain.busy):
                m.d.comb += [
                    fault.valid.eq(1),
                    fault.p.eq(0),
                    fault.p.code.eq(FaultCode.DESCRIPTOR),
                    fault.p.engine.eq(Stream.CONV.value),
                    fault.p.context.eq(held.context),
                    fault.p.info.eq(check.word),
                    self.engine.done.eq(1),
                ]
                m.next = "IDLE"

        return m
