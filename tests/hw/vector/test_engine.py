"""The vector engine leaves in memory what the model of its jobs leaves there."""

import cocotb
import pytest
from cocotb.triggers import ClockCycles, RisingEdge

from intarsia.bench import start
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import Stream, VectorOp
from intarsia.isa.numerics import Rounding
from intarsia.vector.engine import VectorEngine
from tests.hw.vector.bench import Bench
from tests.hw.vector.cases import (
    Axis,
    Shape,
    addition,
    maximum,
    random_axis,
    random_job,
    random_shape,
    total,
    windows,
)

ROUNDINGS = {"fp32": Rounding.FP32, "double": Rounding.DOUBLE, "half_up": Rounding.HALF_UP}

POOLS = {
    "one": Shape(),
    "global": Shape(channels=21, taps=(8, 8)),
    "strided": Shape(height=3, width=4, channels=16, taps=(2, 2), strides=(2, 2)),
    "overlap": Shape(height=4, width=3, channels=5, taps=(3, 3), strides=(2, 1)),
    "tails": Shape(height=2, width=3, channels=33, taps=(1, 3), pixel_gap=2, row_gap=7),
    "row": Shape(width=9, channels=8, taps=(1, 25)),
}


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(rounding=list(ROUNDINGS), pause=[0.0, 0.5])
async def adds(dut, rounding, pause):
    """Any two tensors, with any scales."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    for jobs in range(1, 13):
        bench.send(*addition(bench, random_shape(bench.rng, taps=1), ROUNDINGS[rounding]))
        await bench.finish(jobs)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(pool=list(POOLS), pause=[0.0, 0.5])
async def pools(dut, pool, pause):
    """Maxima, means, and sums by every rounding."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    bench.send(*maximum(bench, POOLS[pool]))
    await bench.finish(1)
    for jobs, rounding in enumerate(Rounding, 2):
        bench.send(*total(bench, POOLS[pool], rounding))
        await bench.finish(jobs)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def takes_jobs_as_they_come(dut, pause):
    """One job while results of another are still on their way."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    for _ in range(40):
        bench.send(*random_job(bench))
    await bench.finish(40)
    await ClockCycles(dut.clk, 50)
    assert bench.done == 40
    assert not bench.faults
    bench.compare()


CHAINED_POOLS = {
    "pixel": Shape(channels=3),
    "global": Shape(channels=21, taps=(5, 6)),
    "large": Shape(channels=16, taps=(9, 9)),
}


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(rounding=list(ROUNDINGS), pause=[0.0, 0.5])
async def adds_to_what_comes(dut, rounding, pause):
    """Sums of what the convolution engine hands on, as either term, and a tensor in memory."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    for jobs in range(1, 13):
        opcode, work = addition(bench, random_shape(bench.rng, taps=1), ROUNDINGS[rounding])
        bench.send_chained(opcode, work | dict(swapped=jobs % 2))
        await bench.finish(jobs)
    assert not bench.faults


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(pool=list(CHAINED_POOLS), pause=[0.0, 0.5])
async def pools_what_comes(dut, pool, pause):
    """Maxima and means of all pixels that the convolution engine hands on."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    bench.send_chained(*maximum(bench, CHAINED_POOLS[pool]))
    await bench.finish(1)
    for jobs, rounding in enumerate(Rounding, 2):
        bench.send_chained(*total(bench, CHAINED_POOLS[pool], rounding))
        await bench.finish(jobs)
    assert not bench.faults


WINDOWS = {
    "halves": (Axis(rows=8, span=2, stride=2), Axis(rows=12, span=2, stride=2)),
    "odd halves": (Axis(rows=5, span=2, stride=2, most=2), Axis(rows=7, span=2, stride=2, most=3)),
    "overlap": (Axis(rows=7, span=3, stride=2, before=1), Axis(rows=9, span=3, stride=2, before=1)),
    "dense": (Axis(rows=4, span=3, before=1), Axis(rows=4, span=3, before=1)),
    "gaps": (Axis(rows=7, span=1, stride=3), Axis(rows=8, span=2, stride=3)),
    "rows": (Axis(rows=5), Axis(rows=15, span=5, stride=1, before=2)),
    "larger than the map": (Axis(rows=3, span=7, before=3, most=1), Axis(rows=2, span=5, before=4)),
}


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(case=list(WINDOWS), pause=[0.0, 0.5])
async def pools_windows_of_what_comes(dut, case, pause):
    """Windows that leave one another or the map out, or overlap, of a map that is handed on."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    if not bench.config.pool_entries:
        return
    fields = windows(*WINDOWS[case])
    shape = Shape(height=fields["out_height"], width=fields["out_width"], channels=21)
    opcode, work = maximum(bench, shape)
    bench.send_chained(opcode, work | fields)
    for rounding in Rounding:
        opcode, work = total(bench, shape, rounding)
        bench.send_chained(opcode, work | fields)
    await bench.finish(1 + len(Rounding))
    assert not bench.faults


