"""Events of streams, told apart by the programs that cause them."""

import pytest

from intarsia.isa.bits import encode
from intarsia.isa.counters import Activity, CounterBank
from intarsia.isa.instruction import ConvOp, RemoteOp, Stream
from intarsia.isa.transfer import RemoteDescriptor
from intarsia.runtime.recording import Recorder, Span, counted
from tests.hw.sequencer.programs import Instruction, assemble, doorbell, end, loop, nop, notify

CONTROL, CONV, REMOTE = Stream.CONTROL, Stream.CONV, Stream.REMOTE


def begin(cycle, stream, layer=0):
    return (cycle, stream.value, 0, layer, False, spent(cycle))


def done(cycle, stream):
    return (cycle, stream.value, 0, 0, True, spent(cycle))


def spent(cycles):
    """By activity: of a stream that is busy in one cycle of two, and else waits for memory."""
    return [0, cycles // 2, 0, cycles - cycles // 2, 0, 0, 0, 0]


def conv(layer):
    return Instruction(ConvOp.CONV, operands=((1, 0),) * 4, layer=layer)


def read(layer, *, rows, row_bytes):
    body = encode(RemoteDescriptor, {"rows": rows, "row_bytes": row_bytes})
    return Instruction(RemoteOp.READ, body=body, operands=((1, 0),), layer=layer)


def names(recorder, now=1000):
    return [(span.opcode, span.layer) for span in recorder.spans(now)]


def test_events_become_spans_of_instructions():
    program = assemble({
        CONTROL: [doorbell(), end()],
        REMOTE: [read(3, rows=5, row_bytes=7), end()],
    })
    recorder = Recorder([program])
    recorder.feed(0, [begin(10, CONTROL), begin(12, REMOTE, 3), done(14, CONTROL)])
    recorder.feed(0, [done(40, REMOTE)])
    assert recorder.spans(50) == (
        Span(0, CONTROL, "DOORBELL", 0, 10, 14, spent=(0, 2, 0, 2, 0, 0, 0, 0)),
        Span(0, REMOTE, "READ", 3, 12, 40, size=35, spent=(0, 14, 0, 14, 0, 0, 0, 0)),
    )


def test_program_is_followed_round_its_loops():
    inner = loop([conv(1), nop(), conv(2)], 2)
    program = assemble({CONV: [conv(0), *loop([*inner, conv(3)], 0)]})
    recorder = Recorder([program])
    order = [0, *[1, 2, 1, 2, 1, 2, 3] * 2, 1]
    for number, layer in enumerate(order):
        recorder.feed(0, [begin(10 * number, CONV, layer), done(10 * number + 5, CONV)])
    assert names(recorder) == [("CONV", layer) for layer in order]


def test_chips_have_programs_of_their_own():
    programs = [assemble({CONTROL: [doorbell(), end()]}), assemble({CONTROL: [notify(1), end()]})]
    recorder = Recorder(programs)
    for chip in (1, 0):
        recorder.feed(chip, [begin(1, CONTROL), done(2, CONTROL)])
    assert [(span.chip, span.opcode) for span in recorder.spans(3)] == [
        (0, "DOORBELL"),
        (1, "NOTIFY"),
    ]


def test_what_is_under_way_is_cut_off():
    recorder = Recorder([assemble({CONV: [conv(0), conv(1), end()]})])
    recorder.feed(0, [begin(5, CONV, 0)])
    assert recorder.spans(9) == (Span(0, CONV, "CONV", 0, 5, 9, complete=False),)
    assert recorder.spans(5) == ()
    recorder.feed(0, [done(12, CONV)])
    assert recorder.spans(20) == (Span(0, CONV, "CONV", 0, 5, 12, spent=(0, 4, 0, 3, 0, 0, 0, 0)),)


def test_chip_that_leaves_its_program_is_told():
    recorder = Recorder([assemble({CONV: [conv(4), end()]})])
    with pytest.raises(RuntimeError, match="Chip 0 has begun layer 2 instead of CONV #0 CONV of"):
        recorder.feed(0, [begin(5, CONV, 2)])


def test_idle_cycles_are_what_is_left():
    banks = {CounterBank.CONV: {Activity.BUSY: 30, Activity.MEMORY: 5}}
    filled, total = counted([banks], 100)
    assert total == 100
    assert filled[0][CounterBank.CONV] == {
        Activity.IDLE: 65,
        Activity.BUSY: 30,
        Activity.MEMORY: 5,
    }


def test_engine_that_worked_on_while_it_was_read_counts_in_full():
    chips = [{CounterBank.CONV: {Activity.BUSY: n}} for n in (90, 104)]
    filled, total = counted(chips, 100)
    assert total == 104
    assert [banks[CounterBank.CONV][Activity.IDLE] for banks in filled] == [14, 0]
