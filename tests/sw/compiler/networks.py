"""Networks made up at random, with every operator and many odd shapes."""

import random

import numpy as np

from intarsia.graph import (
    Add,
    AveragePool,
    Concat,
    Conv,
    MaxPool,
    Mean,
    Network,
    NetworkInput,
    NetworkOutput,
    Op,
    Pad,
    Reshape,
    Softmax,
    Tensor,
)
from intarsia.graph.ops import Window

SCALES = (0.02, 0.05, 0.0625, 0.11)


class Builder:
    """A network that grows operator by operator.

    Members
    -------
    kernel, pool_kernel : int
        Longest side of the windows of convolutions and pools.
    beyond : int
        How much longer than the map a convolution's window may be.
    """

    kernel, pool_kernel, beyond = 5, 4, 1

    def __init__(self, seed: int, shape: tuple[int, int, int] | None = None):
        self.rng = random.Random(seed)
        self.noise = np.random.default_rng(seed)
        self.tensors: dict[str, Tensor] = {}
        self.ops: list[Op] = []
        shape = shape or (self.rng.randint(1, 12), self.rng.randint(1, 12), self.rng.randint(1, 12))
        self.tensor("input", shape)

    def tensor(self, name: str, shape: tuple[int, int, int], like: str | None = None) -> str:
        if like is None:
            scale, zero_point = self.quantization()
        else:
            scale, zero_point = self.tensors[like].scale, self.tensors[like].zero_point
        self.tensors[name] = Tensor(name, shape, np.float32(scale), zero_point)
        return name

    def quantization(self) -> tuple[float, int]:
        """Scale and zero point of a new activation."""
        return self.rng.choice(SCALES), self.rng.randint(-20, 20)

    def shape(self, name: str) -> tuple[int, int, int]:
        return self.tensors[name].shape

    def add(self, op: Op) -> str:
        self.ops.append(op)
        return op.output

    def _names(self, kind: str) -> dict[str, str]:
        name = f"{kind}{len(self.ops)}"
        return dict(name=name, output=name)

    def window(self, source: str, *, dilated: bool = False) -> Window:
        rng, (height, width, _) = self.rng, self.shape(source)
        kernel = (
            rng.randint(1, min(self.kernel, height + self.beyond)),
            rng.randint(1, min(self.kernel, width + self.beyond)),
        )
        dilation = (rng.randint(1, 2), rng.randint(1, 2)) if dilated else (1, 1)
        padding = tuple(rng.randint(0, kernel[side % 2] - 1) for side in range(4))
        short = [
            max(0, (kernel[axis] - 1) * dilation[axis] + 1 - length)
            for axis, length in enumerate((height, width))
        ]
        padding = (*padding[:2], padding[2] + short[0], padding[3] + short[1])
        stride = rng.randint(1, 3), rng.randint(1, 3)
        return Window(kernel=kernel, stride=stride, dilation=dilation, padding=padding)

    def conv(
        self,
        source: str,
        window: Window | None = None,
        channels: int | None = None,
        groups: int | None = None,
    ) -> str:
        rng, (height, width, depth) = self.rng, self.shape(source)
        window = window or self.window(source, dilated=True)
        if groups is None:
            divisors = [n for n in range(1, depth + 1) if depth % n == 0]
            groups = rng.choice([1, 1, depth, rng.choice(divisors)])
        channels = channels or groups * rng.randint(1, 3 if groups > 1 else 20)
        names = self._names("conv")
        target = self.tensor(names["output"], (*window.output(height, width), channels))
        low = rng.choice([-128, -100])
        weights, scales, bias = self.numbers(
            source, target, (channels, *window.kernel, depth // groups)
        )
        return self.add(
            Conv(
                **names,
                inputs=(source,),
                window=window,
                groups=groups,
                weights=weights,
                weight_scales=scales,
                bias=bias,
                low=low,
            )
        )

    def numbers(
        self, source: str, target: str, shape: tuple[int, int, int, int]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights, their scales, and biases of a convolution of `source` to `target`."""
        return (
            self.noise.integers(-127, 128, shape, np.int8),
            self.noise.choice([0.001, 0.002, 0.0009765625], shape[0]).astype(np.float32),
            self.noise.integers(-5000, 5000, shape[0], np.int32),
        )

    def pool(self, source: str) -> str:
        window, (height, width, depth) = self._inside(source), self.shape(source)
        names = self._names("pool")
        size = (*window.output(height, width), depth)
        if self.rng.random() < 0.5:
            self.tensor(names["output"], size, like=source)
            return self.add(MaxPool(**names, inputs=(source,), window=window, low=-50))
        self.tensor(names["output"], size, like=self.rng.choice([source, None]))
        counted = self.rng.random() < 0.5
        return self.add(
            AveragePool(**names, inputs=(source,), window=window, count_padding=counted)
        )

    def _inside(self, source: str) -> Window:
        """A window that nowhere sees padding alone."""
        rng, (height, width, _) = self.rng, self.shape(source)
        kernel = (
            rng.randint(1, min(self.pool_kernel, height)),
            rng.randint(1, min(self.pool_kernel, width)),
        )
        padding = tuple(rng.randint(0, (kernel[side % 2]) // 2) for side in range(4))
        stride = rng.randint(1, 3), rng.randint(1, 3)
        return Window(kernel=kernel, stride=stride, padding=padding)

    def mean(self, source: str) -> str:
        names = self._names("mean")
        self.tensor(names["output"], (1, 1, self.shape(source)[2]))
        return self.add(Mean(**names, inputs=(source,)))

    def sum(self, source: str, other: str) -> str:
        names = self._names("add")
        self.tensor(names["output"], self.shape(source))
        return self.add(Add(**names, inputs=(source, other), high=100))

    def pad(self, source: str) -> str:
        height, width, depth = self.shape(source)
        top, left, bottom, right = padding = tuple(self.rng.randint(0, 3) for _ in range(4))
        names = self._names("pad")
        shape = (height + top + bottom, width + left + right, depth)
        self.tensor(names["output"], shape, like=source)
        return self.add(Pad(**names, inputs=(source,), padding=padding))

    def concat(self, sources: list[str], axis: int) -> str:
        names = self._names("concat")
        shapes = [self.shape(source) for source in sources]
        shape = list(shapes[0])
        shape[axis] = sum(item[axis] for item in shapes)
        self.tensor(names["output"], (shape[0], shape[1], shape[2]), like=sources[0])
        return self.add(Concat(**names, inputs=tuple(sources), axis=axis))

    def reshape(self, source: str) -> str:
        height, width, depth = self.shape(source)
        shapes = [
            (1, 1, height * width * depth),
            (height, 1, width * depth),
            (width, height, depth),
            (1, height * width, depth),
            (height * width, 1, depth),
        ]
        names = self._names("reshape")
        self.tensor(names["output"], self.rng.choice(shapes), like=source)
        return self.add(Reshape(**names, inputs=(source,)))

    def softmax(self, source: str) -> str:
        names = self._names("softmax")
        tensor = Tensor(names["output"], self.shape(source), np.float32(1 / 256), -128)
        self.tensors[tensor.name] = tensor
        return self.add(Softmax(**names, inputs=(source,)))

    def network(self, outputs: list[str]) -> Network:
        def end(kind, name):
            return kind(name, self.shape(name), None, np.dtype(np.int8))

        made = {op.output for op in self.ops}
        return Network(
            f"made{len(self.ops)}",
            self.tensors,
            tuple(self.ops),
            tuple(end(NetworkInput, name) for name in self.tensors if name not in made),
            tuple(end(NetworkOutput, name) for name in outputs),
        )


def made_up(seed: int, length: int = 6) -> Network:
    """A random network of about `length` operators, all of them used."""
    builder = Builder(seed)
    rng, live = builder.rng, ["input"]
    while len(builder.ops) < length:
        source = live[-1] if rng.random() < 0.7 else rng.choice(live)
        height, width, depth = builder.shape(source)
        kind = rng.choice([
            "conv",
            "conv",
            "conv",
            "pool",
            "add",
            "pad",
            "concat",
            "reshape",
            "mean",
        ])
        if kind == "add":
            twins = [name for name in live if builder.shape(name) == (height, width, depth)]
            live.append(builder.sum(source, rng.choice(twins)))
        elif kind == "concat":
            same = {key: builder.tensors[source].__dict__[key] for key in ("scale", "zero_point")}
            axis = rng.randrange(3)
            twins = [
                name
                for name in live
                if {key: builder.tensors[name].__dict__[key] for key in same} == same
                and [n for i, n in enumerate(builder.shape(name)) if i != axis]
                == [n for i, n in enumerate(builder.shape(source)) if i != axis]
            ]
            live.append(builder.concat([source, rng.choice(twins)], axis))
        elif kind == "mean" and (len(builder.ops) < length - 2 or height * width > 100):
            continue
        elif height * width * depth > 1500 and kind in ("pad", "conv"):
            live.append(builder.pool(source))
        else:
            live.append(getattr(builder, kind)(source))
    used = {name for op in builder.ops for name in op.inputs}
    ends = [op.output for op in builder.ops if op.output not in used]
    if rng.random() < 0.3:
        ends[-1] = builder.softmax(ends[-1])
    if rng.random() < 0.3 and live[1] not in ends:
        ends.append(live[1])
    return builder.network(ends)


def some_input(network: Network, seed: int = 0) -> dict[str, np.ndarray]:
    """Random activations for the inputs of `network`."""
    noise = np.random.default_rng(seed)
    return {
        end.tensor: noise.integers(-128, 128, network.tensors[end.tensor].shape, np.int8)
        for end in network.inputs
    }
