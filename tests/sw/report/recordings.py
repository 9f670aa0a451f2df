"""A small recording, made up: two chips, two layers, two inferences."""

import numpy as np

from intarsia.compiler.plan import ChipPlan, Device, Layer, Plan
from intarsia.graph import Add, Conv, Mode, Network, Tensor
from intarsia.graph.ops import Window
from intarsia.isa.config import CONFIGS
from intarsia.isa.counters import Activity, CounterBank
from intarsia.isa.instruction import Stream
from intarsia.runtime.recording import Recording, Span
from intarsia.runtime.stalls import Stall

__all__ = ["FIRST", "RECORDING", "SECOND", "recording"]

FIRST, SECOND = "<b>first</b>", "second"
SHAPE = (4, 4, 8)

NETWORK = Network(
    "small",
    {name: Tensor(name, SHAPE, np.float32(1), 0) for name in ("x", FIRST, SECOND)},
    (
        Conv(
            name=FIRST,
            inputs=("x",),
            output=FIRST,
            window=Window(kernel=(1, 1)),
            weights=np.ones((8, 1, 1, 8), np.int8),
            weight_scales=np.ones(8, np.float32),
            bias=np.zeros(8, np.int32),
        ),
        Add(name=SECOND, inputs=("x", FIRST), output=SECOND),
    ),
    (),
    (),
)

PLAN = Plan(
    "small",
    Mode.ONNX,
    "auto",
    CONFIGS["tiny"],
    (0, 1),
    1,
    (ChipPlan(b"", (), ()),) * 2,
    (),
    (),
    (),
    (
        Layer(FIRST, "Conv", Device.CHIP, (640, 384)),
        Layer(SECOND, "Add", Device.CHIP, (0, 0)),
    ),
    True,
)

#: The second inference is from 1000 to 1200.
SPANS = (
    Span(0, Stream.CONTROL, "DOORBELL", 0, 400, 402),
    Span(0, Stream.CONTROL, "DOORBELL", 0, 950, 1001),
    Span(0, Stream.CONTROL, "SYNC", 1, 1100, 1150),
    Span(0, Stream.CONV, "CONV", 0, 410, 460),
    Span(0, Stream.CONV, "CONV", 0, 1010, 1060),
    Span(0, Stream.CONV, "CONV", 0, 1060, 1090),
    Span(0, Stream.VECTOR, "ADD", 1, 1080, 1100, spent=(0, 15, 0, 5, 0, 0, 0, 0)),
    Span(0, Stream.REMOTE, "READ", 1, 1050, 1130, 256),
    Span(1, Stream.CONV, "CONV", 0, 1020, 1080),
    Span(1, Stream.LOCAL, "COPY", 1, 1090, 1095),
    Span(1, Stream.REMOTE, "WRITE", 1, 1100, 1190, 64),
    Span(1, Stream.REMOTE, "READ", 0, 1195, 1230, 128, complete=False),
)

REPORT = {
    "model": "folder/small & <fine>.onnx",
    "mode": "onnx",
    "chips": 2,
    "config": "tiny",
    "partition": "auto",
    "topology": "star",
    "inferences": 2,
    "cycles": 300,
    "macs": 2048,
    "utilization": 0.2,
    "link_bytes": 2000,
    "mismatches": 0,
    "output_sha256": "00",
    "wall_s": 1.5,
}

COUNTERS = tuple(
    {
        bank: {
            Activity.IDLE: 1230 - 17 * (bank.value + chip),
            **{activity: 0 for activity in Activity if activity is not Activity.IDLE},
            Activity.BUSY: 10 * (bank.value + chip),
            Activity.LINK: 7 * (bank.value + chip),
        }
        for bank in CounterBank
    }
    for chip in range(2)
)


def _stalls():
    """Of 200 cycles each, engines were idle but for the convolution engine of chip 0."""
    idle, spent = Activity.IDLE.value, [0] * len(Activity)
    for chip in range(2):
        for stream in Stream:
            rest = 200
            if (chip, stream) == (0, Stream.CONV):
                yield Stall(0, stream, 0, (5, 70, 0, 6, 9, 0, 0, 0))
                yield Stall(0, stream, 1, (0, 10, 20, 0, 0, 0, 0, 0))
                rest = 80
            yield Stall(chip, stream, None, (*spent[:idle], rest, *spent[idle + 1 :]))


def recording(**changes):
    """The recording, with other members."""
    members = dict(
        report=REPORT,
        network=NETWORK,
        plan=PLAN,
        spans=SPANS,
        inferences=((400, 500), (1000, 1200)),
        counters=COUNTERS,
        cycles=1230,
        stalls=tuple(_stalls()),
    )
    return Recording(**members | changes)


RECORDING = recording()
