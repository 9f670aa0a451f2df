"""Operators that take the output of a convolution on its way out, so that it sees no memory.

Which these are, follows from the order in which convolutions hand on their output: sums of two
activations, of which a convolution computes the later one; and pools with one window, the whole
map. Nobody else may want what is handed on, and every chip must have all that it takes.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from intarsia.compiler import records
from intarsia.compiler.boxes import Box
from intarsia.compiler.layers import Site
from intarsia.compiler.needs import needed
from intarsia.compiler.storage import Holding
from intarsia.compiler.windows import Region, regions
from intarsia.compiler.work import Access, Address, Work
from intarsia.compiler.workload import Workload
from intarsia.graph import Add, AveragePool, Conv, MaxPool, Mean, Op
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


def followers(workload: Workload) -> dict[int, Follower]:
    """Who could follow which convolution, by its index in the network."""
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
                and isinstance(workload.network.ops[maker], Conv)
                and all(other < maker for other in earlier)
                and _takes_in_order(workload, op)
            ):
                found[maker] = follower
    return found


def _takes_in_order(workload: Workload, op: Op) -> bool:
    """Whether the operator's instruction can take a map pixel by pixel."""
    match op:
        case Add() | Mean():
            return True
        case MaxPool() | AveragePool():
            return _whole(workload, op) is not None
        case _:
            return False


def _whole(workload: Workload, op: MaxPool | AveragePool) -> Region | None:
    """The one region of a pool with one window, if that is the whole map."""
    height, width, _ = workload.network.tensors[op.inputs[0]].shape
    rows, columns, _ = workload.network.tensors[op.output].shape
    if (rows, columns) != (1, 1):
        return None
    [region] = regions(op.window, (height, width, 1), (0, 1), 1)
    return region if (region.taps_y, region.taps_x) == (height, width) else None


def at_home(workload: Workload, holdings: Mapping[str, Holding], follower: Follower) -> bool:
    """Whether a chip computes just what it takes.

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
    needs = needed(op, holdings[op.output].own, workload.network)
    return holdings[op.inputs[follower.operand]].own == needs[follower.operand]


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
    fields = dict(out_height=1, out_width=1, taps_y=height, taps_x=width)
    match op:
        case MaxPool():
            return VectorOp.POOL_MAX, fields | records.max_fields(op)
        case AveragePool():
            region = _whole(site.workload, op)
            assert region is not None, f"{op.name!r} has more than one window"
            rounds = records.average_fields(op, region, source, target, site.mode)
        case Mean():
            rounds = records.mean_fields(op, height * width, source, target, site.mode)
        case _:
            raise TypeError(f"Operator {op.name!r} is of unknown type {type(op).__name__}")
    return VectorOp.POOL_SUM, fields | rounds
