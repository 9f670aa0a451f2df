"""A convolution that is all there is, is exact when it is computed in steps, on any chip."""

import random

import pytest

from intarsia.compiler import CompileError, compile_network
from intarsia.compiler.alone import Alone, alone, is_alone
from intarsia.compiler.pace import Course, Step
from intarsia.compiler.records import channel_records
from intarsia.compiler.workload import Workload
from intarsia.golden import ScaleError
from intarsia.graph import Mode
from intarsia.graph.ops import Window
from intarsia.isa.config import CONFIGS, config
from intarsia.isa.instruction import ControlOp, ConvOp, RemoteOp, Stream
from tests.sw.compiler.networks import Builder
from tests.sw.compiler.running import assert_exact

LARGE = config("large")


def drawn(seed):
    """A network of one convolution of any kind, and its chip and mode."""
    rng = random.Random(seed)
    shape = rng.randint(1, 24), rng.randint(1, 24), rng.choice([1, 3, 4, 8, 16, 20])
    builder = Builder(seed, shape)
    groups = rng.choice([1, 1, 1, shape[2]])
    channels = rng.choice([1, 2, 5]) * groups if groups > 1 else rng.choice([1, 8, 17, 40])
    builder.conv("input", builder.window("input", dilated=rng.random() < 0.3), channels, groups)
    network = builder.network([builder.ops[-1].output])
    return network, CONFIGS[rng.choice(list(CONFIGS))], rng.choice(list(Mode))


@pytest.mark.parametrize("seed", range(24))
def test_any_convolution_is_exact(seed):
    network, chip, mode = drawn(seed)
    try:
        plan = compile_network(network, config=chip, chips=1, mode=mode, tiled=True)
    except ScaleError:
        return
    except CompileError as error:
        assert chip is config("tiny"), error
        return
    assert_exact(network, plan, seed)


def network(shape, channels, window, groups=1):
    builder = Builder(3, shape)
    return builder.network([builder.conv("input", window, channels, groups)])


def lowered(made, link_latency=32):
    workload = Workload.of(made)
    assert is_alone(workload, LARGE)
    records = channel_records(workload, Mode.ONNX)
    return alone(workload, records, LARGE, Mode.ONNX, link_latency).chips[0].works


def moved(works, opcode, name):
    """Transfers to or from what is called so."""
    return [
        work
        for work in works
        if work.opcode is opcode and work.remote is not None and work.remote.name[0] == name
    ]


def sizes(transfers):
    return [work.fields["rows"] * work.fields["row_bytes"] for work in transfers]


SAME = Window(kernel=(3, 3), padding=(1, 1, 1, 1))


def test_every_byte_moves_once():
    works = lowered(network((32, 32, 16), 16, SAME))
    assert sum(sizes(moved(works, RemoteOp.READ, "input"))) == 32 * 32 * 16
    assert sum(sizes(moved(works, RemoteOp.WRITE, "output"))) == 32 * 32 * 16
    weights = moved(works, RemoteOp.READ, "weights")
    assert sum(sizes(weights)) == 16 * (9 * 16 + 16)
    assert len({work.remote and work.remote.offset for work in weights}) == len(weights)


def test_little_comes_before_the_array_begins_and_little_is_left_when_it_ends():
    works = lowered(network((32, 32, 16), 16, SAME))
    convs = [work for work in works if work.opcode is ConvOp.CONV]
    reads = moved(works, RemoteOp.READ, "input")
    first = {access.box for access in convs[0].accesses if access.box and not access.write}
    needed = [
        read
        for read in reads
        if any(access.box and access.box & box for access in read.accesses for box in first)
    ]
    assert sum(sizes(needed)) <= 32 * 32 * 16 // 8
    assert sizes(moved(works, RemoteOp.WRITE, "output"))[-1] <= 32 * 32 * 16 // 8


