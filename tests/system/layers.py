"""Single layers made up at random: all that a seed says of a layer, it says alone."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from intarsia.graph import MaxPool, Mode, Network
from intarsia.graph.ops import Window
from tests.sw.compiler.networks import Builder

__all__ = ["Layer", "made_up_layer"]

#: Rounding ties come where the scale of accumulators is a power of two, 2**-1 to 2**-this.
SMALLEST_TIE = 7

#: Scales of activations; those of layers with power-of-two scales are rounded to one.
SMALLEST_SCALE, LARGEST_SCALE = 2.0**-8, 2.0**-1


@dataclass(frozen=True)
class Layer:
    """A network of a single layer, or of a convolution and a pool, and what it is given.

    Members
    -------
    seed : int
    network : Network
    mode : Mode
    inputs : tuple of dict of str to numpy.ndarray
        Of one inference after another.
    ties : bool
        Scales are powers of two, and convolutions are made so that many of their accumulators lie
        halfway between two outputs.
    """

    seed: int
    network: Network
    mode: Mode
    inputs: tuple[dict[str, np.ndarray], ...]
    ties: bool


def made_up_layer(seed: int, most_bytes: int) -> Layer:
    """The layer of `seed`, with maps of at most `most_bytes`."""
    rng = random.Random(seed)
    mode = rng.choice(list(Mode))
    ties = rng.random() < 0.4
    make = rng.choice(KINDS)
    while True:
        builder = LayerBuilder(rng.getrandbits(32), ties=ties)
        network = builder.network([make(builder)])
        if max(tensor.size for tensor in network.tensors.values()) <= most_bytes:
            inputs = tuple(some_input(network, builder.noise, extreme) for extreme in (False, True))
            return Layer(seed, network, mode, inputs, ties)


class LayerBuilder(Builder):
    """Layers of every kind and shape, with numbers that are hard to round.

    Parameters
    ----------
    seed : int
    ties : bool
        As in :class:`Layer`.
    """

    kernel, pool_kernel, beyond = 7, 7, 6

    def __init__(self, seed: int, *, ties: bool):
        self.ties = ties
        rng = random.Random(seed)
        shape = rng.randint(1, 20), rng.randint(1, 20), rng.randint(1, 40)
        super().__init__(seed, shape)

    def quantization(self) -> tuple[float, int]:
        lowest, highest = math.log2(SMALLEST_SCALE), math.log2(LARGEST_SCALE)
        exponent = self.rng.uniform(lowest, highest)
        scale = 2.0 ** (round(exponent) if self.ties else exponent)
        zero_point = self.rng.choice([0, -128, 127, self.rng.randint(-128, 127)])
        return scale, zero_point

    def numbers(self, source, target, shape):
        """With factors 2**-n, weights and biases are multiples of 2**(n-1), and few are not 0."""
        noise, channels = self.noise, shape[0]
        taps = math.prod(shape[1:])
        ratio = float(self.tensors[target].scale) / float(self.tensors[source].scale)
        if self.ties:
            exponent = noise.integers(1, SMALLEST_TIE, channels, endpoint=True)
            step = (1 << (exponent - 1)).reshape(-1, 1, 1, 1)
            dense = noise.random(shape) < min(1.0, 4 / taps)
            weights = np.clip(noise.integers(-2, 3, shape) * step, -127, 127) * dense
            bias = noise.integers(-40, 40, channels) * step.reshape(-1)
            factor = 2.0**-exponent
        else:
            weights = noise.integers(-127, 128, shape)
            spread = 73 * 73 * math.sqrt(taps)
            factor = 2.0 ** noise.uniform(2, 8, channels) / spread
            bias = noise.normal(0, spread, channels)
            if self.rng.random() < 0.2:
                # Accumulators of all 32 bits; some wrap around.
                factor = 2.0 ** -noise.uniform(23, 27, channels)
                bias = noise.integers(-(1 << 31), 1 << 31, channels)
        return weights.astype(np.int8), (factor * ratio).astype(np.float32), bias.astype(np.int32)

    def dilated_max(self, source: str) -> str:
        """A max pool with holes."""
        window, (height, width, depth) = self._inside(source, 2), self.shape(source)
        names = self._names("pool")
        self.tensor(names["output"], (*window.output(height, width), depth), like=source)
        return self.add(MaxPool(**names, inputs=(source,), window=window, high=90))

    def _inside(self, source: str, most: int = 1) -> Window:
        """With dilations up to `most`. A map as long as the dilation has no place between taps."""
        rng, lengths = self.rng, self.shape(source)[:2]
        kernel = rng.randint(1, self.pool_kernel), rng.randint(1, self.pool_kernel)
        dilation = rng.randint(1, min(most, lengths[0])), rng.randint(1, min(most, lengths[1]))
        spans = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
        before = [rng.randint(0, span) for span in spans]
        after = [
            max(rng.randint(0, span), span + 1 - length - padded)
            for span, length, padded in zip(spans, lengths, before, strict=True)
        ]
        stride = rng.randint(1, 3), rng.randint(1, 3)
        padding = before[0], before[1], after[0], after[1]
        return Window(kernel=kernel, stride=stride, dilation=dilation, padding=padding)


def plain(builder: LayerBuilder) -> str:
    return builder.conv("input", channels=builder.rng.randint(1, 40), groups=1)


def grouped(builder: LayerBuilder) -> str:
    depth = builder.shape("input")[2]
    groups = builder.rng.choice([n for n in range(1, depth + 1) if depth % n == 0])
    return builder.conv(
        "input", channels=groups * builder.rng.randint(1, 40 // groups), groups=groups
    )


def depthwise(builder: LayerBuilder) -> str:
    depth = builder.shape("input")[2]
    return builder.conv("input", channels=depth * builder.rng.randint(1, 40 // depth), groups=depth)


def connected(builder: LayerBuilder) -> str:
    """Fully connected."""
    height, width, depth = builder.shape("input")
    builder.tensor("input", (1, 1, min(height * width * depth, 1000)))
    channels = builder.rng.randint(1, 40)
    return builder.conv("input", Window(kernel=(1, 1)), channels, groups=1)


def total(builder: LayerBuilder) -> str:
    """Sum of two inputs, or of one with itself."""
    other = builder.rng.choice(["input", "other", "other"])
    if other != "input":
        builder.tensor(other, builder.shape("input"))
    return builder.sum("input", other)


def pooled(builder: LayerBuilder) -> str:
    """A convolution and a pool of what it computes."""
    return builder.pool(plain(builder))


def joined(builder: LayerBuilder) -> str:
    """Two or three inputs, one of which may come twice."""
    axis = builder.rng.randrange(3)
    sources = ["input"]
    for number in range(builder.rng.randint(1, 2)):
        shape = list(builder.shape("input"))
        shape[axis] = builder.rng.randint(1, 20)
        name = builder.tensor(f"other{number}", (shape[0], shape[1], shape[2]), like="input")
        sources.append(builder.rng.choice([name, name, name, "input"]))
        if sources[-1] == "input":
            del builder.tensors[name]
    return builder.concat(sources, axis)


#: What there is, as often as it is drawn.
KINDS: list[Callable[[LayerBuilder], str]] = [
    *[plain] * 8,
    *[grouped] * 3,
    *[depthwise] * 3,
    *[connected] * 2,
    *[total] * 3,
    *[lambda builder: builder.pool("input")] * 4,
    *[pooled] * 4,
    lambda builder: builder.dilated_max("input"),
    lambda builder: builder.mean("input"),
    joined,
    lambda builder: builder.pad("input"),
]


def some_input(network: Network, noise: np.random.Generator, extreme: bool):
    """Any values, or mostly the least and the greatest."""
    found = {}
    for end in network.inputs:
        shape = network.tensors[end.tensor].shape
        x = noise.integers(-128, 128, shape)
        if extreme:
            x = np.where(noise.random(shape) < 0.8, noise.choice([-128, 127], shape), x)
        found[end.tensor] = x.astype(np.int8)
    return found
