"""One convolution that is all there is: its operands come while it is computed, in steps.

All of its maps and weights are in the chip at once; so nothing waits for room, and no row comes
twice.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence

from intarsia.compiler.blobs import Blob, cut
from intarsia.compiler.boxes import Box
from intarsia.compiler.layers import Site
from intarsia.compiler.lower import ChipWork, Lowered, close
from intarsia.compiler.needs import needed, window_rows
from intarsia.compiler.pace import Course, Layout, Step, courses, refined
from intarsia.compiler.storage import Holding, Stored, best_pitch
from intarsia.compiler.timing import timed
from intarsia.compiler.transfers import reads, writes
from intarsia.compiler.work import Access, Address, Buffer, Remote, Work
from intarsia.compiler.workload import Workload
from intarsia.graph import Conv, Mode
from intarsia.isa.config import ChipConfig
from intarsia.isa.instruction import ControlOp, RemoteOp, Stream

__all__ = ["Alone", "alone", "is_alone"]

#: Of the memory, the part that maps and weights may take.
PART = 0.75

#: Ways to cut it for which sizes of packets are compared.
COMPARED = 6


def is_alone(workload: Workload, config: ChipConfig) -> bool:
    """Whether there is one convolution, and a chip has room for all of it."""
    if len(workload.ops) != 1 or not isinstance(workload.ops[0][1], Conv):
        return False
    [(_, op)] = workload.ops
    tensors = workload.network.tensors
    source, target = workload.root(op.inputs[0]), tensors[op.output]
    sizes = [tensor.size + tensor.shape[0] * config.lanes for tensor in (source, target)]
    if source.shape != tensors[op.inputs[0]].shape or max(sizes) > config.bank_bytes:
        return False
    weights = sum(job.blob_bytes(config) for job in Alone(workload, config).layout.jobs)
    return sum(sizes) + weights <= PART * config.memory_bytes


def alone(
    workload: Workload,
    records: Mapping[int, Sequence[bytes]],
    config: ChipConfig,
    mode: Mode,
    link_latency: int,
) -> Lowered:
    """Instructions of the only chip.

    Parameters
    ----------
    workload : Workload
        One for which :func:`is_alone` holds.
    records : mapping of int to sequence of bytes
        Channel records of the convolution.
    config : ChipConfig
    mode : Mode
    link_latency : int
        Cycles that a beat takes over a link.

    Raises
    ------
    :exc:`MemoryShortageError`
        If weights can't be cut small enough.
    """
    found = Alone(workload, config)
    layout = found.layout

    def cost(course: Course) -> int:
        return timed(layout, course, config, link_latency)

    best = heapq.nsmallest(COMPARED, courses(layout, config), key=cost)
    return found.lowered(records, mode, min((refined(course, cost) for course in best), key=cost))


class Alone:
    """The only operator, and where its maps are.

    Parameters
    ----------
    workload, config
        As of :func:`alone`.

    Members
    -------
    layout : Layout
    """

    def __init__(self, workload: Workload, config: ChipConfig):
        [(self._index, op)] = workload.ops
        assert isinstance(op, Conv), f"{op.name!r} is no convolution"
        self._op, self._workload, self._config = op, workload, config
        tensors = workload.network.tensors
        self._root = workload.roots[op.inputs[0]]
        self._source, self._target = self._stored(self._root), self._stored(op.output)
        height, width, _ = tensors[op.output].shape
        rows = (Box(row, row + 1, 0, 1) for row in range(height))
        in_height = self._source.box.bottom
        self.layout = Layout(
            op,
            self._site(Mode.ONNX, 0, height).conv_jobs(op),
            height,
            width,
            tuple(window_rows(op.window, row, in_height) for row in rows),
            op.window.stride[0] if op.window.kernel[0] == 1 and not op.window.padding[0] else 1,
            self._source.width * self._source.box.channels,
            width * self._target.box.channels,
        )

    def _stored(self, root: str) -> Stored:
        shape = self._workload.network.tensors[root].shape
        box = Box.whole(shape)
        pitch = best_pitch(self._workload, root, box, self._config) or shape[1] * shape[2]
        return Stored(Buffer(f"{root!r}", box.rows * pitch), box, shape[1], pitch)

    def _site(self, mode: Mode, top: int, bottom: int) -> Site:
        """What the chip has of both maps, when it computes some rows."""
        whole = self._target.box
        own = Box(top, bottom, whole.first, whole.last)
        [need] = needed(self._op, own, self._workload.network)
        holdings = {
            self._root: Holding(Box.nothing(), need, None, self._source),
            self._op.output: Holding(own, own, self._target, self._target),
        }
        return Site(self._workload, holdings, self._config, mode)

    def lowered(
        self,
        records: Mapping[int, Sequence[bytes]],
        mode: Mode,
        course: Course,
    ) -> Lowered:
        """Instructions: all loads; then each step, and what is stored of it."""
        index, op = self._index, self._op
        blobs = [
            blob
            for part in self.layout.parted(course.tail)
            for blob in cut(
                op, part, records[index], course.limit, self._config, striped=course.striped
            )
        ]
        chip = ChipWork()
        doorbell = Work(Stream.CONTROL, ControlOp.DOORBELL, 0, {}, patient=True)
        layer = len(self._workload.network.ops) - 1
        notify = Work(Stream.CONTROL, ControlOp.NOTIFY, layer, dict(value=1))
        chip.works.append(doorbell)
        chip.works += self._operands(course, blobs)
        for step in course.steps:
            chip.works += self._computed(mode, step, blobs[step.blob])
            if step.blob == len(blobs) - 1:
                stores = list(self._stores(step))
                chip.works += _cut(stores, [course.stores(step)] * len(stores))
        chip.works.append(notify)
        close(chip, several=False)
        weights = b"".join(stripe for blob in blobs for stripe in blob.stripes)
        return Lowered([chip], {index: [(weights,)]}, {})

    def _operands(self, course: Course, blobs: Sequence[Blob]) -> Iterator[Work]:
        """Loads of all steps, in their order."""
        rows, known = 0, -1
        gate: list[Work] = []
        for step in course.steps:
            fresh = self.layout.fresh(step, rows)
            loads = list(self._loads(*fresh))
            rows = fresh[1]
            if step.blob > known:
                known = step.blob
                loads += self._weights(blobs, known)
            loads = list(_cut(loads, course.loads(step, len(loads))))
            if step is course.steps[0]:
                yield from loads
                if course.held and len(loads) > 1:
                    gate = [
                        Work(Stream.CONTROL, ControlOp.NOP, self._index, {}, after=loads[-2:-1])
                    ]
                    yield from gate
                continue
            for load in loads:
                load.after += gate
                gate = []
                yield load

    def _computed(self, mode: Mode, step: Step, blob: Blob) -> Iterator[Work]:
        return self._site(mode, step.top, step.bottom).conv(self._index, self._op, blob)

    def _loads(self, top: int, bottom: int) -> Iterator[Work]:
        """READs of rows of the input; where windows leave rows out, of those that they see."""
        if bottom <= top:
            return
        source, stride = self._source, self.layout.stride
        box = Box(top, bottom, source.box.first, source.box.last)
        holding = Holding(Box.nothing(), box, None, source)
        for read in reads(self._index, ("input", self._root), source.box, holding, box):
            if stride > 1:
                read.fields |= dict(
                    row_bytes=self.layout.line,
                    rows=len(range(top, bottom, stride)),
                    remote_pitch=stride * self.layout.line,
                    local_pitch=stride * source.pitch,
                )
            yield read

    def _weights(self, blobs: Sequence[Blob], number: int) -> Iterator[Work]:
        """READs of a blob, one for each stripe."""
        offset = sum(len(stripe) for blob in blobs[:number] for stripe in blob.stripes)
        for buffer in blobs[number].buffers:
            fields = dict(
                local=Address(buffer),
                row_bytes=buffer.size,
                rows=1,
                remote_pitch=buffer.size,
                local_pitch=buffer.size,
            )
            access = Access(buffer, None, write=True)
            remote = Remote(("weights", self._index, 0, 0), offset)
            yield Work(Stream.REMOTE, RemoteOp.READ, self._index, fields, (access,), remote)
            offset += buffer.size

    def _stores(self, step: Step) -> Iterator[Work]:
        """WRITEs of rows of the output."""
        target = self._target
        box = Box(step.top, step.bottom, target.box.first, target.box.last)
        return writes(self._index, ("output", self._op.output), target.box, target, box)


def _cut(transfers: Iterable[Work], grains: Iterable[int]) -> Iterator[Work]:
    """`transfers`, in packets of these `grains`."""
    for work, grain in zip(transfers, grains, strict=True):
        work.fields["grain"] = grain
        yield work
