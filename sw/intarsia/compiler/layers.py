"""Operators to instructions: what one chip does for its part of an output."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intarsia.compiler import records
from intarsia.compiler.blobs import Blob
from intarsia.compiler.boxes import Box
from intarsia.compiler.kernels import Job, jobs
from intarsia.compiler.moves import moves
from intarsia.compiler.needs import needed
from intarsia.compiler.storage import Grid, Holding, Stored, viewed
from intarsia.compiler.windows import conv_geometry, conv_run, regions
from intarsia.compiler.work import Access, Address, Buffer, Work
from intarsia.compiler.workload import Workload
from intarsia.graph import Add, AveragePool, Concat, Conv, MaxPool, Mean, Mode, Op, Pad, Tensor
from intarsia.isa.config import ChipConfig
from intarsia.isa.instruction import ConvOp, LocalOp, Stream, VectorOp

__all__ = ["Site", "copies"]


@dataclass(frozen=True)
class Source:
    """An input of an operator, where a chip reads it.

    Members
    -------
    buffer : Buffer
    grid : Grid
        Place of the box.
    within : int
        Bytes of its pixels before the first channel of the box.
    box : Box
        What is needed.
    read : Access
    """

    buffer: Buffer
    grid: Grid
    within: int
    box: Box
    read: Access


@dataclass(frozen=True)
class Site:
    """One chip, and what it has of every activation.

    Members
    -------
    workload : Workload
    holdings : mapping of str to Holding
        By root.
    config : ChipConfig
    mode : Mode
    """

    workload: Workload
    holdings: Mapping[str, Holding]
    config: ChipConfig
    mode: Mode

    def conv_jobs(self, op: Conv) -> list[Job]:
        """Jobs for this chip's part of `op`."""
        box = self.holdings[op.output].own
        if not box:
            return []
        width, grid = self.tensors(op)[0].shape[1], self.source(op).grid
        return jobs(op, width, box, self.config, grid.pixel_step, grid.row_step)

    def conv(self, layer: int, op: Conv, blob: Blob) -> Iterator[Work]:
        """The jobs of one blob."""
        taken = self.source(op)
        part, own = self.target(op)
        source, target = self.tensors(op)
        grid = Grid(taken.grid.offset - taken.within, taken.grid.row_step, taken.grid.pixel_step)
        for piece in blob.pieces:
            job = piece.job
            box = Box(own.top, own.bottom, job.first, job.last)
            out = part.grid(box)
            first = taken.within + job.source - taken.box.first
            run = conv_run(op.window, job, grid.pixel_step)
            fields = dict(
                input=Address(taken.buffer, grid.offset),
                output=Address(part.buffer, out.offset),
                out_height=own.rows,
                out_width=target.shape[1],
                out_channels=job.channels,
                diagonal=int(job.diagonal),
                sliding=int(job.sliding),
                packed=int(job.packed),
                out_pixel_step=out.pixel_step,
                out_row_step=out.row_step,
            )
            fields |= conv_geometry(op.window, source.shape, box, grid, first) | run
            fields |= records.conv_fields(op, source, target, self.mode)
            fields |= blob.operands(piece)
            weights = (Access(buffer, None, write=False) for buffer in blob.buffers)
            write = Access(part.buffer, box, write=True)
            yield Work(Stream.CONV, ConvOp.CONV, layer, fields, (taken.read, *weights, write))

    def other(self, layer: int, op: Op) -> Iterator[Work]:
        """Any operator that has no weights."""
        if not self.holdings[op.output].own:
            return iter(())
        match op:
            case Add():
                return self._add(layer, op)
            case MaxPool() | AveragePool():
                return self._pool(layer, op)
            case Mean():
                return self._mean(layer, op)
            case Pad():
                return self._pad(layer, op)
            case Concat():
                return self._concat(layer, op)
            case _:
                raise TypeError(f"Operator {op.name!r} is of unknown type {type(op).__name__}")

    def _add(self, layer: int, op: Add) -> Iterator[Work]:
        a, b = self.source(op, 0), self.source(op, 1)
        part, own = self.target(op)
        out = part.grid(own)
        width = self.workload.network.tensors[op.output].shape[1]
        shape = _flattened((a.grid, b.grid, out), own.rows, width, own.channels)
        first, second, target = self.tensors(op)
        fields = dict(
            a=Address(a.buffer, a.grid.offset),
            b=Address(b.buffer, b.grid.offset),
            row_step=a.grid.row_step,
            pixel_step=a.grid.pixel_step,
            tap_row_step=b.grid.row_step,
            tap_step=b.grid.pixel_step,
            taps_y=1,
            taps_x=1,
        )
        fields |= shape | records.add_fields(op, (first, second, target), self.mode)
        yield self._vector(layer, VectorOp.ADD, fields, (a.read, b.read), part, own, out)

    def _pool(self, layer: int, op: MaxPool | AveragePool) -> Iterator[Work]:
        taken = self.source(op)
        grid = taken.grid
        part, own = self.target(op)
        source, target = self.tensors(op)
        for region in regions(op.window, source.shape, (own.top, own.bottom), target.shape[1]):
            rows = region.first_row - taken.box.top
            start = grid.offset + rows * grid.row_step + region.first_column * grid.pixel_step
            fields = dict(
                out_height=region.rows,
                out_width=region.columns,
                channels=own.channels,
                taps_y=region.taps_y,
                taps_x=region.taps_x,
                row_step=op.window.stride[0] * grid.row_step,
                pixel_step=op.window.stride[1] * grid.pixel_step,
                tap_row_step=op.window.dilation[0] * grid.row_step,
                tap_step=op.window.dilation[1] * grid.pixel_step,
            )
            fields |= dict.fromkeys("ab", Address(taken.buffer, start))
            if isinstance(op, MaxPool):
                opcode = VectorOp.POOL_MAX
                fields |= records.max_fields(op)
            else:
                opcode = VectorOp.POOL_SUM
                fields |= records.average_fields(op, region, source, target, self.mode)
            box = Box(region.top, region.top + region.rows, own.first, own.last)
            dense = part.grid(box)
            place = dense.offset + region.left * dense.pixel_step
            out = Grid(place, dense.row_step, dense.pixel_step)
            yield self._vector(layer, opcode, fields, (taken.read,), part, box, out)

    def _mean(self, layer: int, op: Mean) -> Iterator[Work]:
        taken = self.source(op)
        part, own = self.target(op)
        source, target = self.tensors(op)
        height, width, _ = source.shape
        fields = dict(
            out_height=1,
            out_width=1,
            channels=own.channels,
            taps_y=height,
            taps_x=width,
            tap_row_step=taken.grid.row_step,
            tap_step=taken.grid.pixel_step,
        )
        fields |= dict.fromkeys("ab", Address(taken.buffer, taken.grid.offset))
        fields |= records.mean_fields(op, height * width, source, target, self.mode)
        out = part.grid(own)
        yield self._vector(layer, VectorOp.POOL_SUM, fields, (taken.read,), part, own, out)

    def _pad(self, layer: int, op: Pad) -> Iterator[Work]:
        part, own = self.target(op)
        [source, target] = self.tensors(op)
        place = Address(part.buffer, part.grid(own).offset)
        size = own.rows * target.shape[1] * own.channels
        fields = dict(
            source=place,
            destination=place,
            row_bytes=size,
            rows=1,
            source_pitch=size,
            destination_pitch=size,
            value=source.zero_point % 256,
        )
        write = Access(part.buffer, own, write=True)
        yield Work(Stream.LOCAL, LocalOp.FILL, layer, fields, (write,))
        top, left, _, _ = op.padding
        [need] = self._needs(op)
        if need:
            taken, into = self.source(op), need.shifted(top, 0)
            yield from copies(layer, taken.read, taken.grid, part, into, source.shape[1], left)

    def _concat(self, layer: int, op: Concat) -> Iterator[Work]:
        part, _ = self.target(op)
        start = 0
        for number, need in enumerate(self._needs(op)):
            shape = self.workload.network.tensors[op.inputs[number]].shape
            if need:
                offsets = [start if axis == op.axis else 0 for axis in range(3)]
                taken, into = self.source(op, number), need.shifted(offsets[0], offsets[2])
                yield from copies(layer, taken.read, taken.grid, part, into, shape[1], offsets[1])
            start += shape[op.axis]

    def _vector(
        self,
        layer: int,
        opcode: VectorOp,
        fields: dict[str, Any],
        reads: tuple[Access, ...],
        part: Stored,
        box: Box,
        out: Grid,
    ) -> Work:
        output = dict(
            output=Address(part.buffer, out.offset),
            out_row_step=out.row_step,
            out_pixel_step=out.pixel_step,
        )
        accesses = (*reads, Access(part.buffer, box, write=True))
        return Work(Stream.VECTOR, opcode, layer, fields | output, accesses)

    def _needs(self, op: Op) -> tuple[Box, ...]:
        """For each input, the box that this chip needs."""
        return needed(op, self.holdings[op.output].own, self.workload.network)

    def source(self, op: Op, number: int = 0) -> Source:
        """Where this chip reads an input."""
        name, box = op.inputs[number], self._needs(op)[number]
        holding = self.holdings[self.workload.roots[name]]
        stored, grid, within = viewed(self.workload, name, box, holding)
        read = Access(stored.buffer, self.workload.root_box(name, box), write=False)
        return Source(stored.buffer, grid, within, box, read)

    def target(self, op: Op) -> tuple[Stored, Box]:
        """Where this chip puts its part of the output, and what part that is."""
        holding = self.holdings[op.output]
        assert holding.part is not None, f"Nothing of {op.output!r} is computed here"
        return holding.part, holding.own

    def tensors(self, op: Op) -> tuple[Tensor, ...]:
        """Inputs and output of an operator."""
        return tuple(self.workload.network.tensors[name] for name in (*op.inputs, op.output))


