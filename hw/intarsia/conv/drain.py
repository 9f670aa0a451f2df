"""Finished sums on their way out: which row is next, and where its bytes go."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from intarsia.common.ports import ChainVector, Job, MemoryWrite
from intarsia.conv.accumulator import ACCUMULATOR, Row
from intarsia.conv.finisher import Finisher
from intarsia.conv.records import RECORD_BYTES, RecordLoader
from intarsia.conv.sharing import Lookup
from intarsia.conv.writer import Writer
from intarsia.isa.address import CONTEXT
from intarsia.isa.kernel import ConvDescriptor

__all__ = ["Drain"]

#: Cycles that a row spends on its way besides those in the finisher: it is read, and stored twice.
OTHER_STAGES = 3


class Drain(wiring.Component):
    """Turns the sums of a job into bytes, and writes them, or hands them on.

    Follows the array row by row. Where the requantizer is as wide as the array, it keeps up with
    one row per cycle. The records of a block of channels are loaded while the block before is
    drained.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    job : In(stream.Signature(Job(ConvDescriptor)))
        Accepted when the job before is done, and kept.
    busy : Out(1)
    context : Out(CONTEXT)
        Context of the job.
    delivers : Out(1)
        The job is chained. Low for at least a cycle between jobs.
    forsaken : In(1)
        Nobody will take what the job hands on.
    suppress : In(1)
        Write no more of this job.
    done : Out(1)
        The job is done: all of its writes are accepted, or all that it hands on.
    finished : In(1)
        One more row of sums is there to be read.
    read : Out(1)
        Read ``row``; ``accumulators`` follow in the next cycle, and hold until the next read.
    row : Out(Row(config))
    accumulators : In(data.ArrayLayout(signed(32), columns))
    half_drained : Out(1)
        With ``read``: no row of this half is left.
    lookup : Out(Lookup(lanes))
        For channel records.
    write : Out(MemoryWrite(lanes))
    chain : Out(stream.Signature(ChainVector(lanes)))
    """

    def __init__(self, *, config):
        self._config = config
        self._records = RecordLoader(config=config)
        self._finisher = Finisher(config=config)
        super().__init__({
            "job": In(stream.Signature(Job(ConvDescriptor))),
            "busy": Out(1),
            "context": Out(CONTEXT),
            "delivers": Out(1),
            "forsaken": In(1),
            "suppress": In(1),
            "done": Out(1),
            "finished": In(1),
            "read": Out(1),
            "row": Out(Row(config)),
            "accumulators": In(data.ArrayLayout(ACCUMULATOR, config.columns)),
            "half_drained": Out(1),
            "lookup": Out(Lookup(config.lanes)),
            "write": Out(MemoryWrite(config.lanes)),
            "chain": Out(stream.Signature(ChainVector(config.lanes))),
        })

    def elaborate(self, platform):
        m = Module()
        config = self._config

        m.submodules.records = records = self._records
        m.submodules.finisher = finisher = self._finisher
        m.submodules.writer = writer = Writer(
            lanes=config.lanes, depth=1 << ceil_log2(finisher.latency + OTHER_STAGES)
        )
        wiring.connect(m, wiring.flipped(self.lookup), records.read)
        wiring.connect(m, wiring.flipped(self.write), writer.write)
        wiring.connect(m, wiring.flipped(self.chain), writer.chain)
        wiring.connect(m, finished=finisher.o, written=writer.bytes)

        held = Signal.like(self.job.p, reset_less=True)
        job = held.descriptor
        m.d.comb += [
            self.context.eq(held.context),
            finisher.descriptor.eq(job),
            finisher.accumulators.eq(self.accumulators),
            finisher.records.eq(records.records),
            self.delivers.eq(self.busy & job.chained),
            writer.chained.eq(job.chained),
            writer.forsaken.eq(self.forsaken),
            writer.suppress.eq(self.suppress),
        ]

        # The output pixel whose row is read next.
        address = Signal.like(job.output.offset)
        row_address = Signal.like(address)
        block_address = Signal.like(address)
        columns = Signal.like(job.out_width)
        rows = Signal.like(job.out_height)
        channels = Signal.like(job.out_channels)
        record_address = Signal.like(job.records.offset)  # those that are loaded next
        unloaded = Signal.like(channels)  # channels whose records they are, and all that follow
        last_column, end_of_map, last_channels, end_of_half = (
            Signal(),
            Signal(),
            Signal(),
            Signal(),
        )
        m.d.comb += [
            last_column.eq(columns == 1),
            end_of_map.eq(last_column & (rows == 1)),
            last_channels.eq(channels <= config.columns),
            end_of_half.eq((self.row.index == config.accumulators - 1) | end_of_map),
            records.address.eq(record_address),
            records.channels.eq(unloaded),
            records.context.eq(held.context),
        ]

        # The row that the finisher has. It gets the next one right after it.
        waiting = Signal(range(2 * config.accumulators + 1))
        pending = Signal()
        part = Signal(range(max(finisher.parts, 2)))
        last_part = Signal()
        m.d.comb += [
            finisher.valid.eq(pending),
            last_part.eq(part == finisher.parts - 1),
        ]
        with m.If(pending):
            m.d.sync += part.eq(Mux(last_part, 0, part + 1))
        with m.If(self.read | last_part):
            m.d.sync += pending.eq(self.read)
        m.d.sync += waiting.eq(waiting + self.finished - self.read)

        m.d.comb += [
            writer.target.p.address.eq(address),
            writer.target.p.last.eq(end_of_map & last_channels),
            self.half_drained.eq(self.read & end_of_half),
        ]
        for lane in range(config.lanes):
            m.d.comb += writer.target.p.mask.bit_select(lane, 1).eq(lane < channels)

        with m.If(self.read):
            m.d.sync += [
                self.row.index.eq(Mux(end_of_half, 0, self.row.index + 1)),
                self.row.half.eq(self.row.half ^ end_of_half),
                columns.eq(columns - 1),
                address.eq(address + job.out_pixel_step),
            ]
            with m.If(last_column):
                m.d.sync += [
                    columns.eq(job.out_width),
                    rows.eq(rows - 1),
                    address.eq(row_address + job.out_row_step),
                    row_address.eq(row_address + job.out_row_step),
                ]

        load = Signal()
        m.d.comb += records.start.eq(load)
        with m.If(load):
            m.d.sync += [
                record_address.eq(record_address + config.columns * RECORD_BYTES),
                unloaded.eq(unloaded - config.columns),
            ]

        with m.FSM():
            m.d.comb += self.busy.eq(1)

            with m.State("IDLE"):
                m.d.comb += [self.busy.eq(0), self.job.ready.eq(1)]
                m.d.sync += held.eq(self.job.p)
                with m.If(self.job.valid):
                    m.next = "JOB"

            with m.State("JOB"):
                m.d.sync += [
                    channels.eq(job.out_channels),
                    unloaded.eq(job.out_channels),
                    record_address.eq(job.records.offset),
                    block_address.eq(job.output.offset),
                ]
                m.next = "FIRST_RECORDS"

            with m.State("FIRST_RECORDS"):
                m.d.comb += load.eq(1)
                m.next = "CHANNELS"

            with m.State("CHANNELS"):
                m.d.sync += [
                    address.eq(block_address),
                    row_address.eq(block_address),
                    columns.eq(job.out_width),
                    rows.eq(job.out_height),
                ]
                # The finisher may need the records that are there for the row that it has.
                with m.If(records.ready & ~pending):
                    m.d.comb += [records.take.eq(1), load.eq(~last_channels)]
                    m.next = "ROWS"

            with m.State("ROWS"):
                m.d.comb += [
                    writer.target.valid.eq((waiting != 0) & (~pending | last_part)),
                    self.read.eq(writer.target.valid & writer.target.ready),
                ]
                with m.If(self.read & end_of_map):
                    m.d.sync += [
                        channels.eq(channels - config.columns),
                        block_address.eq(block_address + config.columns),
                    ]
                    m.next = "CHANNELS"
                    with m.If(last_channels):
                        m.next = "WRITES"

            with m.State("WRITES"):
                m.d.comb += self.done.eq(writer.done)
                with m.If(writer.done):
                    m.next = "IDLE"

        return m
