"""Faults of chips are told in the words of the plan."""

from intarsia.compiler import place
from intarsia.driver.errors import ChipFaultError
from intarsia.isa.bits import decode, encode
from intarsia.isa.config import config
from intarsia.isa.faults import FaultCode, FaultReport
from intarsia.isa.instruction import ConvOp, Stream
from intarsia.model.program import read_program
from intarsia.runtime.blame import explain


def told(plan, chip=4, **fields):
    report = decode(FaultReport, encode(FaultReport, fields))
    return explain(ChipFaultError(chip, report), plan, place(plan))


def test_tensors_have_their_names(plan):
    part = next(item for item in plan.fragments if item.kind == "part" and item.holder.chip == 0)
    name = dict(data_id=part.data_id, info=part.fragment)
    expected = f"part {part.name!r} of chip 1"
    assert told(plan, code=FaultCode.VERSION, node=1, **name) == expected


def test_damaged_bytes_are_told_by_what_lies_there(plan):
    slots = place(plan).slots[1]
    address = slots[0] + 40
    assert told(plan, code=FaultCode.PARITY, address=address) == "its program, byte 40"
    number = max(range(1, len(slots)), key=lambda number: slots[number])
    where = dict(code=FaultCode.PARITY, address=slots[number] + 3)
    assert told(plan, **where) == f"slot {number}, byte 3"
    beyond = config("ecp5-85k").memory_bytes - 1
    assert told(plan, code=FaultCode.PARITY, address=beyond) == ""


def test_the_watchdog_tells_who_should_give_tokens(plan):
    conv = next(at for at in read_program(plan.chips[1].program)[Stream.CONV] if at.wait)
    mask = sum(1 << token for token in conv.wait)
    stuck = dict(code=FaultCode.WATCHDOG, engine=Stream.CONV.value, info=ConvOp.CONV.value)
    assert told(plan, **stuck) == "CONV does not go on"
    expected = "CONV does not go on: it lacks tokens of streams "
    assert told(plan, **stuck, address=mask).startswith(expected)


def test_what_says_nothing_of_the_plan_is_left_as_it_is(plan):
    assert told(plan, code=FaultCode.LINK, info=1) == ""
    assert told(plan, chip=2, code=FaultCode.PARITY) == ""
