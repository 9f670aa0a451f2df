"""Behaviours of a sequencer in time: when jobs are there, and when nothing moves."""

import cocotb

from intarsia.bench import parameters
from intarsia.isa.counters import Activity
from intarsia.isa.instruction import Stream
from tests.hw.sequencer.bench import ENGINES, Bench
from tests.hw.sequencer.places import BASES, SLOTS, set_slots
from tests.hw.sequencer.programs import doorbell, end, mask, work


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def engines_never_wait(dut):
    """The next job is there when the engine can take it, at the latest two cycles after."""
    bench = await Bench.create(dut)
    await set_slots(bench, 0)
    jobs = 6
    for of in ENGINES:
        engine = bench.engines[of]
        engine.depth, engine.longest = 1, 80
        bench.events.clear()
        program = {of: [*(work(bench.rng, of, SLOTS) for _ in range(jobs)), end()]}
        await bench.run(0, program, base=BASES[0])
        done = None
        for _ in range(jobs):
            count = len(bench.of("job", of)) + 1
            engine.frozen = True
            job = await bench.until("job", count, stream=of)
            assert done is None or job.cycle <= done + 2
            await bench.cycles(80)
            engine.frozen = False
            done = (await bench.until("done", count, stream=of)).cycle
        await bench.finish(0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def passes_tokens_fast(dut):
    """A job that lacked a token only is accepted four cycles after the `done` that gives it.

    With relays, a token is given, and taken, a cycle later.
    """
    bench = await Bench.create(dut)
    await set_slots(bench, 0)
    bench.engines[Stream.CONV].longest = 1
    bench.engines[Stream.CONV].frozen = True
    program = {
        Stream.CONV: [work(bench.rng, Stream.CONV, SLOTS, signal=mask(0)), end()],
        Stream.VECTOR: [work(bench.rng, Stream.VECTOR, SLOTS, wait=mask(0)), end()],
    }
    await bench.run(0, program, base=BASES[0])
    await bench.settle()
    bench.engines[Stream.CONV].frozen = False
    job = await bench.until("job", stream=Stream.VECTOR)
    waited = 6 if parameters()["config"].relays else 4
    assert job.cycle - bench.of("done", Stream.CONV)[0].cycle == waited


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def moves_before_it_computes(dut):
    """When programs start, the instruction of REMOTE is fetched before those that compute.

    Whoever was served last in the program before, here VECTOR.
    """
    bench = await Bench.create(dut)
    await set_slots(bench, 0)
    program = {of: [work(bench.rng, of, SLOTS), end()] for of in ENGINES}
    program[Stream.VECTOR] = [*(work(bench.rng, Stream.VECTOR, SLOTS) for _ in range(4)), end()]
    program[Stream.CONTROL] = [doorbell(), end()]
    for _ in range(3):
        bench.events.clear()
        await bench.run(0, program, base=BASES[0])
        await bench.ring(0)
        await bench.finish(0)
        offers = [event.stream for event in bench.of("offer")]
        firsts = [Stream.REMOTE, Stream.LOCAL, Stream.VECTOR, Stream.CONV]
        assert offers == [*firsts, *[Stream.VECTOR] * 3]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def moves_in_every_other_turn(dut):
    """Of two instructions that are fetched, one is of REMOTE, and the others take turns."""
    bench = await Bench.create(dut)
    await set_slots(bench, 0)
    others = [Stream.LOCAL, Stream.VECTOR, Stream.CONV]
    counts = {Stream.REMOTE: 8} | dict.fromkeys(others, 2)
    program = {
        of: [*(work(bench.rng, of, SLOTS) for _ in range(counts[of])), end()] for of in counts
    }
    program[Stream.CONTROL] = [doorbell(), end()]
    for engine in bench.engines.values():
        engine.depth, engine.longest = 8, 1
    await bench.run(0, program, base=BASES[0])
    await bench.until("offer", sum(counts.values()))
    await bench.ring(0)
    await bench.finish(0)
    offers = [event.stream for event in bench.of("offer")]
    assert offers == [
        *(of for other in others * 2 for of in (Stream.REMOTE, other)),
        *offers[:1] * 2,
    ]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def tells_what_comes(dut):
    """A job of REMOTE is known from when it is fetched until it is accepted, and then the next."""
    bench = await Bench.create(dut)
    await set_slots(bench, 0)
    of = Stream.REMOTE
    bench.engines[of].depth, bench.engines[of].longest = 8, 1
    program = {
        Stream.CONTROL: [doorbell(signal=mask(0)), doorbell(signal=mask(0)), end()],
        of: [*(work(bench.rng, of, SLOTS, wait=mask(0)) for _ in range(2)), end()],
    }
    payload = bench.engines[of].pins["payload"]
    await bench.run(0, program, base=BASES[0])
    for count in (1, 2):
        await bench.cycles(100)
        assert dut.comes.value == 1
        coming = payload.value
        await bench.ring(0)
        job = await bench.until("job", count, stream=of)
        descriptor = bench.engines[of].layout["descriptor"]
        assert coming.to_unsigned() >> descriptor.offset == job.value[1]
        await bench.cycles(1)
        assert dut.comes.value == 0
    await bench.finish(0)
    assert dut.comes.value == 0


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(pause=[0.0, 0.9])
async def traces_show_when_engines_work(dut, pause):
    """From when a job is first in its stream and offered, even if it is accepted much later."""
    bench = await Bench.create(dut)
    await set_slots(bench, 1)
    for engine in bench.engines.values():
        engine.pause, engine.longest = pause, 200
    layers = {of: [bench.rng.randrange(1 << 16) for _ in range(12)] for of in ENGINES}
    streams = {
        of: [*(work(bench.rng, of, SLOTS, layer=layer) for layer in layers[of]), end()]
        for of in ENGINES
    }
    await bench.run(1, streams, base=BASES[1])
    await bench.finish(1)
    for of in ENGINES:
        begun, done = bench.of("trace_start", of), bench.of("trace_done", of)
        offers = [event.cycle for event in bench.of("offer", of)]
        free = [0, *(event.cycle + 1 for event in done[:-1])]
        expected = [max(pair) for pair in zip(offers, free, strict=True)]
        assert [event.cycle for event in begun] == expected
        assert [event.value for event in begun] == layers[of]
        assert {event.context for event in begun + done} == {1}


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def nothing_toggles(dut):
    """Nothing changes in a sequencer that is idle, waits patiently, or waits for an engine."""
    bench = await Bench.create(dut)
    await set_slots(bench, 0)

    async def rests():
        await bench.settle()
        before = bench.state()
        assert len(before) > 500
        for _ in range(5):
            await bench.cycles(3)
            changed = {path for path, value in bench.state().items() if value != before[path]}
            assert not changed

    await rests()
    program = {
        Stream.CONTROL: [doorbell(patient=True, signal=mask(0)), end()],
        Stream.CONV: [work(bench.rng, Stream.CONV, SLOTS, wait=mask(0), signal=mask(1)), end()],
        Stream.VECTOR: [work(bench.rng, Stream.VECTOR, SLOTS, wait=mask(1)), end()],
    }
    await bench.run(0, program, base=BASES[0])
    await bench.run(1, program, base=BASES[0])
    await rests()
    assert all(bench.activity(of) is Activity.IDLE for of in Stream)
    bench.engines[Stream.CONV].frozen = True
    bench.engines[Stream.CONV].activity = Activity.MEMORY
    await bench.ring(0)
    await bench.until("job")
    await rests()
    assert bench.activity(Stream.CONV) is Activity.MEMORY
    assert bench.activity(Stream.VECTOR) is Activity.OPERANDS
