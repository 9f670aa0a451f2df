"""Programs are executed as the model of tokens says, whatever engines, contexts and memory do."""

import random

import cocotb
import pytest

from intarsia.isa.counters import Activity
from intarsia.isa.instruction import Stream
from intarsia.sequencer.sequencer import Sequencer
from tests.hw.sequencer.bench import ENGINES, Bench
from tests.hw.sequencer.chains import (  # found by cocotb in this module
    chains_meet,
    chains_wait_for_their_context,
    nobody_waits_for_the_forsaken,
)
from tests.hw.sequencer.faults import (  # found by cocotb in this module
    faults_of_engines_stop_their_context,
    headers_are_checked,
    instructions_are_checked,
    parity_errors_are_reported,
    slots_are_checked_when_it_is_time,
    tokens_overflow,
    watchdog_knows_patience_and_work,
    watchdog_names_who_waits,
)
from tests.hw.sequencer.model import check_run
from tests.hw.sequencer.places import BASES, SLOTS, set_slots
from tests.hw.sequencer.programs import (
    declare,
    doorbell,
    end,
    loop,
    mask,
    nop,
    notify,
    random_program,
    sync,
    work,
)
from tests.hw.sequencer.timing import (  # found by cocotb in this module
    engines_never_wait,
    moves_before_it_computes,
    moves_in_every_other_turn,
    nothing_toggles,
    passes_tokens_fast,
    tells_what_comes,
    traces_show_when_engines_work,
)

__all__ = [
    "chains_meet",
    "chains_wait_for_their_context",
    "engines_never_wait",
    "faults_of_engines_stop_their_context",
    "headers_are_checked",
    "instructions_are_checked",
    "moves_before_it_computes",
    "moves_in_every_other_turn",
    "nobody_waits_for_the_forsaken",
    "nothing_toggles",
    "parity_errors_are_reported",
    "passes_tokens_fast",
    "slots_are_checked_when_it_is_time",
    "tells_what_comes",
    "tokens_overflow",
    "traces_show_when_engines_work",
    "watchdog_knows_patience_and_work",
    "watchdog_names_who_waits",
]