def test_first_and_last_packets_are_smaller_than_others():
    works = lowered(network((8, 8, 64), 64, SAME))
    first = next(at for at, work in enumerate(works) if work.opcode is ConvOp.CONV)
    loads = [work for work in works[:first] if work.opcode is RemoteOp.READ]
    stores = moved(works, RemoteOp.WRITE, "output")
    grains = [work.fields.get("grain", 0) for work in loads]
    assert grains[0] > 0 == grains[-1]
    assert [store.fields["grain"] > 0 for store in stores[-2:]] == [False, True]


def test_what_is_loaded_later_waits_for_what_is_loaded_first():
    made = network((8, 8, 64), 64, SAME)
    workload = Workload.of(made)
    alone = Alone(workload, LARGE)
    steps = (Step(0, 4, 0), Step(4, 8, 0))
    records = channel_records(workload, Mode.ONNX)
    for held in (False, True):
        course = Course(1 << 16, True, steps, held=held)
        works = alone.lowered(records, Mode.ONNX, course).chips[0].works
        loads = [work for work in works if work.opcode is RemoteOp.READ]
        gates = [work for work in works if work.opcode is ControlOp.NOP]
        assert len(loads) == 1 + 4 + 1
        assert [gate.after for gate in gates] == [[loads[3]]] * held
        assert [load.after for load in loads[1:-1]] == [[]] * 4
        assert loads[-1].after == gates


def test_few_channels_come_last_where_weights_are_waited_for():
    made = network((1, 1, 640), 128, Window(kernel=(1, 1)))
    convs = [work for work in lowered(made, link_latency=1) if work.opcode is ConvOp.CONV]
    channels = [conv.fields["out_channels"] for conv in convs]
    assert sum(channels) == 128
    assert channels[-1] < LARGE.columns <= channels[0]
    plan = compile_network(made, config=LARGE, chips=1, mode=Mode.ONNX, tiled=True, link_latency=1)
    assert_exact(made, plan, seed=1)


def test_what_is_loaded_first_is_all_that_the_first_step_needs():
    works = lowered(network((8, 8, 64), 64, SAME))
    first = next(at for at, work in enumerate(works) if work.opcode is ConvOp.CONV)
    assert all(work.stream in (Stream.CONTROL, Stream.REMOTE) for work in works[:first])
    written = {access.buffer for work in works[:first] for access in work.accesses}
    reads = {access.buffer for access in works[first].accesses if not access.write}
    assert reads <= written


def test_rows_that_no_window_sees_do_not_come():
    window = Window(kernel=(1, 1), stride=(2, 2))
    works = lowered(network((32, 32, 16), 32, window))
    assert sum(sizes(moved(works, RemoteOp.READ, "input"))) == 16 * 32 * 16


@pytest.mark.parametrize(("stride", "top"), [(2, 0), (5, 0), (2, 1)])
def test_rows_between_windows_may_be_anything(stride, top):
    window = Window(kernel=(1, 2), stride=(stride, 2), padding=(top, 1, 2, 0))
    made = network((23, 9, 5), 7, window)
    plan = compile_network(made, config=LARGE, chips=1, mode=Mode.ONNX, tiled=True)
    assert_exact(made, plan, stride)


def test_others_are_not_alone():
    builder = Builder(3, (8, 8, 8))
    builder.conv(builder.conv("input", SAME, 8, groups=1), SAME, 8, groups=1)
    assert not is_alone(Workload.of(builder.network([builder.ops[-1].output])), LARGE)
    pool = Builder(3, (8, 8, 8))
    assert not is_alone(Workload.of(pool.network([pool.mean("input")])), LARGE)
    assert not is_alone(Workload.of(network((96, 96, 16), 16, SAME)), LARGE)
    assert not is_alone(Workload.of(network((1, 1, 1024), 1024, Window(kernel=(1, 1)))), LARGE)


def test_is_deterministic():
    made = network((32, 32, 3), 16, SAME)
    plans = [
        compile_network(made, config=LARGE, chips=1, mode=Mode.ONNX, tiled=True) for _ in range(2)
    ]
    assert plans[0] == plans[1]
