"""Operators that take the output of a convolution on its way out, so that it sees no memory.

Which these are, follows from the order in which convolutions hand on their output: sums of two
activations, of which a convolution computes the later one; pools with one window, the whole map;
and others, where the vector engine has room for what it knows of windows that have begun. Nobody
else may want what is handed on, and every chip must have all that it takes.

A pool that takes longer than its convolution would hold up those that come next. That pays where
the next one waits for the pool anyway.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from intarsia.compiler import records
from intarsia.compiler.boxes import Box
from intarsia.compiler.layers import Site
from intarsia.compiler.needs import needed
from intarsia.compiler.pooling import is_hidden, is_possible, window_fields
from intarsia.compiler.storage import Holding
from intarsia.compiler.windows import Region, regions
from intarsia.compiler.work import Access, Address, Work
from intarsia.compiler.workload import Workload
from intarsia.graph import Add, AveragePool, Conv, MaxPool, Mean, Mode, Op
from intarsia.isa.config import ChipConfig
from intarsia.isa.instruction import Stream, VectorOp

__all__ = ["Follower", "at_home", "chained", "followers"]


@dataclass(frozen=True)
class Follower:
    """An operator that is executed with a convolution.

    Members
    -------
    index : int
        In the network.
    op : Op
    operand : int
        Which of its inputs the convolution computes.
    """

    index: int
    op: Op
    operand: int

    @property
    def others(self) -> tuple[str, ...]:
        """Its other inputs."""
        return self.op.inputs[: self.operand] + self.op.inputs[self.operand + 1 :]


def followers(
    workload: Workload, config: ChipConfig, mode: Mode, *, overlapped: bool = False
) -> dict[int, Follower]:
    """Who could follow which convolution, by its index in the network.

    Parameters
    ----------
    workload : Workload
        What chips compute.
    config : ChipConfig
        Of every chip.
    mode : Mode
        Numerics mode.
    overlapped : bool
        Operators overlap those that need them, as they do in stripes.
    """
    made = {op.output: index for index, op in workload.ops}
    users = Counter(workload.roots[name] for _, op in workload.ops for name in op.inputs)
    users.update(workload.roots[name] for name in workload.results)
    found = {}
    for index, op in workload.ops:
        for operand, name in enumerate(op.inputs):
            follower = Follower(index, op, operand)
            maker = made.get(name, -1)
            earlier = [made.get(workload.roots[other], -1) for other in follower.others]
            if (
                maker >= 0
                and users[name] == 1
                and isinstance(conv := workload.network.ops[maker], Conv)
                and all(other < maker for other in earlier)
                and _takes_in_order(workload, op, config, mode)
                and (
                    _takes_no_time(workload, conv, op, config)
                    or (not overlapped and _is_awaited(workload, maker, op))
                )
            ):
                found[maker] = follower
    return found


def _takes_in_order(workload: Workload, op: Op, config: ChipConfig, mode: Mode) -> bool:
    """Whether the operator's instruction can take a map pixel by pixel."""
    match op:
        case Add() | Mean():
            return True
        case MaxPool() | AveragePool():
            return _whole(workload, op) is not None or is_possible(workload, op, config, mode)
        case _:
            return False


def _takes_no_time(workload: Workload, conv: Conv, op: Op, config: ChipConfig) -> bool:
    """Whether the operator takes vectors as fast as the convolution makes them."""
    match op:
        case MaxPool() | AveragePool():
            return _whole(workload, op) is not None or is_hidden(workload, conv, op, config)
        case _:
            return True


def _is_awaited(workload: Workload, maker: int, op: Op) -> bool:
    """Whether the next convolution after `maker`, if there is one, needs what `op` computes."""
    made = {op.output}
    for index, later in workload.ops:
        if index <= maker:
            continue
        needs = any(workload.roots[name] in made for name in later.inputs)
        if isinstance(later, Conv):
            return needs
        if needs:
            made.add(later.output)
    return True


