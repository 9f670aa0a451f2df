"""Instructions for a network that is larger than the memory of its chips.

Maps and weights come from a memory node while what came before is computed, and maps that do not
stay go back there. Of several chips, each computes its stripes, and waits for the others before it
reads what they have stored.
"""

from collections.abc import Iterator, Mapping, Sequence

from intarsia.compiler.barriers import barrier, declaration
from intarsia.compiler.blobs import Blob
from intarsia.compiler.boxes import Box
from intarsia.compiler.fusion import Follower, at_home, chained, followers
from intarsia.compiler.layers import Site
from intarsia.compiler.lower import ChipWork, Lowered, close
from intarsia.compiler.reloads import Reloads, load
from intarsia.compiler.segments import Segment
from intarsia.compiler.steps import Step, interleaved
from intarsia.compiler.storage import Holding, Stored, best_pitch
from intarsia.compiler.tiling import Tiling
from intarsia.compiler.transfers import reads, writes
from intarsia.compiler.work import Buffer, Work
from intarsia.graph import Conv, Mode
from intarsia.isa.config import ChipConfig
from intarsia.isa.instruction import ControlOp, Stream

__all__ = ["stream"]


def stream(
    tiling: Tiling,
    records: Mapping[int, Sequence[bytes]],
    config: ChipConfig,
    mode: Mode,
    ahead: int,
    held: int = 1,
    nodes: Sequence[int] = (0,),
) -> Lowered:
    """Instructions of all chips.

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
    nodes : sequence of int
        Node of each chip, in ascending order.

    Returns
    -------
    Lowered
        Maps that go to a memory node are named ``("map", root)``.
    """
    reloads = Reloads(records, config)
    parts = [_Streaming(tiling, reloads, config, mode, chip) for chip in range(len(nodes))]
    chips = [part.run(ahead, held, nodes) for part in parts]
    tensors = tiling.spans.workload.network.tensors
    stored = dict.fromkeys(root for part in parts for root in part.written)
    fused = {index: maker for part in parts for index, maker in part.fused.items()}
    maps = {root: tensors[root].size for root in stored}
    return Lowered(chips, reloads.weights, {}, fused, maps)


