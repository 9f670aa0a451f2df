"""What follows a convolution takes its output on its way out, wherever that is possible."""

import itertools
import random
from dataclasses import replace

import pytest

from intarsia.compiler import compile_network
from intarsia.compiler.allocate import allocate
from intarsia.compiler.lower import lower
from intarsia.compiler.partition import partition
from intarsia.compiler.records import channel_records
from intarsia.compiler.schedule import schedule
from intarsia.compiler.supply import ALL, Strategy
from intarsia.compiler.workload import Workload
from intarsia.golden import ScaleError
from intarsia.graph import Add, AveragePool, MaxPool, Mean, Mode
from intarsia.graph.ops import Window
from intarsia.isa.config import config
from intarsia.isa.instruction import Stream
from tests.sw.compiler.networks import Builder
from tests.sw.compiler.residual import pooled, pooled_by, residual, whole_pool
from tests.sw.compiler.running import assert_exact, token_run

SEEDS = range(6)
DENSE = Window(kernel=(1, 1))
MODES = list(Mode)


def plan_of(network, chips=1, name="tiny", mode=Mode.TFLITE, **more):
    return compile_network(network, config=config(name), chips=chips, mode=mode, **more)


def fused(network, **more):
    """Names of operators that are fused, and of what they are fused into."""
    return {layer.name: layer.fused for layer in plan_of(network, **more).layers if layer.fused}


def lowered(network, chips):
    """Works of all chips, and places in one bank, where buffers follow one another closely."""
    sizes, workload = config("tiny"), Workload.of(network)
    shares = partition(workload, sizes, chips, "auto")
    strategy = Strategy(kept=ALL, prefetch=0, blob_bytes=sizes.bank_bytes)
    records = channel_records(workload, Mode.TFLITE)
    found = lower(workload, shares, records, sizes, Mode.TFLITE, strategy)
    crowded = replace(sizes, macro_banks=1)
    for code in found.chips:
        yield code, allocate(0, 64, code.prologue, code.works, crowded).places


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", SEEDS)
def test_residual_networks_are_exact(seed, mode):
    network = residual(seed)
    chips = 1 + seed % 3
    try:
        plan = plan_of(network, chips, mode=mode)
    except ScaleError:
        pytest.skip("the mode does not define an operator at its scales")
    assert_exact(network, plan, seed)


@pytest.mark.parametrize("name", ["tiny", "large"])
@pytest.mark.parametrize("seed", SEEDS)
def test_all_that_can_be_is_fused(seed, name):
    network = residual(seed)
    kinds = Add, Mean, MaxPool, AveragePool
    assert set(fused(network, name=name)) == {
        op.name for op in network.ops if isinstance(op, kinds)
    }


def test_sums_go_into_the_later_of_two_convolutions():
    builder = Builder(1, (4, 4, 3))
    first, second = (builder.conv("input", DENSE, 5, groups=1) for _ in "ab")
    both = builder.sum(second, first)
    assert fused(builder.network([both])) == {both: second}


@pytest.mark.parametrize("operand", [0, 1])
def test_either_term_may_come_from_a_convolution(operand):
    builder = Builder(2, (5, 4, 6))
    x = builder.conv("input", DENSE, 6, groups=1)
    terms = ["input", x] if operand else [x, "input"]
    network = builder.network([builder.sum(*terms)])
    assert len(fused(network)) == 1
    for mode in MODES:
        assert_exact(network, plan_of(network, mode=mode), operand)


def with_a_reader():
    builder = Builder(3, (4, 4, 3))
    x = builder.conv("input", DENSE, 3, groups=1)
    return builder.network([builder.sum(x, "input"), builder.conv(x, DENSE, 2, groups=1)])


def with_a_result():
    builder = Builder(3, (4, 4, 3))
    x = builder.conv("input", DENSE, 3, groups=1)
    return builder.network([builder.sum(x, "input"), x])


def with_itself():
    builder = Builder(3, (4, 4, 3))
    x = builder.conv("input", DENSE, 3, groups=1)
    return builder.network([builder.sum(x, x)])


def with_what_comes_later():
    builder = Builder(3, (4, 4, 3))
    x = builder.conv("input", DENSE, 3, groups=1)
    builder.tensor("pool", (4, 4, 3), like="input")
    y = builder.add(MaxPool(name="pool", output="pool", inputs=("input",), window=DENSE))
    return builder.network([builder.sum(x, y)])


@pytest.mark.parametrize(
    "network", [with_a_reader, with_a_result, with_itself, with_what_comes_later]
)
def test_what_others_want_or_has_no_order_is_not_fused(network):
    assert not fused(network())
    assert_exact(network(), plan_of(network()), 0)


@pytest.mark.parametrize("maximum", [False, True])
def test_pools_of_a_whole_map_are_fused(maximum):
    builder = Builder(4, (5, 6, 3))
    x = builder.conv("input", DENSE, 9, groups=1)
    network = builder.network([whole_pool(builder, x, maximum=maximum)])
    assert list(fused(network).values()) == [x]
    assert_exact(network, plan_of(network), 4)


@pytest.mark.parametrize("seed", range(20))
def test_pools_of_any_windows_are_exact(seed):
    network = pooled(seed)
    chips, tiled = (1, True) if seed % 4 == 3 else (1 + seed % 3, False)
    name = ["tiny", "large"][seed // 4 % 2]
    try:
        plan = plan_of(network, chips, name, MODES[seed % 3], tiled=tiled)
    except ScaleError:
        pytest.skip("the mode does not define an operator at its scales")
    assert_exact(network, plan, seed)


HALVES = Window(kernel=(2, 2), stride=(2, 2))
OVERLAP = Window(kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1))


