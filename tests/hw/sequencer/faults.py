"""Behaviours of a sequencer whose programs, slots or engines are at fault. Run by its test."""

import cocotb

from intarsia.isa.bits import encode
from intarsia.isa.counters import Activity
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import (
    PROGRAM_FORMAT,
    TOKEN_MAX,
    UNIT,
    ControlOp,
    ConvOp,
    LoopBody,
    Stream,
    Sync,
    VectorOp,
)
from tests.hw.sequencer.bench import Bench
from tests.hw.sequencer.programs import (
    HEADER_BYTES,
    Instruction,
    doorbell,
    end,
    loop,
    mask,
    nop,
    notify,
    sync,
    work,
)

#: Where programs lie.
BASE = 0x0123

UNUSED = ((1, 0),)


async def expect(bench, code, *, context=0, stopped=True, **fields):
    """The next fault is this one, and it stops its context."""
    event = await bench.until("fault")
    report = {"code": code, "context": context, **fields}
    expected = FaultReport.from_bits(encode(FaultReport, report))
    assert event.value == expected, f"{event.value} is not {expected}"
    if stopped:
        await bench.finish(context)
        assert bench.faulted() >> context & 1
    await bench.settle()
    assert len(bench.of("fault")) == 1
    bench.events.clear()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def headers_are_checked(dut):
    """START of what isn't a program."""
    bench = await Bench.create(dut)
    good = {Stream.CONTROL: [end()], Stream.LOCAL: [end()]}
    first = HEADER_BYTES
    wrong = [
        (0, {"program_format": PROGRAM_FORMAT + 1}),
        (0, {"streams": 9}),
        (0, {"length": 0x200}),
        (0, {"start": [first + 8] + [0] * 7}),
        (0, {"start": [first - 16] + [0] * 7}),
        (0, {"start": [first + 0x100] + [0] * 7}),
        (1, {"start": [first] + [0] * 4 + [first] + [0] * 2}),
        (1, {"start": [first, 0, 0, first] + [0] * 4, "streams": 3}),
        (2, {"start": [first] + [0] * 6 + [first]}),
        (2, {"reserved": 1 << 63}),
    ]
    for unit, changes in wrong:
        await bench.run(0, good, base=BASE, **changes)
        await expect(bench, FaultCode.PROGRAM, address=BASE + UNIT * unit)
    await bench.set_slot(0, 0, BASE, HEADER_BYTES - 1)
    await bench.strobe("start", 0)
    await expect(bench, FaultCode.PROGRAM, address=BASE)
    await bench.run(0, good, base=BASE)
    await bench.finish(0)
    assert not bench.faulted()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def instructions_are_checked(dut):
    """Instructions that can't be, in each stream; found before they start, not after."""
    bench = await Bench.create(dut)
    conv = Instruction(ConvOp.CONV)
    body = encode(LoopBody, {"back": 1, "count": 1})
    far = encode(LoopBody, {"back": 99})
    wrong = [
        (Stream.CONV, Instruction(VectorOp.ADD)),
        (Stream.VECTOR, Instruction(ControlOp.NOTIFY)),
        (Stream.CONTROL, conv),
        (Stream.LOCAL, nop(changes={"opcode": 7})),
        (Stream.REMOTE, nop(changes={"length": 2})),
        (Stream.REMOTE, nop(changes={"length": 0})),
        (Stream.CONV, Instruction(ConvOp.CONV, changes={"operands": 3})),
        (Stream.CONV, nop(changes={"flags": 1})),
        (Stream.CONTROL, doorbell(changes={"flags": 2})),
        (Stream.CONTROL, nop(changes={"reserved": 1})),
        (Stream.VECTOR, Instruction(ControlOp.LOOP, body=body | 1 << 127)),
        (Stream.VECTOR, Instruction(ControlOp.LOOP, body=far)),
        (Stream.CONTROL, Instruction(ControlOp.SYNC, body=encode(Sync, {"reserved": 1}))),
    ]
    for stream, instruction in wrong:
        await bench.run(0, {stream: [nop(), instruction, end()]}, base=BASE)
        place = BASE + HEADER_BYTES + UNIT
        await expect(bench, FaultCode.PROGRAM, engine=stream.value, address=place)
        assert not bench.of("job")
    # The end of the slot is the end of the program.
    await bench.load(0, {Stream.CONV: [nop()]}, base=BASE)
    await bench.strobe("start", 0)
    place = BASE + HEADER_BYTES + UNIT
    await expect(bench, FaultCode.PROGRAM, engine=Stream.CONV.value, address=place)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def slots_are_checked_when_it_is_time(dut):
    """A slot may be set as late as its instruction starts; then it must be there."""
    bench = await Bench.create(dut)
    program = {
        Stream.CONTROL: [doorbell(signal=mask(0)), end()],
        Stream.LOCAL: [work(bench.rng, Stream.LOCAL, ((1, 40),), wait=mask(0)), end()],
    }
    for size in (0, 40, 41):
        await bench.set_slot(0, 1, 0x300, 0)
        await bench.run(0, program, base=BASE)
        await bench.settle()
        assert not bench.of("fault")
        await bench.set_slot(0, 1, 0x300, size)
        await bench.ring(0)
        if size == 41:
            await bench.until("job")
            await bench.finish(0)
        else:
            place = BASE + HEADER_BYTES + 2 * UNIT
            await expect(bench, FaultCode.SLOT, engine=3, info=1, address=place)
    program[Stream.LOCAL] = [work(bench.rng, Stream.LOCAL, ((bench.config.slots, 0),)), end()]
    await bench.run(0, program, base=BASE)
    place = BASE + HEADER_BYTES + 2 * UNIT
    await expect(bench, FaultCode.SLOT, engine=3, info=bench.config.slots, address=place)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def parity_errors_are_reported(dut):
    """A damaged byte in the header of a program, of an instruction, or in its body."""
    bench = await Bench.create(dut)
    await bench.set_slot(0, 1, 0, 1)
    program = {Stream.CONV: [work(bench.rng, Stream.CONV, UNUSED), end()]}
    instruction = BASE + HEADER_BYTES
    places = (
        (BASE + UNIT + 3, BASE + UNIT, Stream.CONTROL),
        (instruction + 15, instruction, Stream.CONV),
        (instruction + UNIT, instruction, Stream.CONV),
        (instruction + 5 * UNIT - 1, instruction, Stream.CONV),
    )
    for damaged, address, stream in places:
        bench.memory.damaged = {damaged}
        await bench.run(0, program, base=BASE)
        await expect(bench, FaultCode.PARITY, engine=stream.value, address=address)
    bench.memory.damaged.clear()
    await bench.run(0, program, base=BASE)
    await bench.finish(0)
    assert len(bench.of("job")) == 1


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def tokens_overflow(dut):
    """A counter at its highest value can't be added to."""
    bench = await Bench.create(dut)
    for count in (TOKEN_MAX, TOKEN_MAX + 1):
        program = {
            Stream.REMOTE: [*loop([nop(signal=mask(31, 3))], count - 1), end()],
            Stream.VECTOR: [nop(wait=mask(30)), end()],
        }
        await bench.run(0, program, base=BASE)
        if count > TOKEN_MAX:
            await expect(bench, FaultCode.TOKEN, engine=4, info=3)
        else:
            await bench.cycles(TOKEN_MAX * 60)
            assert not bench.of("fault")
            await bench.stop(0)
    # The tokens of a SYNC are given late, but are its stream's.
    full = loop([nop(signal=mask(9))], TOKEN_MAX - 1)
    await bench.run(0, {Stream.CONTROL: [*full, sync(1, 1, signal=mask(9)), end()]}, base=BASE)
    await bench.until("sync")
    await bench.strobe("sync_done", 0)
    await expect(bench, FaultCode.TOKEN, info=9)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def faults_of_engines_stop_their_context(dut):
    """What has started is completed, nothing else starts, and the other context is left alone."""
    bench = await Bench.create(dut)
    for context in (0, 1):
        await bench.set_slot(context, 1, 0, 1)
    program = {
        Stream.CONTROL: [doorbell(), notify(1), end()],
        Stream.CONV: [*(work(bench.rng, Stream.CONV, UNUSED) for _ in range(5)), end()],
    }
    engine = bench.engines[Stream.CONV]
    engine.depth = 1
    engine.frozen = True
    for context in (0, 1):
        await bench.run(context, program, base=BASE)
    await bench.until("job")
    await bench.settle()
    context = bench.of("job")[0].context
    bench.engines[Stream.VECTOR].fail(code=FaultCode.DESCRIPTOR, engine=2, context=context, info=3)
    await bench.until("fault")
    assert bench.of("fault")[0].value.info == 3
    await bench.settle()
    assert bench.faulted() == 1 << context
    assert bench.running() == 3, "a context runs until its engines are done"
    engine.frozen = False
    await bench.finish(context)
    await bench.ring(1 - context)
    await bench.finish(1 - context)
    assert len(bench.of("job", context=1 - context)) == 5
    assert len(bench.of("job", context=context)) <= 2
    assert len(bench.of("notify")) == 1

    # Faults of the responder, of a link and of the sync port belong to no context.
    bench.events.clear()
    await bench.run(0, program, base=BASE)
    for n, engine in ((0, 8), (1, 9), (1, 10)):
        bits = encode(FaultReport, {"code": FaultCode.LINK, "engine": engine})
        await bench.strobe(f"fault{n}", bits)
    await bench.until("fault", 3)
    await bench.ring(0)
    await bench.finish(0)
    assert bench.faulted() & 1 == 0


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def watchdog_names_who_waits(dut):
    """The job that hangs, or else the first stream that waits, and for what."""
    bench = await Bench.create(dut)
    dut.limit.value = 4
    bench.tick_every = 50
    await bench.set_slot(1, 1, 0, 1)
    stuck = {
        Stream.CONTROL: [end()],
        Stream.CONV: [nop(signal=mask(1)), nop(wait=mask(1, 2, 31)), end()],
        Stream.VECTOR: [work(bench.rng, Stream.VECTOR, UNUSED, wait=mask(3)), end()],
    }
    await bench.run(1, stuck, base=BASE)
    begin = bench.cycle
    await expect(bench, FaultCode.WATCHDOG, context=1, engine=1, info=0, address=mask(2, 31))
    assert bench.cycle - begin > 3 * 50
    # A job that hangs explains more than those who wait for it.
    engine = bench.engines[Stream.VECTOR]
    engine.frozen, engine.activity = True, Activity.LINK
    stuck[Stream.VECTOR] = [work(bench.rng, Stream.VECTOR, UNUSED), end()]
    opcode = stuck[Stream.VECTOR][0].opcode.value
    await bench.run(1, stuck, base=BASE)
    await expect(bench, FaultCode.WATCHDOG, context=1, stopped=False, engine=2, info=opcode)
    engine.frozen = False
    await bench.finish(1)
    bench.events.clear()
    waits = {
        ControlOp.DOORBELL: doorbell(),
        ControlOp.SYNC: sync(1, 1),
    }
    for opcode, instruction in waits.items():
        await bench.run(0, {Stream.CONTROL: [instruction, end()]}, base=BASE)
        await expect(bench, FaultCode.WATCHDOG, info=opcode.value)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def watchdog_knows_patience_and_work(dut):
    """Patient waiting, and a job that takes long but does something, are no faults."""
    bench = await Bench.create(dut)
    dut.limit.value = 2
    bench.tick_every = 50
    await bench.set_slot(0, 1, 0, 1)
    work_first = [work(bench.rng, Stream.CONV, UNUSED, signal=mask(0)), end()]
    program = {
        Stream.CONTROL: [
            doorbell(patient=True),
            sync(1, 1, patient=True, wait=mask(0)),
            nop(wait=mask(1)),
            end(),
        ],
        Stream.CONV: work_first,
    }
    engine = bench.engines[Stream.CONV]
    engine.frozen = True
    await bench.run(0, program, base=BASE)
    await bench.cycles(800)
    await bench.ring(0)
    await bench.cycles(800)
    assert not bench.of("fault") and not bench.of("sync")
    engine.frozen = False
    await bench.until("sync")
    await bench.cycles(800)
    assert not bench.of("fault")
    await bench.strobe("sync_done", 0)
    await expect(bench, FaultCode.WATCHDOG, address=mask(1))