class _Streaming:
    """State of :func:`stream`, for one chip."""

    def __init__(
        self,
        tiling: Tiling,
        reloads: Reloads,
        config: ChipConfig,
        mode: Mode,
        chip: int,
    ):
        self._tiling, self._spans, self._chip = tiling, tiling.spans, chip
        self._workload = tiling.spans.workload
        self._tensors = self._workload.network.tensors
        self._reloads, self._config, self._mode = reloads, config, mode
        self._results = {self._workload.roots[name] for name in self._workload.results}
        self._inputs = {end.tensor for end in self._workload.network.inputs}
        self._followers = followers(self._workload, config, mode, overlapped=True)
        self._whole: dict[str, Stored] = {}
        self._barrier = Step()
        self.fused: dict[int, int] = {}
        self.written: dict[str, list[tuple[Box, Step, list[Work]]]] = {}

    def run(self, ahead: int, held: int, nodes: Sequence[int]) -> ChipWork:
        """Lowers all segments."""
        several, last = len(nodes) > 1, len(self._workload.network.ops) - 1
        chip = ChipWork()
        if several:
            chip.prologue.append(declaration(nodes))
        if not self._chip:
            chip.works.append(Work(Stream.CONTROL, ControlOp.DOORBELL, 0, {}, patient=True))
        if several:
            chip.works.append(barrier(0, 0, patient=True))
        steps: list[Step] = []
        for number, segment in enumerate(self._tiling.segments):
            if several and number:
                steps += self._apart(segment, number, steps)
            else:
                steps += self._segment(segment)
        chip.works += interleaved(steps, ahead, held)
        if several:
            chip.works.append(barrier(last, len(self._tiling.segments), patient=True))
        if not self._chip:
            chip.works.append(Work(Stream.CONTROL, ControlOp.NOTIFY, last, dict(value=1)))
        close(chip, several=several)
        return chip

    def _apart(self, segment: Segment, esp: int, before: Sequence[Step]) -> Iterator[Step]:
        """A segment after a barrier; its first weights, which wait for nobody, come before."""
        stores = [store for step in before for store in step.stores]
        layer = self._workload.ops[segment.first][0]
        # Who has little to do in a segment may wait for others longer than a watchdog does.
        sync = barrier(layer, esp, patient=True, after=stores[-1:])
        self._barrier = Step(works=[sync], awaited=[*before[-1:]])
        steps = list(self._segment(segment))
        early = Step()
        for step in steps[:1]:
            early.loads = [work for work in step.loads if not work.after]
            step.loads = [work for work in step.loads if work.after]
        yield early
        yield self._barrier
        yield from steps

    def _segment(self, segment: Segment) -> Iterator[Step]:
        """Steps of a segment, in the order in which they are computed."""
        sites = {stripe: self._site(segment, stripe) for stripe in segment.part(self._chip)}
        shared: dict[int, list[Blob]] = {}
        taken = [
            root
            for root in self._spans.taken(segment.first, segment.last)
            if root not in self._tiling.resident
        ]
        given = self._spans.given(segment.first, segment.last)
        users = {root: set() for root in taken}
        for at, stripe in segment.steps(self._chip):
            op = self._spans.op(at)
            if not sites[stripe].holdings[op.output].own:
                continue
            if self._workload.ops[at][0] in self.fused:
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
        self.fused[follower.index] = index
        return follower

    def _computed(
        self,
        segment: Segment,
        site: Site,
        at: int,
        shared: dict[int, list[Blob]],
        follower: Follower | None,
    ) -> Iterator[Step]:
        """Steps of one operator of a stripe; of a convolution, one for each blob."""
        index, op = self._workload.ops[at]
        if not isinstance(op, Conv):
            yield Step(works=list(site.other(index, op)))
            return
        stay = at in segment.kept
        blobs = shared.get(at) or self._reloads.fresh(index, op, site, segment.blob)
        offset = 0
        for blob in blobs:
            works = site.conv(index, op, blob)
            if follower:
                works = (work for conv in works for work in chained(site, follower, conv))
            step = Step(works=list(works))
            if at not in shared:
                [buffer] = blob.buffers
                step.loads.append(load(index, buffer, offset))
                offset += buffer.size
            yield step
        if stay:
            shared[at] = blobs

    def _load(self, step: Step, root: str, at: int, holding: Holding) -> None:
        """READs of what a stripe needs of an activation that is elsewhere."""
        if not holding.need:
            return
        kind = "input" if root in self._inputs else "map"
        whole, index = Box.whole(self._tensors[root].shape), self._workload.ops[at][0]
        loads = list(reads(index, (kind, root), whole, holding, holding.need))
        if kind == "map":
            for writer, stores in self._writers(root, holding.need):
                step.awaited.append(writer)
                for work in loads:
                    work.after += stores
        step.loads += loads

    def _writers(self, root: str, need: Box) -> list[tuple[Step, list[Work]]]:
        """Steps before which a map isn't there, with the last that they do for it."""
        if self._tiling.chips > 1:
            return [(self._barrier, self._barrier.works)]
        return [(step, stores) for box, step, stores in self.written[root] if box & need]

    def _store(self, step: Step, root: str, at: int, holding: Holding, part: Box) -> None:
        """WRITEs of what a stripe hands to others."""
        stored, index = holding.part, self._workload.ops[at][0]
        assert stored is not None, f"Nothing of {root!r} is computed here"
        whole = Box.whole(self._tensors[root].shape)
        if root in self._results:
            step.stores += writes(index, ("output", root), whole, stored, part)
        if root not in self._tiling.resident and self._wanted(root):
            stores = list(writes(index, ("map", root), whole, stored, part))
            self.written.setdefault(root, []).append((part, step, stores))
            step.stores += stores

    def _wanted(self, root: str) -> bool:
        """Whether another segment reads a root that leaves its own."""
        made = self._spans.made[root]
        [segment] = [each for each in self._tiling.segments if each.first <= made < each.last]
        users = self._spans.users[root]
        return any(segment.last <= user < len(self._workload.ops) for user in users)