def copies(
    layer: int,
    read: Access,
    source: Grid,
    target: Stored,
    box: Box,
    columns: int,
    left: int = 0,
) -> Iterator[Work]:
    """Copies within a chip that put `columns` columns at `box` of `target`, from column `left`."""
    dense = target.grid(box)
    place = dense.offset + left * dense.pixel_step
    into = Grid(place, dense.row_step, dense.pixel_step)
    for move in moves(source, into, box.rows, columns, box.channels):
        fields = dict(
            source=Address(read.buffer, move.source),
            destination=Address(target.buffer, move.target),
            row_bytes=move.row_bytes,
            rows=move.rows,
            source_pitch=move.source_pitch,
            destination_pitch=move.target_pitch,
        )
        accesses = read, Access(target.buffer, box, write=True)
        yield Work(Stream.LOCAL, LocalOp.COPY, layer, fields, accesses)


def _flattened(grids: Sequence[Grid], rows: int, width: int, channels: int) -> dict[str, int]:
    """The shape of a map, as few pixels of as many bytes as all `grids` allow."""
    if all(grid.pixel_step == channels or width == 1 for grid in grids):
        width, channels = 1, width * channels
        if all(grid.row_step == channels for grid in grids):
            rows, channels = 1, rows * channels
    return dict(out_height=rows, out_width=width, channels=channels)
