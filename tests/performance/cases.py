"""What is measured on one chip of configuration `large`, and what is asked of it."""

from functools import partial

from intarsia.digits import MODEL
from tests.performance.case import FAR, NEAR, Case, Span
from tests.performance.peers import PEERS
from tests.performance.resnet50 import resnet50
from tests.performance.shapes import ds_cnn, single

__all__ = ["CASES"]


def _layer(name: str, size: tuple[int, int, int], channels: int, kernel: int, **rest) -> Case:
    asked = {key: rest.pop(key) for key in ("most_cycles", "utilization") if key in rest}
    span = rest.pop("span", Span.LAYER)
    return Case(name, span, partial(single, size, channels, kernel, **rest), **asked)


def _streamed(depth: int, channels: int, most_cycles: int, link_latency: int = FAR) -> Case:
    place = "off-chip" if link_latency == FAR else "beside the chip"
    return Case(
        f"fully connected, {depth} to {channels}, weights from {place}",
        Span.NETWORK,
        partial(single, (1, 1, depth), channels, 1),
        most_cycles=most_cycles,
        tiled=True,
        link_latency=link_latency,
    )


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
    # 90 % of 16 bytes a cycle from off-chip, from the doorbell on.
    _streamed(640, 128, most_cycles=5688, link_latency=NEAR),
    _streamed(640, 128, most_cycles=5688),
    _streamed(1024, 1024, most_cycles=72_817),
    *_some_channels(),
    *(case for peer in PEERS for case in (peer.case, peer.far)),
)  # fmt: skip