def some_windows(bench):
    """Any windows that there is room for."""
    while True:
        down, across = random_axis(bench.rng), random_axis(bench.rng)
        if down.open * across.count <= bench.config.pool_entries:
            return windows(down, across)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def pools_any_windows(dut, pause):
    """One job upon another, some of which are no pools of windows."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    if not bench.config.pool_entries:
        return
    jobs = 60
    for _ in range(jobs):
        if bench.rng.random() < 0.2:
            bench.send(*random_job(bench))
            continue
        fields = some_windows(bench)
        size = dict(height=fields["out_height"], width=fields["out_width"])
        shape = Shape(**size, channels=int(bench.rng.integers(1, 40)))
        rounding = list(Rounding)[bench.rng.integers(0, len(Rounding))]
        largest = bench.rng.random() < 0.5
        opcode, work = maximum(bench, shape) if largest else total(bench, shape, rounding)
        bench.send_chained(opcode, work | fields)
    await bench.finish(jobs)
    assert not bench.faults


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(cause=["more", "less", "void", "void at last"], pause=[0.0, 0.5])
async def notices_what_is_wrong_with_a_map_of_windows(dut, cause, pause):
    """In a window or in none; the next pool does not know of it."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    if not bench.config.pool_entries:
        return
    fields = windows(*WINDOWS["odd halves"])
    opcode, work = maximum(bench, Shape(height=2, width=3, channels=2 * bench.config.lanes))
    how = {
        "more": dict(more=2),
        "less": dict(more=-2),
        "void": dict(void=9),
        "void at last": dict(void=69),
    }[cause]
    bench.send_chained(opcode, work | fields, context=1, **how)
    while bench.done < 1:
        await RisingEdge(dut.clk)
    found = [(fault.code, fault.info, fault.context) for fault in bench.faults]
    assert found == ([] if "void" in how else [(FaultCode.DESCRIPTOR, 3, 1)])
    bench.expected[:] = bench.memory.bytes
    bench.faults.clear()
    bench.send(*random_job(bench))
    bench.send_chained(opcode, work | fields)
    bench.send(*random_job(bench))
    await bench.finish(4)
    assert not bench.faults


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(case=["halves", "overlap"])
async def pools_a_window_per_cycle(dut, case):
    """A vector takes as many cycles as windows that it is in, or as results have groups."""
    await start(dut)
    bench = Bench(dut)
    if not bench.config.pool_entries:
        return
    down, across = WINDOWS[case]
    fields = windows(down, across)
    groups = bench.config.lanes // bench.config.requant_lanes
    opcode, work = maximum(bench, Shape(height=down.count, width=across.count, channels=1))
    bench.send_chained(opcode, work | fields)
    await bench.finish(1)
    taps = down.span * down.count * across.span * across.count
    assert len(bench.activities) < taps + groups * down.count * across.count + 40


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def takes_from_where_each_job_says(dut, pause):
    """Jobs that are chained, and jobs that are not, in any order, one right behind the other."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    for _ in range(40):
        opcode, work = random_job(bench)
        if opcode is VectorOp.ADD and bench.rng.random() < 0.6:
            bench.send_chained(opcode, work | dict(swapped=int(bench.rng.integers(0, 2))))
        else:
            bench.send(opcode, work)
    await bench.finish(40)
    assert not bench.faults


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(more=[-2, 2], pause=[0.0, 0.5])
async def notices_that_too_much_or_too_little_comes(dut, more, pause):
    """It is a fault; what is left is swallowed, and the next job is as good as ever."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    shape = Shape(height=4, width=5, channels=2 * bench.config.lanes)
    opcode, work = addition(bench, shape, Rounding.FP32)
    bench.send_chained(opcode, work, context=1, more=more)
    while bench.done < 1:
        await RisingEdge(dut.clk)
    [fault] = bench.faults
    assert (fault.code, fault.info, fault.context) == (FaultCode.DESCRIPTOR, 3, 1)
    bench.expected[:] = bench.memory.bytes
    bench.send_chained(opcode, work)
    await bench.finish(2)
    assert len(bench.faults) == 1


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(cause=["void", "refused", "damage"], pause=[0.0, 0.5])
async def swallows_what_comes_for_a_failed_job(dut, cause, pause):
    """Void vectors, which somebody else has reported; a bad descriptor; a damaged operand."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    shape = Shape(height=4, width=5, channels=2 * bench.config.lanes)
    opcode, work = addition(bench, shape, Rounding.FP32)
    before = bytes(bench.memory.bytes)
    bad = work | dict(reserved=1) if cause == "refused" else work
    bench.send_chained(opcode, bad, void=11 if cause == "void" else 40)
    if cause == "damage":
        bench.memory.damaged.add(work["b"]["offset"])
    while bench.done < 1:
        await RisingEdge(dut.clk)
    codes = {"void": [], "refused": [FaultCode.DESCRIPTOR], "damage": [FaultCode.PARITY]}
    assert [fault.code for fault in bench.faults] == codes[cause]
    if cause != "void":
        assert bytes(bench.memory.bytes) == before
    bench.memory.damaged.clear()
    bench.expected[:] = bench.memory.bytes
    bench.send_chained(opcode, work)
    await bench.finish(2)
    assert len(bench.faults) == len(codes[cause])


BAD = {
    "height": (dict(out_height=0), 3),
    "width": (dict(out_width=0), 3),
    "channels": (dict(channels=0), 4),
    "reserved": (dict(reserved=2), 4),
    "taps_y": (dict(taps_y=0), 5),
    "taps_x": (dict(taps_x=0), 5),
    "reserved1": (dict(reserved1=1), 15),
    "bias": (dict(bias=1 << 47), 17),
    "down": (dict(down=dict(begun=1, wait=1, left=1, stride=1)), 18),
    "across": (dict(across=dict(stride=2)), 18),
    "reserved2": (dict(reserved2=1 << 31), 19),
    "first": (dict(taps_x=0, reserved2=5, out_height=0), 3),
}


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(field=list(BAD))
async def refuses(dut, field):
    """Descriptors that have a field that is zero, reserved, or unknown."""
    await start(dut)
    bench = Bench(dut)
    fields, word = BAD[field]
    for job in range(3):
        opcode, work = random_job(bench)
        if job == 1:
            bench.send_bad(opcode.value, work | fields, context=1)
        else:
            bench.send(opcode, work)
    await bench.finish(3)
    [fault] = bench.faults
    assert (fault.code, fault.info) == (FaultCode.DESCRIPTOR, word)
    assert (fault.engine, fault.context) == (Stream.VECTOR.value, 1)
    assert (fault.address, fault.node, fault.data_id) == (0, 0, 0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def refuses_what_has_no_meaning(dut):
    """Opcodes of other engines; sums in rounding MEAN."""
    await start(dut)
    bench = Bench(dut)
    opcode, work = addition(bench, Shape(), Rounding.FP32)
    bench.send_bad(48, work)
    bench.send_bad(opcode.value, work | dict(rounding=Rounding.MEAN))
    await bench.finish(2)
    assert [fault.code for fault in bench.faults] == [FaultCode.PROGRAM, FaultCode.DESCRIPTOR]
    assert bench.faults[1].info == 4


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def refuses_what_pools_do_not_have(dut):
    """Terms that are swapped; several pixels of output, if they are chained and the window is the
    whole map; windows that are half described, or that the configuration has no room for.
    """
    await start(dut)
    bench = Bench(dut)
    shape = Shape(channels=3, taps=(2, 2))
    half = dict(begun=1, wait=2, left=2, stride=2)
    refused = [
        (4, dict(swapped=1)),
        (3, dict(out_height=2)),
        (3, dict(out_width=2)),
        *((18, dict(down=half, across=half | {name: 0})) for name in half),
        *((18, dict(down=half | {name: 0}, across=half)) for name in half),
    ]
    if not bench.config.pool_entries:
        refused.append((18, dict(down=half, across=half)))
    for _, fields in refused:
        opcode, work = maximum(bench, shape)
        bench.send_chained(opcode, work | fields, void=4)
    await bench.finish(len(refused))
    assert [fault.code for fault in bench.faults] == [FaultCode.DESCRIPTOR] * len(refused)
    assert [fault.info for fault in bench.faults] == [word for word, _ in refused]


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(operand=["a", "b"], pause=[0.0, 0.5])
async def stops_at_damage(dut, operand, pause):
    """No vector is written that a damaged byte went into, and the next job is as good as ever."""
    await start(dut)
    bench = Bench(dut, pause=pause)
    lanes = bench.config.lanes
    shape = Shape(height=4, width=5, channels=2 * lanes)
    opcode, work = addition(bench, shape, Rounding.FP32)
    bench.send(opcode, work, context=1)
    before = bytes(bench.memory.bytes)
    vector = work[operand]["offset"] + 11 * lanes
    bench.memory.damaged.add(vector + 1)
    while bench.done < 1:
        await RisingEdge(dut.clk)

    [fault] = bench.faults
    assert (fault.code, fault.address) == (FaultCode.PARITY, vector)
    assert (fault.engine, fault.context) == (Stream.VECTOR.value, 1)
    await ClockCycles(dut.clk, 60)
    output = work["output"]["offset"]
    written = output + 11 * lanes
    assert bench.memory.bytes[written:] == before[written:]
    partly = bench.memory.bytes[output:written]
    good = bench.expected[output:written]
    assert all(
        found in pair for found, *pair in zip(partly, good, before[output:written], strict=True)
    )

    bench.expected[:] = bench.memory.bytes
    bench.memory.damaged.clear()
    for jobs in range(2, 6):
        bench.send(*random_job(bench))
        await bench.finish(jobs)
    assert len(bench.faults) == 1


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def ignores_damage_beyond_the_tail(dut):
    """Bytes that are read along, but not used."""
    await start(dut)
    bench = Bench(dut)
    opcode, work = total(bench, Shape(channels=bench.config.lanes + 1), Rounding.FP32)
    bench.send(opcode, work)
    bench.memory.damaged.add(work["a"]["offset"] + work["channels"])
    await bench.finish(1)
    assert not bench.faults


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def keeps_pace(dut):
    """As many sums per cycle as the requantizer has lanes; one tap per cycle."""
    await start(dut)
    bench = Bench(dut)
    lanes, group = bench.config.lanes, bench.config.requant_lanes
    vectors = min(512, bench.config.bank_bytes // lanes // 2)
    cycles = len(bench.activities)
    bench.send(*addition(bench, Shape(width=vectors, channels=lanes), Rounding.FP32))
    await bench.finish(1)
    assert len(bench.activities) - cycles <= vectors * (lanes // group) / 0.9 + 40

    cycles = len(bench.activities)
    bench.send(*maximum(bench, Shape(width=8, channels=lanes, taps=(5, 5))))
    await bench.finish(2)
    assert len(bench.activities) - cycles <= 8 * 25 + 40


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def accounts_for_every_cycle(dut):
    """Idle without a job; busy while vectors pass; else it waits for the memory."""
    await start(dut)
    bench = Bench(dut)
    await ClockCycles(dut.clk, 20)
    assert set(bench.activities) == {Activity.IDLE}
    bench.activities.clear()
    shape = Shape(height=8, channels=bench.config.lanes)
    bench.send(*addition(bench, shape, Rounding.HALF_UP))
    await bench.finish(1)
    groups = bench.config.lanes // bench.config.requant_lanes
    busy = bench.activities.count(Activity.BUSY)
    assert 8 <= busy <= 8 * groups + 1
    assert 0 < bench.activities.count(Activity.MEMORY) < 10
    assert 0 < bench.activities.count(Activity.DRAIN) < 30
    await ClockCycles(dut.clk, 10)
    assert bench.activities[-9:] == [Activity.IDLE] * 9


@pytest.mark.parametrize("config", ["tiny", "ecp5-85k", "large"])
def test_engine(simulate, config):
    simulate(VectorEngine, config=config)


def test_opcodes_are_known():
    assert [opcode.value for opcode in VectorOp] == [32, 33, 34]