async def set_again(bench, context, bases):
    """Now and then set a slot to what it is: whatever waits must be fetched again."""
    while True:
        await bench.cycles(bench.rng.randint(1, 300))
        slot, offset = bench.rng.choice(SLOTS)
        await bench.set_slot(context, slot, bases[slot], offset + 1)


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.5])
async def respects_tokens(dut, pause):
    """Random programs, one after the other."""
    bench = await Bench.create(dut, pause=pause)
    bases = await set_slots(bench, 1)
    cocotb.start_soon(set_again(bench, 1, bases))
    for _ in range(10):
        bench.events.clear()
        streams = random_program(bench.rng, context=1, slots=SLOTS)
        for engine in bench.engines.values():
            engine.longest = bench.rng.choice([1, 3, 12, 60])
            engine.depth = bench.rng.choice([1, 2, 8])
        await bench.run(1, streams, base=BASES[1])
        await bench.finish(1)
        assert not bench.of("fault")
        check_run(bench.events, 1, streams, bases)
        assert not bench.of("job", context=0)


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.3])
async def contexts_share(dut, pause):
    """Two contexts at once, both exact, neither waiting for the other to finish."""
    bench = await Bench.create(dut, pause=pause)
    bases = [await set_slots(bench, context) for context in (0, 1)]
    for _ in range(8):
        bench.events.clear()
        streams = [
            random_program(bench.rng, context=context, slots=SLOTS, repeats=5) for context in (0, 1)
        ]
        for context in (0, 1):
            await bench.run(context, streams[context], base=BASES[context])
        for context in (0, 1):
            await bench.finish(context)
        assert not bench.of("fault")
        for context in (0, 1):
            check_run(bench.events, context, streams[context], bases[context])


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def stops_at_any_time(dut):
    """A context can be stopped in any cycle; started again, it does all that it should."""
    bench = await Bench.create(dut)
    bases = await set_slots(bench, 0)
    streams = random_program(bench.rng, context=0, slots=SLOTS, most=3, repeats=0)
    for cycles in range(0, 160, 9):
        await bench.run(0, streams, base=BASES[0])
        await bench.cycles(cycles)
        await bench.stop(0)
        await bench.settle()
        assert not bench.of("fault")
        bench.events.clear()
    await bench.run(0, streams, base=BASES[0])
    await bench.finish(0)
    check_run(bench.events, 0, streams, bases)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def blocks_nobody(dut):
    """A context that waits in all of its streams leaves the engines to the other."""
    bench = await Bench.create(dut)
    rng = bench.rng
    bases = [await set_slots(bench, context) for context in (0, 1)]
    waiting = {
        Stream.CONTROL: [doorbell(signal=mask(*(of.value for of in ENGINES))), end()],
        **{of: [work(rng, of, SLOTS, wait=mask(of.value)), end()] for of in ENGINES},
    }
    await bench.run(0, waiting, base=BASES[0])
    await bench.settle()
    streams = random_program(rng, context=1, slots=SLOTS)
    await bench.run(1, streams, base=BASES[1])
    await bench.finish(1)
    check_run(bench.events, 1, streams, bases[1])
    assert bench.running() == 1
    assert not bench.of("job", context=0)
    await bench.ring(0)
    await bench.finish(0)
    check_run(bench.events, 0, waiting, bases[0])


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def rings_are_counted(dut):
    """An endless loop runs once per ring; STOP ends it and forgets tokens and rings."""
    bench = await Bench.create(dut)
    streams = {
        Stream.CONTROL: loop([doorbell(patient=True, signal=mask(5)), notify(1)], 0),
        Stream.CONV: loop([nop(wait=mask(5, 6))], 0),
    }
    await bench.ring(0)
    await bench.run(0, streams, base=BASES[0])
    for _ in range(3):
        await bench.ring(0)
    await bench.until("notify", 4)
    await bench.settle()
    assert len(bench.of("notify")) == 4
    await bench.stop(0)

    late = {Stream.CONTROL: [nop(wait=mask(7)), end()]}
    await bench.run(0, late, base=BASES[0])
    await bench.ring(0)
    await bench.stop(0)
    fresh = {
        Stream.CONTROL: [doorbell(signal=mask(6)), notify(2), end()],
        Stream.CONV: [nop(wait=mask(5)), end()],
        Stream.VECTOR: [nop(wait=mask(6)), end()],
    }
    await bench.run(0, fresh, base=BASES[0])
    await bench.settle()
    assert len(bench.of("notify")) == 4, "a ring survived STOP"
    await bench.ring(0)
    await bench.until("notify", 5)
    await bench.settle()
    assert bench.running() == 1, "tokens survived STOP"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def slots_may_move(dut):
    """A slot that is set while an instruction waits is where its operands are, program included."""
    bench = await Bench.create(dut)
    program = {
        Stream.CONTROL: [doorbell(signal=mask(0)), end()],
        Stream.CONV: [work(bench.rng, Stream.CONV, ((1, 3),), wait=mask(0)), end()],
    }
    await bench.set_slot(0, 1, 0x100, 4)
    await bench.run(0, program, base=BASES[0])
    await bench.settle()
    await bench.set_slot(0, 1, 0x200, 4)
    bench.memory.bytes[: len(bench.memory.bytes)] = bytes(len(bench.memory.bytes))
    await bench.load(0, program, base=BASES[1])
    await bench.ring(0)
    job = await bench.until("job")
    assert job.value == (16, program[Stream.CONV][0].content({1: 0x200}))
    await bench.finish(0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def syncs_hold_their_context_only(dut):
    """SYNC gives its tokens when the barrier opens; the other context's control stream goes on."""
    bench = await Bench.create(dut)
    group = dict(group=9, coordinator=3, first=2, members=5)
    streams = {
        Stream.CONTROL: [declare(**group), sync(9, 77, signal=mask(1), layer=5), notify(1), end()],
        Stream.LOCAL: [work(bench.rng, Stream.LOCAL, ((0, 0),), wait=mask(1)), end()],
    }
    await bench.run(0, streams, base=BASES[0])
    await bench.until("sync")
    declared = bench.of("declare")[0].value
    assert declared.context == 0
    assert group == {name: declared.group[name] for name in group}
    assert bench.of("sync")[0].value == (9, 77)
    await bench.run(1, {Stream.CONTROL: [notify(2), end()]}, base=BASES[1])
    await bench.finish(1)
    await bench.settle()
    assert bench.activity(Stream.CONTROL) is Activity.BARRIER
    assert [event.value for event in bench.of("notify")] == [2]
    assert not bench.of("job")
    assert len(bench.of("trace_start", Stream.CONTROL, 0)) == 2
    assert len(bench.of("trace_done", Stream.CONTROL, 0)) == 1
    await bench.strobe("sync_done", 0)
    await bench.finish(0)
    assert [event.value for event in bench.of("notify")] == [2, 1]
    assert len(bench.of("job")) == 1
    # A barrier that opens after its context was stopped concerns nobody.
    await bench.run(0, streams, base=BASES[0])
    await bench.until("sync", 2)
    await bench.stop(0)
    await bench.strobe("sync_done", 0)
    await bench.run(0, streams, base=BASES[0])
    await bench.until("sync", 3)
    await bench.settle()
    assert len(bench.of("job")) == 1


@pytest.mark.parametrize("relays", [False, True], ids=["straight", "relays"])
def test_sequencer(simulate, relays):
    simulate(Sequencer, config={"name": "ecp5-85k", "relays": relays}, faults=2)


def test_random_programs_differ():
    one, other = (random_program(random.Random(n), context=0, slots=SLOTS) for n in (1, 2))
    assert one != other
