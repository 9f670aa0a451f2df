"""What is measured on one chip of configuration `large`, and what is asked of it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from intarsia.digits import MODEL
from intarsia.graph import Network
from tests.performance.resnet50 import resnet50
from tests.performance.shapes import ds_cnn, single

__all__ = ["CASES", "Case", "Span"]


class Span(StrEnum):
    """From when to when cycles are counted."""

    #: The second inference: from the doorbell to the last byte of output at the host.
    NETWORK = "network"

    #: From the start of the engine to its last write; operands are in the chip's memory.
    LAYER = "layer"

    #: The first inference: the same as `NETWORK`, with nothing in the chip's memory before.
    COLD = "cold layer"


@dataclass(frozen=True)
class Case:
    """A row of the table.

    Members
    -------
    name : str
    span : Span
    model : str or Path or callable
        Name of a real network, a file of the project's, or what makes a network.
    most_cycles : int or None
        Not to be exceeded.
    utilization : float or None
        Of the MAC array, at least. What peers reach at best, of cold layers.
    long : bool
        Takes minutes: not for ``make test``.
    """

    name: str
    span: Span
    model: str | Path | Callable[[], Network]
    most_cycles: int | None = None
    utilization: float | None = None
    long: bool = False

    @property
    def real(self) -> bool:
        """Whether it needs a file that is not part of the project."""
        return isinstance(self.model, str)


def _layer(name: str, size: tuple[int, int, int], channels: int, kernel: int, **rest) -> Case:
    asked = {key: rest.pop(key) for key in ("most_cycles", "utilization") if key in rest}
    span = rest.pop("span", Span.LAYER)
    return Case(name, span, partial(single, size, channels, kernel, **rest), **asked)


def _peer(name: str, size: tuple[int, int, int], channels: int, kernel: int, **rest) -> Case:
    return _layer(name, size, channels, kernel, span=Span.COLD, **rest)


def _some_channels() -> list[Case]:
    """3 x 3 on 16 x 16, for 64 pairs of channels."""
    cases = []
    for depth in (1, 2, 3, 5, 8, 16, 21, 64):
        for channels in (1, 3, 8, 15, 16, 17, 40, 64):
            best = 256 * -(-9 * depth // 16) * -(-channels // 16)
            name = f"3x3, 16x16x{depth} to {channels}"
            cases.append(_layer(name, (16, 16, depth), channels, 3, most_cycles=int(best / 0.75)))
    return cases


CASES = (
    Case("digits", Span.NETWORK, MODEL),
    Case("ResNet-8", Span.NETWORK, "resnet8_cifar10_int8", most_cycles=54_300),
    Case("DS-CNN's shape", Span.NETWORK, ds_cnn, most_cycles=14_500),
    Case("MobileNetV1-0.25 96x96", Span.NETWORK, "vww96_mobilenetv1_int8", most_cycles=45_000),
    Case("autoencoder", Span.NETWORK, "ad_autoencoder_int8"),
    Case("MobileNetV2-224", Span.NETWORK, "mobilenet_v2_224_int8", utilization=0.65),
    Case("ResNet-50's shapes", Span.NETWORK, resnet50, utilization=0.85, long=True),
    *(
        _layer(f"3x3, {name}", size, channels, 3, stride=stride, utilization=0.95)
        for name, size, channels, stride in (
            ("16x16x16 to 16", (16, 16, 16), 16, 1),
            ("14x14x32 to 64", (14, 14, 32), 64, 1),
            ("32x32x16 to 16", (32, 32, 16), 16, 1),
            ("28x28x32 to 32, stride 2", (28, 28, 32), 32, 2),
            ("32x32x16 to 48, stride 2", (32, 32, 16), 48, 2),
        )
    ),
    *(
        _layer(
            f"depthwise 3x3, {size}x{size}x{channels}",
            (size, size, channels), channels, 3, depthwise=True, utilization=least,
        )
        for size, channels, least in ((12, 64, 0.45), (24, 16, 0.5), (24, 64, 0.5), (48, 32, 0.5))
    ),
    *(
        _layer(
            f"depthwise 3x3, {size}x{size}x{channels}, stride {stride}",
            (size, size, channels), channels, 3, stride=stride, depthwise=True,
            most_cycles=int(limit / 0.9),
        )
        # The limit: vectors of output, or bytes of input over what is read per cycle.
        for size, channels, stride, limit in (
            (48, 8, 1, 48 * 48),
            (48, 16, 2, 48 * 48),
            (24, 32, 2, 24 * 24 * 2),
            (12, 64, 2, 12 * 12 * 4),
        )
    ),
    # 90 % of 32 bytes of weights a cycle.
    _layer("fully connected, 640 to 128", (1, 1, 640), 128, 1, most_cycles=2844),
    _layer("fully connected, 256 to 128", (1, 1, 256), 128, 1, most_cycles=1137),
    *_some_channels(),
    _peer("3x3, 32x32x3 to 16", (32, 32, 3), 16, 3, utilization=0.52),
    _peer("3x3, 32x32x16 to 16", (32, 32, 16), 16, 3, utilization=0.93),
    _peer("3x3, 16x16x32 to 64, stride 2", (16, 16, 32), 64, 3, stride=2, utilization=0.88),
    _peer("3x3, 8x8x64 to 64", (8, 8, 64), 64, 3, utilization=0.96),
    _peer("1x1, 32x32x16 to 32, stride 2", (32, 32, 16), 32, 1, stride=2, utilization=0.30),
    _peer("3x3, 96x96x3 to 8, stride 2", (96, 96, 3), 8, 3, stride=2, utilization=0.41),
    _peer("depthwise 3x3, 24x24x32", (24, 24, 32), 32, 3, depthwise=True, utilization=0.03),
    _peer("depthwise 3x3, 6x6x128", (6, 6, 128), 128, 3, depthwise=True, utilization=0.008),
    _peer("1x1, 48x48x8 to 16", (48, 48, 8), 16, 1, utilization=0.12),
    _peer("1x1, 6x6x128 to 128", (6, 6, 128), 128, 1, utilization=0.85),
    _peer("1x1, 3x3x256 to 256", (3, 3, 256), 256, 1, utilization=0.90),
    _peer("7x7, 224x224x3 to 64, stride 2", (224, 224, 3), 64, 7, stride=2, utilization=0.80),
    _peer("1x1, 56x56x64 to 64", (56, 56, 64), 64, 1, utilization=0.87),
    _peer("3x3, 56x56x64 to 64", (56, 56, 64), 64, 3, utilization=0.98),
    _peer("3x3, 7x7x512 to 512", (7, 7, 512), 512, 3, utilization=0.995),
    _peer("1x1, 7x7x512 to 2048", (7, 7, 512), 2048, 1, utilization=0.99),
)  # fmt: skip
