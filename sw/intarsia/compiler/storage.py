"""Where each chip keeps its part of each activation, and what it gathers from others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from intarsia.compiler.boxes import Box
from intarsia.compiler.errors import MemoryShortageError
from intarsia.compiler.kernels import packing_pitch
from intarsia.compiler.needs import needed
from intarsia.compiler.work import Buffer
from intarsia.compiler.workload import Workload
from intarsia.graph import Conv, Pad, Tensor
from intarsia.isa.config import ChipConfig

__all__ = ["Grid", "Holding", "Stored", "best_pitch", "dense_grid", "hold", "viewed"]


@dataclass(frozen=True)
class Grid:
    """Bytes that lie at ``offset + row * row_step + pixel * pixel_step + channel``."""

    offset: int
    row_step: int
    pixel_step: int


@dataclass(frozen=True)
class Stored:
    """A box of an activation in a buffer, pixels dense.

    Members
    -------
    buffer : Buffer
    box : Box
    width : int
        Columns of the activation.
    pitch : int
        Bytes from row to row.
    """

    buffer: Buffer
    box: Box
    width: int
    pitch: int

    def grid(self, box: Box) -> Grid:
        """Where `box`, a part of what is stored, lies."""
        offset = (box.top - self.box.top) * self.pitch + box.first - self.box.first
        return Grid(offset, self.pitch, self.box.channels)


@dataclass(frozen=True)
class Holding:
    """What one chip has of one activation.

    Members
    -------
    own : Box
        What this chip computes.
    need : Box
        What it reads.
    part : Stored or None
        Where it puts it. `own` lies dense there.
    gathered : Stored or None
        Where all that it needs comes together; `part`, where that is possible without a copy.
    """

    own: Box
    need: Box
    part: Stored | None
    gathered: Stored | None

    def reader(self, box: Box) -> Stored:
        """Where `box` can be read."""
        if self.part is not None and box in self.own:
            return self.part
        assert self.gathered is not None, f"Nobody has gathered {box}"
        return self.gathered


def dense_grid(outer: Box, width: int, box: Box) -> Grid:
    """Where `box` lies, in bytes from the start of `outer`, of which it is a part."""
    pixel_step = outer.channels
    offset = (box.top - outer.top) * width * pixel_step + box.first - outer.first
    return Grid(offset, width * pixel_step, pixel_step)


def hold(
    workload: Workload, shares: Mapping[str, Sequence[Box]], config: ChipConfig
) -> dict[tuple[str, int], Holding]:
    """What every chip has of every activation.

    Parameters
    ----------
    workload : Workload
        What chips compute.
    shares : mapping of str to sequence of Box
        For each root, what each chip computes of it; nothing, of inputs.
    config : ChipConfig
        Of every chip.

    Returns
    -------
    dict
        By root and chip.

    Raises
    ------
    :exc:`MemoryShortageError`
        If a macro-bank is too small for what a chip must have at once.
    """
    chips = len(next(iter(shares.values())))
    wanted = {(root, chip): Box.nothing() for root in shares for chip in range(chips)}
    for _, op in workload.ops:
        for chip in range(chips):
            boxes = needed(op, shares[op.output][chip], workload.network)
            for name, box in zip(op.inputs, boxes, strict=True):
                wanted[workload.roots[name], chip] |= workload.root_box(name, box)
    # What others read lies dense.
    packable = {root for root, boxes in shares.items() if chips == 1 or not any(boxes)}
    holdings = {}
    for (root, chip), need in wanted.items():
        own = shares[root][chip]
        pitch = best_pitch(workload, root, need, config) if root in packable else None
        holdings[root, chip] = _holding(workload.network.tensors[root], chip, own, need, pitch)
    for (root, chip), holding in holdings.items():
        for stored in (holding.part, holding.gathered):
            if stored is not None and stored.buffer.size > config.bank_bytes:
                raise MemoryShortageError(
                    f"Chip {chip} needs {stored.buffer.size} "
                    f"bytes of {root!r} at once, and a macro-bank of configuration "
                    f"{config.name!r} has {config.bank_bytes}: use more chips or a larger one"
                )
    return holdings


def best_pitch(workload: Workload, root: str, need: Box, config: ChipConfig) -> int | None:
    """Bytes from row to row that suit a convolution that reads `root`; None, if none is better."""
    tensor = workload.network.tensors[root]
    pitches = []
    for _, op in workload.ops:
        if isinstance(op, Pad) and op.output == root:
            return None
        for name in op.inputs:
            if workload.roots[name] != root:
                continue
            if workload.network.tensors[name].shape != tensor.shape:
                return None
            if isinstance(op, Conv) and op.groups == 1 and need.channels == tensor.shape[2]:
                line = tensor.shape[1] * tensor.shape[2]
                pitches.append(packing_pitch(op.window, tensor.shape[2], line, config))
    return next((pitch for pitch in pitches if pitch is not None), None)


def _holding(tensor: Tensor, chip: int, own: Box, need: Box, pitch: int | None) -> Holding:
    def stored(kind: str, box: Box) -> Stored:
        width = tensor.shape[1]
        row = pitch or width * box.channels
        buffer = Buffer(f"{kind} {tensor.name!r} of chip {chip}", box.rows * row)
        return Stored(buffer, box, width, row)

    if need in own:
        return Holding(own, need, stored("part of", own) if own else None, None)
    if not own:
        return Holding(own, need, None, stored("gathered", need))
    both = own | need
    if both.channels == own.channels:
        together = stored("part of", both)
        return Holding(own, need, together, together)
    return Holding(own, need, stored("part of", own), stored("gathered", need))


def viewed(workload: Workload, name: str, box: Box, holding: Holding) -> tuple[Stored, Grid, int]:
    """Where a chip reads `box` of activation `name`, which may be a reshaped one.

    Returns
    -------
    (Stored, Grid, int)
        Store, place of the box in it, and bytes of its pixels before the first channel of the box.
    """
    tensor, root = workload.network.tensors[name], workload.root(name)
    needs = workload.root_box(name, box)
    stored = holding.reader(needs)
    if tensor.shape == root.shape:
        return stored, stored.grid(box), box.first - stored.box.first
    pitch = tensor.shape[1] * tensor.shape[2]
    start = stored.box.top * root.shape[1] * root.shape[2]
    grid = Grid(box.top * pitch + box.first - start, pitch, tensor.shape[2])
    return stored, grid, box.first
