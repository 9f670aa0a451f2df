"""Which part of its inputs an operator needs for a part of its output."""

from intarsia.compiler.boxes import Box
from intarsia.graph import Add, AveragePool, Concat, Conv, MaxPool, Mean, Network, Op, Pad
from intarsia.graph.ops import Window

__all__ = ["group_channels", "needed", "window_rows"]


def needed(op: Op, box: Box, network: Network) -> tuple[Box, ...]:
    """For each input of `op`, the box needed to compute `box` of the output."""
    shapes = [network.tensors[name].shape for name in op.inputs]
    if not box:
        return tuple(Box.nothing() for _ in shapes)
    match op:
        case Conv():
            rows = window_rows(op.window, box, shapes[0][0])
            return (Box(*rows, *group_channels(op, box.first, box.last)),)
        case MaxPool() | AveragePool():
            rows = window_rows(op.window, box, shapes[0][0])
            return (Box(*rows, box.first, box.last),)
        case Mean():
            return (Box(0, shapes[0][0], box.first, box.last),)
        case Add():
            return box, box
        case Pad():
            moved = box.shifted(-op.padding[0], 0)
            return (moved & Box.whole(shapes[0]),)
        case Concat():
            return tuple(_joined(op, box, shapes))
        case _:
            raise TypeError(f"Operator {op.name!r} is of unknown type {type(op).__name__}")


def window_rows(window: Window, box: Box, height: int) -> tuple[int, int]:
    """Rows of a map of `height` rows, at least one, under the windows of the rows of `box`."""
    first = box.top * window.stride[0] - window.padding[0]
    last = (box.bottom - 1) * window.stride[0] - window.padding[0]
    top = min(max(first, 0), height - 1)
    return top, max(top + 1, min(height, last + (window.kernel[0] - 1) * window.dilation[0] + 1))


def group_channels(op: Conv, first: int, last: int) -> tuple[int, int]:
    """Input channels that output channels `first` to `last` - 1 see."""
    per_group, depth = len(op.weights) // op.groups, op.weights.shape[3]
    return first // per_group * depth, ((last - 1) // per_group + 1) * depth


def _joined(op: Concat, box: Box, shapes: list[tuple[int, int, int]]):
    start = 0
    for shape in shapes:
        rows = start if op.axis == 0 else 0
        channels = start if op.axis == 2 else 0
        yield box.shifted(-rows, -channels) & Box.whole(shape)
        start += shape[op.axis]
