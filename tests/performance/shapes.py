"""Networks that are nothing but shapes: random weights, random scales, made from a seed."""

from intarsia.graph import Network
from intarsia.graph.ops import Window
from tests.sw.compiler.networks import Builder

__all__ = ["ds_cnn", "single"]

SEED = 1


def single(
    size: tuple[int, int, int],
    channels: int,
    kernel: int,
    *,
    stride: int = 1,
    depthwise: bool = False,
    padded: bool = True,
) -> Network:
    """A convolution with a square window.

    Parameters
    ----------
    size : (int, int, int)
        Height, width and channels of the input.
    channels : int
        Of the output.
    kernel, stride : int
    depthwise : bool
    padded : bool
        So that the output has `size` divided by `stride`.
    """
    builder = Builder(SEED, size)
    builder.conv("input", _window(size, kernel, stride, padded), channels, size[2] ** depthwise)
    return builder.network([builder.ops[-1].output])


def ds_cnn() -> Network:
    """A keyword spotter's shape: 10 x 4 on 49 x 10 x 1, four pairs of 3 x 3 and 1 x 1, pool, fc."""
    builder = Builder(SEED, (49, 10, 1))
    last = builder.conv(
        "input", Window(kernel=(10, 4), stride=(2, 2), padding=(4, 1, 5, 1)), channels=64, groups=1
    )
    for _ in range(4):
        last = builder.conv(last, _window(builder.shape(last), 3, 1, padded=True), 64, 64)
        last = builder.conv(last, Window(kernel=(1, 1)), 64, 1)
    last = builder.conv(builder.mean(last), Window(kernel=(1, 1)), 12, 1)
    return builder.network([last])


def _window(size: tuple[int, int, int], kernel: int, stride: int, padded: bool) -> Window:
    sides = [(0, 0)] * 2
    if padded:
        for axis in range(2):
            most = max(0, (-(-size[axis] // stride) - 1) * stride + kernel - size[axis])
            sides[axis] = most // 2, most - most // 2
    (top, bottom), (left, right) = sides
    return Window(
        kernel=(kernel, kernel), stride=(stride, stride), padding=(top, left, bottom, right)
    )
