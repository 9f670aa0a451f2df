"""Networks made up at random of convolutions that sums and pools follow."""

import random

from intarsia.graph import AveragePool, MaxPool, Network
from intarsia.graph.ops import Window
from tests.sw.compiler.networks import Builder

__all__ = ["pooled", "pooled_by", "residual", "whole_pool"]


def same(builder: Builder, source: str) -> Window:
    """A window, no longer than 3, that leaves the size of the map as it is."""
    kernel = (builder.rng.choice([1, 3]), builder.rng.choice([1, 3]))
    top, left = kernel[0] // 2, kernel[1] // 2
    return Window(kernel=kernel, padding=(top, left, top, left))


def whole_pool(builder: Builder, source: str, *, maximum: bool) -> str:
    """A pool with one window, which is the map."""
    height, width, depth = builder.shape(source)
    window = Window(kernel=(height, width), stride=(1, 1))
    names = dict(name=f"pool{len(builder.ops)}", output=f"pool{len(builder.ops)}")
    like = source if maximum else None
    builder.tensor(names["output"], (1, 1, depth), like=like)
    kind = MaxPool if maximum else AveragePool
    return builder.add(kind(**names, inputs=(source,), window=window))


def pooled_by(
    builder: Builder, source: str, window: Window, kind: type = MaxPool, *, counted: bool = False
) -> str:
    """A pool of given windows; of means, padding may be `counted`."""
    height, width, depth = builder.shape(source)
    names = dict(name=f"pool{len(builder.ops)}", output=f"pool{len(builder.ops)}")
    builder.tensor(names["output"], (*window.output(height, width), depth), like=source)
    if kind is MaxPool:
        return builder.add(MaxPool(**names, inputs=(source,), window=window, low=-90))
    return builder.add(AveragePool(**names, inputs=(source,), window=window, count_padding=counted))


def pooled(seed: int, pairs: int = 2, size: int = 13, channels: int = 21) -> Network:
    """A network of `pairs` of a convolution and a pool of any windows."""
    rng = random.Random(seed)
    builder = Builder(seed, (rng.randint(2, size), rng.randint(2, size), rng.randint(1, 4)))
    x = "input"
    for _ in range(pairs):
        x = builder.conv(x, same(builder, x), rng.randint(1, channels), groups=1)
        x = builder.pool(x)
    return builder.network([x])


def residual(seed: int, blocks: int = 3, size: int = 9, channels: int = 21) -> Network:
    """A network of `blocks` blocks, in which all sums, and the pool at the end, can be fused."""
    rng = random.Random(seed)
    height, width, depth = (rng.randint(2, most) for most in (size, size, 4))
    builder = Builder(seed, (height, width, depth))
    x = builder.conv("input", same(builder, "input"), rng.randint(1, channels), groups=1)
    for _ in range(blocks):
        depth = builder.shape(x)[2]
        groups = rng.choice([1, 1, depth])
        y = builder.conv(x, same(builder, x), depth, groups=groups)
        if rng.random() < 0.4:
            x = builder.conv(x, same(builder, x), depth, groups=1)
        x = builder.sum(*rng.sample([x, y], 2))
    x = builder.conv(x, same(builder, x), groups=1)
    if rng.random() < 0.5:
        return builder.network([builder.mean(x)])
    return builder.network([whole_pool(builder, x, maximum=rng.random() < 0.5)])