def _whole(workload: Workload, op: MaxPool | AveragePool) -> Region | None:
    """The one region of a pool with one window, if that is the whole map."""
    height, width, _ = workload.network.tensors[op.inputs[0]].shape
    rows, columns, _ = workload.network.tensors[op.output].shape
    if (rows, columns) != (1, 1):
        return None
    [region] = regions(op.window, (height, width, 1), (0, 1), 1)
    return region if (region.taps_y, region.taps_x) == (height, width) else None


def at_home(workload: Workload, holdings: Mapping[str, Holding], follower: Follower) -> bool:
    """Whether a chip computes just what it takes; or rows, too, that are below all windows.

    Parameters
    ----------
    workload : Workload
        What chips compute.
    holdings : mapping of str to Holding
        What the chip has, by root.
    follower : Follower
    """
    op = follower.op
    if op.output not in holdings:
        return False
    own, given = holdings[op.output].own, holdings[op.inputs[follower.operand]].own
    taken = needed(op, own, workload.network)[follower.operand]
    if (
        isinstance(op, MaxPool | AveragePool)
        and own.bottom == workload.network.tensors[op.output].shape[0]
    ):
        taken = replace(taken, bottom=max(taken.bottom, given.bottom))
    return given == taken


def chained(site: Site, follower: Follower, conv: Work) -> tuple[Work, Work]:
    """The works of a convolution and of what follows, for the channels of `conv`.

    Parameters
    ----------
    site : Site
        The chip.
    follower : Follower
    conv : Work
        As it would be without a follower; it is changed.
    """
    *reads, written = conv.accesses
    part, own = site.target(follower.op)
    assert written.box is not None, "A convolution writes a box"
    box = Box(own.top, own.bottom, written.box.first, written.box.last)
    out = part.grid(box)
    output = Address(part.buffer, out.offset)
    fields = dict(
        output=output,
        out_row_step=out.row_step,
        out_pixel_step=out.pixel_step,
        channels=box.channels,
        chained=1,
    )
    write = Access(part.buffer, box, write=True)
    match follower.op:
        case Add() as op:
            opcode, more, accesses = _sum(site, op, follower.operand, box)
        case op:
            opcode, more = _pool(site, op)
            fields |= dict.fromkeys("ab", output)
            accesses = ()
    work = Work(Stream.VECTOR, opcode, follower.index, fields | more, (*accesses, write))
    conv.fields |= dict(chained=1, output=output)
    conv.accesses = tuple(reads)
    conv.partner, work.partner = work, conv
    return conv, work


def _sum(
    site: Site, op: Add, operand: int, box: Box
) -> tuple[VectorOp, dict[str, Any], tuple[Access, ...]]:
    """What `box` of a sum takes from memory."""
    taken = site.source(op, 1 - operand)
    first, second, target = site.tensors(op)
    fields = dict.fromkeys(
        "ab", Address(taken.buffer, taken.grid.offset + box.first - taken.box.first)
    )
    fields |= dict(
        swapped=operand,
        tap_row_step=taken.grid.row_step,
        tap_step=taken.grid.pixel_step,
        taps_y=1,
        taps_x=1,
        out_height=box.rows,
        out_width=target.shape[1],
    )
    fields |= records.add_fields(op, (first, second, target), site.mode)
    return VectorOp.ADD, fields, (taken.read,)


def _pool(site: Site, op: Op) -> tuple[VectorOp, dict[str, Any]]:
    source, target = site.tensors(op)
    height, width, _ = source.shape
    fields: dict[str, Any] = dict(out_height=1, out_width=1, taps_y=height, taps_x=width)
    if isinstance(op, Mean):
        fields |= records.mean_fields(op, height * width, source, target, site.mode)
        return VectorOp.POOL_SUM, fields
    assert isinstance(op, MaxPool | AveragePool), f"Operator {op.name!r} does not follow"
    region = _whole(site.workload, op)
    if region is None:
        own, taken = (site.holdings[name].own for name in (op.output, op.inputs[0]))
        columns = target.shape[1]
        fields = window_fields(op.window, own, columns, taken, width)
        region = next(regions(op.window, source.shape, (own.top, own.bottom), columns))
    if isinstance(op, MaxPool):
        return VectorOp.POOL_MAX, fields | records.max_fields(op)
    rounds = records.average_fields(op, region, source, target, site.mode)
    return VectorOp.POOL_SUM, fields | rounds
