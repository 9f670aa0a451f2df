"""Copies and fills within a chip's memory."""

from amaranth import *
from amaranth.lib import data, fifo, wiring
from amaranth.lib.wiring import Out
from amaranth.utils import bits_for

from intarsia.common.ports import Engine, Job, MemoryRead, MemoryWrite, ReadData
from intarsia.dma.descriptor import DescriptorCheck
from intarsia.isa.address import LOCAL
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import LocalOp, Stream
from intarsia.isa.transfer import LocalDescriptor

__all__ = ["LocalQueue"]

#: Vectors read, or about to be, and not yet written.
DEPTH = 4


class LocalQueue(wiring.Component):
    """Executes COPY and FILL, one job at a time.

    Within a row, one vector is read and one written per cycle, at any alignment; rows shorter than
    a vector take a cycle each. A job sees everything that the jobs before it wrote. What a COPY
    does whose destination overlaps bytes that it has yet to read is not defined.

    An unknown opcode is reported as PROGRAM, a wrong descriptor as DESCRIPTOR; neither moves a
    byte. A damaged vector is reported as PARITY; neither that one nor any after it is written.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    engine : Out(Engine(LocalDescriptor))
    read : Out(MemoryRead(lanes))
    write : Out(MemoryWrite(lanes))
    """

    def __init__(self, *, config):
        self.config = config
        super().__init__({
            "engine": Out(Engine(LocalDescriptor)),
            "read": Out(MemoryRead(config.lanes)),
            "write": Out(MemoryWrite(config.lanes)),
        })

    def elaborate(self, platform):
        m = Module()
        lanes = self.config.lanes

        # Vectors on their way: where they go, and what was read. Fills wait for no data.
        target_layout = data.StructLayout({
            "source": LOCAL,
            "address": LOCAL,
            "mask": lanes,
            "last": 1,
        })
        vector_layout = ReadData(lanes)
        m.submodules.targets = targets = fifo.SyncFIFO(width=target_layout.size, depth=DEPTH)
        m.submodules.vectors = vectors = fifo.SyncFIFO(width=vector_layout.size, depth=DEPTH)

        job = Signal(Job(LocalDescriptor), reset_less=True)
        descriptor = job.descriptor
        m.submodules.check = check = DescriptorCheck(LocalDescriptor, nonzero=("row_bytes", "rows"))
        known = Signal()
        fills = Signal()
        m.d.comb += [
            check.descriptor.eq(descriptor),
            fills.eq(job.opcode == LocalOp.FILL.value),
            known.eq(fills | (job.opcode == LocalOp.COPY.value)),
        ]

        # Position: start of the row on both sides, next vector on both sides, what is left.
        from_row, to_row, from_next, to_next, left, rows = (
            Signal(LOCAL, name=name, reset_less=True)
            for name in ("from_row", "to_row", "from_next", "to_next", "left", "rows")
        )
        row_ends = Signal()
        m.d.comb += row_ends.eq(left <= lanes)

        target = data.View(target_layout, targets.w_data)
        request = self.read.request
        moving = Signal()
        step = Signal()
        m.d.comb += [
            request.valid.eq(moving & ~fills & targets.w_rdy),
            request.p.address.eq(from_next),
            request.p.mask.eq(target.mask),
            request.p.context.eq(job.context),
            target.source.eq(from_next),
            target.address.eq(to_next),
            target.mask.eq(Mux(row_ends, (1 << left[: bits_for(lanes)]) - 1, (1 << lanes) - 1)),
            target.last.eq(row_ends & (rows == 1)),
            step.eq(moving & targets.w_rdy & (fills | request.ready)),
            targets.w_en.eq(step),
            vectors.w_data.eq(self.read.data.p),
            vectors.w_en.eq(self.read.data.valid),
        ]

        # Once a vector is damaged, it and those after it are dropped.
        coming = data.View(target_layout, targets.r_data)
        vector = data.View(vector_layout, vectors.r_data)
        spoiled = Signal()
        drops = Signal()
        written = Signal()
        m.d.comb += [
            drops.eq(targets.r_rdy & vectors.r_rdy & (spoiled | vector.damaged)),
            self.write.request.valid.eq(targets.r_rdy & (fills | vectors.r_rdy) & ~drops),
            self.write.request.p.address.eq(coming.address),
            self.write.request.p.mask.eq(coming.mask),
            self.write.request.p.bytes.eq(
                Mux(fills, descriptor.value.replicate(lanes), vector.bytes.as_value())
            ),
            written.eq((self.write.request.valid & self.write.request.ready) | drops),
            targets.r_en.eq(written),
            vectors.r_en.eq(written & ~fills),
        ]

        fault = self.engine.fault
        code = Signal(FaultCode)
        with m.If(~known):
            m.d.comb += code.eq(FaultCode.PROGRAM)
        with m.Elif(check.faulty):
            m.d.comb += code.eq(FaultCode.DESCRIPTOR)
        with m.Else():
            m.d.comb += code.eq(FaultCode.PARITY)
        m.d.comb += [
            fault.p.code.eq(code),
            fault.p.engine.eq(Stream.LOCAL.value),
            fault.p.context.eq(job.context),
            fault.p.address.eq(Mux(code == FaultCode.PARITY, coming.source, 0)),
            fault.p.info.eq(Mux(code == FaultCode.DESCRIPTOR, check.word, 0)),
        ]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.engine.job.ready.eq(1)
                with m.If(self.engine.job.valid):
                    m.d.sync += job.eq(self.engine.job.p)
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.d.comb += self.engine.activity.eq(Activity.BUSY)
                m.d.sync += [
                    from_row.eq(descriptor.source.offset),
                    from_next.eq(descriptor.source.offset),
                    to_row.eq(descriptor.destination.offset),
                    to_next.eq(descriptor.destination.offset),
                    left.eq(descriptor.row_bytes),
                    rows.eq(descriptor.rows),
                    spoiled.eq(0),
                ]
                with m.If(~known | check.faulty):
                    m.d.comb += [fault.valid.eq(1), self.engine.done.eq(1)]
                    m.next = "IDLE"
                with m.Else():
                    m.d.sync += moving.eq(1)
                    m.next = "MOVE"
            with m.State("MOVE"):
                m.d.comb += self.engine.activity.eq(
                    Mux(step | written, Activity.BUSY, Activity.MEMORY)
                )
                with m.If(step):
                    m.d.sync += [
                        from_next.eq(from_next + lanes),
                        to_next.eq(to_next + lanes),
                        left.eq(left - lanes),
                    ]
                    with m.If(row_ends):
                        m.d.sync += [
                            from_row.eq(from_row + descriptor.source_pitch),
                            from_next.eq(from_row + descriptor.source_pitch),
                            to_row.eq(to_row + descriptor.destination_pitch),
                            to_next.eq(to_row + descriptor.destination_pitch),
                            left.eq(descriptor.row_bytes),
                            rows.eq(rows - 1),
                        ]
                    with m.If(target.last):
                        m.d.sync += moving.eq(0)
                with m.If(drops & ~spoiled):
                    m.d.comb += fault.valid.eq(1)
                    m.d.sync += spoiled.eq(1)
                with m.If((drops | spoiled) & ~(request.valid & ~request.ready)):
                    m.d.sync += moving.eq(0)  # but a request stays until it is granted
                with m.If(written & coming.last):
                    m.d.comb += self.engine.done.eq(1)
                    m.next = "IDLE"
                with m.Elif(spoiled & ~moving & ~targets.r_rdy):
                    m.d.comb += self.engine.done.eq(1)
                    m.next = "IDLE"

        return m
