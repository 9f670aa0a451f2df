"""One chip's instructions for a network that is larger than its memory.

Maps and weights come from a memory node while what came before is computed, and maps that do not
stay go back there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from intarsia.compiler.blobs import Blob, cut
from intarsia.compiler.boxes import Box
from intarsia.compiler.estimates import blob_limit
from intarsia.compiler.fusion import Follower, at_home, chained, followers
from intarsia.compiler.layers import Site
from intarsia.compiler.lower import ChipWork, Lowered, close
from intarsia.compiler.segments import Segment
from intarsia.compiler.storage import Holding, Stored, best_pitch
from intarsia.compiler.tiling import Tiling
from intarsia.compiler.transfers import reads, writes
from intarsia.compiler.work import Access, Address, Buffer, Remote, Work
from intarsia.graph import Conv, Mode
from intarsia.isa.config import ChipConfig
from intarsia.isa.instruction import ControlOp, RemoteOp, Stream

__all__ = ["stream"]


@dataclass(eq=False)
class _Step:
    """What is computed at a time, after it was loaded, and before it is stored.

    Members
    -------
    loads : list of Work
    awaited : list of _Step
        Their stores, and those of all steps before, come before its loads.
    works : list of Work
    stores : list of Work
    """

    loads: list[Work] = field(default_factory=list)
    awaited: list["_Step"] = field(default_factory=list)
    works: list[Work] = field(default_factory=list)
    stores: list[Work] = field(default_factory=list)

    @property
    def loaded(self) -> int:
        """Bytes of its loads."""
        return sum(work.fields["row_bytes"] * work.fields["rows"] for work in self.loads)


def stream(
    tiling: Tiling,
    records: Mapping[int, Sequence[bytes]],
    config: ChipConfig,
    mode: Mode,
    ahead: int,
    held: int = 1,
) -> Lowered:
    """Instructions of the only chip.

    Parameters
    ----------
    tiling : Tiling
    records : mapping of int to sequence of bytes
        Channel records of each convolution.
    config : ChipConfig
    mode : Mode
    ahead : int
        Bytes that are loaded before the step that needs them is the next, at most.
    held : int
        Steps for which buffers are not given to others after their last use, so that nobody waits
        for those that are not quite done with them.

    Returns
    -------
    Lowered
        Maps that go to a memory node are named ``("map", root)``.
    """
    return _Streaming(tiling, records, config, mode).run(ahead, held)


class _Streaming:
    """State of :func:`stream`."""

    def __init__(
        self,
        tiling: Tiling,
        records: Mapping[int, Sequence[bytes]],
        config: ChipConfig,
        mode: Mode,
    ):
        self._tiling, self._spans = tiling, tiling.spans
        self._workload = tiling.spans.workload
        self._tensors = self._workload.network.tensors
        self._records, self._config, self._mode = records, config, mode
        self._results = {self._workload.roots[name] for name in self._workload.results}
        self._inputs = {end.tensor for end in self._workload.network.inputs}
        self._followers = followers(self._workload, config, mode, overlapped=True)
        self._fused: dict[int, int] = {}
        self._whole: dict[str, Stored] = {}
        self._blobs: dict[int, list[Blob]] = {}
        self._weights: dict[int, list[tuple[bytes, ...]]] = {}
        self._written: dict[str, list[tuple[Box, _Step, list[Work]]]] = {}

    def run(self, ahead: int, held: int) -> Lowered:
        """Lowers all segments."""
        steps = [step for segment in self._tiling.segments for step in self._segment(segment)]
        chip = ChipWork()
        doorbell = Work(Stream.CONTROL, ControlOp.DOORBELL, 0, {}, patient=True)
        layer = len(self._workload.network.ops) - 1
        notify = Work(Stream.CONTROL, ControlOp.NOTIFY, layer, dict(value=1))
        chip.works = [doorbell, *_interleaved(steps, ahead, held), notify]
        close(chip, several=False)
        maps = {root: self._tensors[root].size for root in self._written}
        return Lowered([chip], self._weights, {}, self._fused, maps)

    def _segment(self, segment: Segment) -> Iterator[_Step]:
        """Steps of a segment, in the order in which they are computed."""
        sites = [self._site(segment, stripe) for stripe in range(segment.stripes)]
        shared: dict[int, list[Blob]] = {}
        taken = [
            root
            for root in self._spans.taken(segment.first, segment.last)
            if root not in self._tiling.resident
        ]
        given = self._spans.given(segment.first, segment.last)
        users = {root: set() for root in taken}
        for at, stripe in segment.steps():
            op = self._spans.op(at)
            if not sites[stripe].holdings[op.output].own:
                continue
            if self._workload.ops[at][0] in self._fused:
                continue
            follower = self._follower(sites[stripe], at)
            steps = list(self._computed(segment, sites[stripe], at, shared, follower))
            names = (*op.inputs, *(follower.others if follower else ()))
            op = follower.op if follower else op
            for root in dict.fromkeys(self._workload.roots[name] for name in names):
                if root in taken and stripe not in users[root]:
                    users[root].add(stripe)
                    self._load(steps[0], root, at, sites[stripe].holdings[root])
            if op.output in given:
                part = self._spans.share(op.output, segment.stripes, stripe)
                self._store(steps[-1], op.output, at, sites[stripe].holdings[op.output], part)
            yield from steps

    def _site(self, segment: Segment, stripe: int) -> Site:
        """What the chip has of all activations, when it computes a stripe."""
        boxes = self._spans.boxes(segment.first, segment.last, segment.stripes, stripe)
        holdings = {}
        for root, box in boxes.items():
            made = self._spans.made[root] >= segment.first
            if root in self._tiling.resident:
                if root not in self._whole:
                    everything = Box.whole(self._tensors[root].shape)
                    self._whole[root] = self._stored(root, everything, "all")
                stored = self._whole[root]
            else:
                stored = self._stored(root, box, f"segment {segment.first}, stripe {stripe}")
            own = box if made else Box.nothing()
            holdings[root] = Holding(own, box, stored if made else None, stored)
        return Site(self._workload, holdings, self._config, self._mode)

    def _stored(self, root: str, box: Box, title: str) -> Stored:
        width = self._tensors[root].shape[1]
        line = width * box.channels
        pitch = best_pitch(self._workload, root, box, self._config) or line
        return Stored(Buffer(f"{root!r}, {title}", box.rows * pitch), box, width, pitch)

    def _follower(self, site: Site, at: int) -> Follower | None:
        """Who follows an operator, if it is computed together with it."""
        index = self._workload.ops[at][0]
        follower = self._followers.get(index)
        if follower is None or not at_home(self._workload, site.holdings, follower):
            return None
        self._fused[follower.index] = index
        return follower

    def _computed(
        self,
        segment: Segment,
        site: Site,
        at: int,
        shared: dict[int, list[Blob]],
        follower: Follower | None,
    ) -> Iterator[_Step]:
        """Steps of one operator of a stripe; of a convolution, one for each blob."""
        index, op = self._workload.ops[at]
        if not isinstance(op, Conv):
            yield _Step(works=list(site.other(index, op)))
            return
        stay = at in segment.kept
        blobs = shared[at] if at in shared else self._fresh(index, op, site, segment.blob)
        offset = 0
        for blob in blobs:
            works = site.conv(index, op, blob)
            if follower:
                works = (work for conv in works for work in chained(site, follower, conv))
            step = _Step(works=list(works))
            if at not in shared:
                [buffer] = blob.buffers
                step.loads.append(_weights(index, buffer, offset))
                offset += buffer.size
            yield step
        if stay:
            shared[at] = blobs

    def _fresh(self, index: int, op: Conv, site: Site, least: int) -> list[Blob]:
        """The blobs of a convolution, in buffers of their own."""
        if index not in self._blobs:
            work = site.conv_jobs(op)
            limit = blob_limit(work, least, self._config)
            # Weights come slower than they are read from one macro-bank.
            blobs = cut(op, work, self._records[index], limit, self._config, striped=False)
            self._blobs[index] = blobs
            self._weights[index] = [(b"".join(sum((blob.stripes for blob in blobs), ())),)]
        return [
            replace(blob, buffers=tuple(Buffer(each.name, each.size) for each in blob.buffers))
            for blob in self._blobs[index]
        ]

    def _load(self, step: _Step, root: str, at: int, holding: Holding) -> None:
        """READs of what a stripe needs of an activation that is elsewhere."""
        if not holding.need:
            return
        kind = "input" if root in self._inputs else "map"
        whole, index = Box.whole(self._tensors[root].shape), self._workload.ops[at][0]
        loads = list(reads(index, (kind, root), whole, holding, holding.need))
        for box, writer, stores in self._written.get(root, ()):
            if box & holding.need:
                step.awaited.append(writer)
                for load in loads:
                    load.after += stores
        step.loads += loads

    def _store(self, step: _Step, root: str, at: int, holding: Holding, part: Box) -> None:
        """WRITEs of what a stripe hands to others."""
        stored, index = holding.part, self._workload.ops[at][0]
        assert stored is not None, f"Nothing of {root!r} is computed here"
        whole = Box.whole(self._tensors[root].shape)
        if root in self._results:
            step.stores += writes(index, ("output", root), whole, stored, part)
        if root not in self._tiling.resident and self._wanted(root):
            stores = list(writes(index, ("map", root), whole, stored, part))
            self._written.setdefault(root, []).append((part, step, stores))
            step.stores += stores

    def _wanted(self, root: str) -> bool:
        """Whether another segment reads a root that leaves its own."""
        made = self._spans.made[root]
        [segment] = [each for each in self._tiling.segments if each.first <= made < each.last]
        users = self._spans.users[root]
        return any(segment.last <= user < len(self._workload.ops) for user in users)


def _weights(layer: int, buffer: Buffer, offset: int) -> Work:
    """The READ of a blob that has one stripe."""
    size = buffer.size
    fields = dict(
        local=Address(buffer),
        row_bytes=size,
        rows=1,
        remote_pitch=size,
        local_pitch=size,
    )
    access = Access(buffer, None, write=True)
    remote = Remote(("weights", layer, 0, 0), offset)
    return Work(Stream.REMOTE, RemoteOp.READ, layer, fields, (access,), remote)


def _interleaved(steps: Sequence[_Step], ahead: int, held: int) -> Iterator[Work]:
    """All works, so that loads and stores go on while something else is computed.

    Loads come before those of the step before theirs, and earlier, while there are no more than
    `ahead` bytes of them. Stores come after the works of the next step. Buffers of the `held`
    steps before are still in use then.
    """
    stored: set[_Step] = set()
    issued = waiting = 0
    previous = _Step()
    for number, step in enumerate(steps):
        if issued == number and previous in step.awaited:
            yield from previous.stores
            previous.stores = []
            stored.add(previous)
        while issued < len(steps):
            candidate = steps[issued]
            size = candidate.loaded
            early = issued > number + 1 and waiting + size > ahead
            if issued > number and (early or not stored.issuperset(candidate.awaited)):
                break
            yield from candidate.loads
            waiting += size
            issued += 1
        waiting -= step.loaded
        buffers = tuple(
            access.buffer
            for earlier in steps[max(0, number - held) : number]
            for work in earlier.works
            for access in work.accesses
        )
        for work in step.works:
            work.holds = buffers
            yield work
        yield from previous.stores
        stored.add(previous)
        previous = step
    yield from previous.stores