def pair(window, size=(8, 9, 5), **more):
    """A convolution of 5 x 5 and a pool of its output."""
    builder = Builder(6, size)
    same = Window(kernel=(5, 5), padding=(2, 2, 2, 2))
    x = builder.conv("input", same, 5, groups=1)
    return builder.network([pooled_by(builder, x, window, **more)])


@pytest.mark.parametrize(
    ("network", "names"),
    [
        (pair(HALVES), {"tiny", "large"}),
        (pair(HALVES, kind=AveragePool), {"tiny", "large"}),
        (pair(OVERLAP), {"tiny", "large"}),
        # Means of 4, 6 and 9 values.
        (pair(OVERLAP, kind=AveragePool), set()),
        (pair(replace(OVERLAP, padding=(0, 0, 0, 0)), kind=AveragePool), {"tiny", "large"}),
        # Windows of a row, and more than are kept.
        (pair(HALVES, size=(4, 34, 3)), {"large"}),
        (pair(OVERLAP, size=(4, 17, 3)), {"large"}),
        (pair(replace(HALVES, dilation=(2, 2))), set()),
        (pair(Window(kernel=(1, 16)), size=(3, 20, 3)), set()),
        (pair(Window(kernel=(1, 15)), size=(3, 20, 3)), {"tiny", "large"}),
    ],
)
def test_pools_are_fused_where_there_is_room_for_their_windows(network, names):
    found = {name for name in ("tiny", "ecp5-85k", "large") if fused(network, name=name)}
    assert found == names
    for name in ("tiny", "ecp5-85k", "large"):
        assert_exact(network, plan_of(network, name=name), 1)


def with_branches(*, dependent):
    """A pool that takes longer than its convolution, and one that may need it."""
    builder = Builder(7, (6, 5, 3))
    x = builder.conv("input", DENSE, 3, groups=1)
    window = Window(kernel=(3, 3), padding=(1, 1, 1, 1))
    if dependent:
        return builder.network([builder.conv(pooled_by(builder, x, window), DENSE, 3, groups=1)])
    y = builder.conv("input", DENSE, 3, groups=1)
    return builder.network([builder.concat([pooled_by(builder, x, window), y], 2)])


def test_slow_pools_do_not_hold_up_other_convolutions():
    assert len(fused(with_branches(dependent=True))) == 1
    assert not fused(with_branches(dependent=True), tiled=True)
    assert not fused(with_branches(dependent=False))


def test_rows_below_all_windows_are_handed_on_too():
    builder = Builder(8, (7, 5, 3))
    x = builder.conv("input", DENSE, 3, groups=1)
    network = builder.network([pooled_by(builder, x, HALVES)])
    for mode in MODES:
        plan = plan_of(network, mode=mode)
        assert [layer.fused for layer in plan.layers if layer.fused] == [x]
        assert_exact(network, plan, 8)


@pytest.mark.parametrize("window", [HALVES, OVERLAP])
def test_stripes_with_pools_are_exact(window):
    network = pair(window, size=(24, 8, 4))
    plan = plan_of(network, tiled=True)
    assert any(layer.fused for layer in plan.layers)
    assert_exact(network, plan, 9)


def test_pools_over_what_several_chips_compute_are_not_fused():
    builder = Builder(5, (8, 8, 3))
    network = builder.network([builder.mean(builder.conv("input", DENSE, 4, groups=1))])
    assert fused(network, partition="rows", chips=1)
    assert not fused(network, partition="rows", chips=2)


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_writes_what_a_chain_still_reads(seed):
    for code, places in lowered(residual(seed), 1 + seed % 2):
        for work in code.works:
            if work.partner is None or work.stream is not Stream.VECTOR:
                continue
            [written] = [access.buffer for access in work.accesses if access.write]
            for other in {access.buffer for access in work.used} - {written}:
                one, two = places[written], places[other]
                assert (
                    one.slot != two.slot
                    or one.offset + written.size <= two.offset
                    or two.offset + other.size <= one.offset
                )


def with_a_term_of_its_own():
    """The convolution does not need what the sum does."""
    builder = Builder(3, (4, 4, 3))
    builder.tensor("pool", (4, 4, 3), like="input")
    y = builder.add(MaxPool(name="pool", output="pool", inputs=("input",), window=DENSE))
    return builder.network([builder.sum(builder.conv("input", DENSE, 3, groups=1), y)])


@pytest.mark.parametrize("network", [with_a_term_of_its_own, lambda: residual(4)])
def test_who_hands_on_waits_for_what_who_takes_needs(network):
    for code, places in lowered(network(), 2):
        masks = schedule(code.prologue, code.works, places).masks
        for attempt in range(5):
            starts, ends, _ = token_run(code.works, masks, random.Random(attempt).choice)
            assert any(work.partner for work in code.works)
            for giver, taker in itertools.pairwise(code.works):
                if giver.partner is taker:
                    for other in code.works[: code.works.index(giver)]:
                        if meet(taker, other) and other.stream is not Stream.CONV:
                            assert ends[other] < starts[giver]


def meet(work, other):
    """Whether both use the same bytes, and one writes them."""
    return any(
        a.buffer is b.buffer
        and (a.write or b.write)
        and (a.box is None or b.box is None or bool(a.box & b.box))
        for a, b in itertools.product(work.accesses, other.accesses)
    )
