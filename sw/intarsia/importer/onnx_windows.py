"""Windows of ONNX convolutions and pools, and the maps that they move over."""

import numpy as np

from intarsia.graph.ops import Window
from intarsia.importer.errors import ModelError
from intarsia.importer.layout import View
from intarsia.importer.onnx_reader import Node
from intarsia.importer.windows import ceil_padded, same_padding

__all__ = ["channels_first", "channels_last", "take_window"]


def channels_last(view: View, node: Node) -> View:
    """A tensor (1, C, H, W) or (1, C, L) as (1, H, W, C): the one way in which maps are stored."""
    index = view.index
    if index.ndim == 3:
        index = index[:, :, None, :]
    if index.ndim != 4:
        raise ModelError(
            f"{node.label} takes a tensor of {index.ndim} dimensions: "
            "only maps of one or two dimensions (with batch and channels) are supported"
        )
    return View(view.root, index.transpose(0, 2, 3, 1))


def channels_first(index: np.ndarray, rank: int) -> np.ndarray:
    """Index of a map (1, H, W, C) as that of an ONNX tensor of `rank` 4 or, where H is 1, 3."""
    index = index.transpose(0, 3, 1, 2)
    return index if rank == 4 else index[:, :, 0, :]


def take_window(
    node: Node, rank: int, height: int, width: int, kernel: tuple[int, ...] | None = None
) -> Window:
    """Window of a node, from its attributes.

    Parameters
    ----------
    node : Node
        Whose attributes are taken.
    rank : int
        Of its input: with 3, windows have one dimension, the horizontal one.
    height, width : int
        Of its input.
    kernel : tuple of int
        That of the weights, which the attribute must repeat if it is there.
    """
    axes = rank - 2
    size = _numbers(node, "kernel_shape", axes, list(kernel) if kernel else None)
    if kernel is not None and tuple(size) != tuple(kernel):
        raise ModelError(f"{node.label}: kernel_shape {size} differs from its weights' {kernel}")
    stride = _numbers(node, "strides", axes, [1] * axes)
    dilation = _numbers(node, "dilations", axes, [1] * axes)
    pads = _numbers(node, "pads", 2 * axes, [0] * 2 * axes)
    if min(*size, *stride, *dilation) < 1 or min(pads) < 0:
        raise ModelError(f"{node.label}: kernel, strides, dilations or pads are out of range")
    if axes == 1:
        size, stride, dilation = [1, *size], [1, *stride], [1, *dilation]
        pads = [0, pads[0], 0, pads[1]]
    window = Window(
        kernel=(size[0], size[1]),
        stride=(stride[0], stride[1]),
        dilation=(dilation[0], dilation[1]),
        padding=(pads[0], pads[1], pads[2], pads[3]),
    )
    rule = node.require("auto_pad", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
    if rule != "NOTSET" and any(pads):
        raise ModelError(f"{node.label}: auto_pad {rule} and pads contradict each other")
    if rule.startswith("SAME"):
        window = same_padding(window, height, width, extra_first=rule == "SAME_LOWER")
    if node.require("ceil_mode", 0, 1):
        window = ceil_padded(window, height, width)
    return window


def _numbers(node: Node, name: str, count: int, default: list[int] | None) -> list[int]:
    value = node.take(name, list, default)
    if value is None or len(value) != count:
        raise ModelError(f"{node.label}: {name} = {value}: {count} numbers were expected")
    return value
