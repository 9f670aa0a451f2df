"""Whole chips: exact in every order that tokens allow, and every wrong step is a named fault."""

import random
from dataclasses import replace

import pytest

from intarsia.compiler import FragmentKind, Placement, compile_network, place
from intarsia.golden import evaluate
from intarsia.graph import Mode
from intarsia.graph.ops import Window
from intarsia.isa.bits import decode, encode
from intarsia.isa.config import config
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import (
    UNIT,
    ControlOp,
    ConvOp,
    InstructionHeader,
    ProgramHeader,
    RemoteOp,
    Sync,
)
from intarsia.model.faults import DeadlockError, ModelFaultError
from intarsia.model.machine import Machine
from tests.sw.compiler.networks import Builder, some_input


def network():
    builder = Builder(4, (8, 6, 4))
    window = Window(kernel=(3, 3), padding=(1, 1, 1, 1))
    first = builder.conv("input", window, 8, groups=1)
    second = builder.conv(first, window, 8, groups=1)
    both = builder.sum(first, second)
    return builder.network([builder.mean(both)])


@pytest.fixture(scope="module")
def plan():
    return compile_network(
        network(), config=config("ecp5-85k"), chips=2, mode=Mode.XNNPACK, partition="rows"
    )


@pytest.mark.parametrize("nodes", [(1, 2), (0, 2, 3), (1, 30)], ids=str)
def test_chips_may_be_any_nodes(nodes):
    """What is left when others have died: holes, and another first one."""
    plan = compile_network(
        network(),
        config=config("ecp5-85k"),
        chips=len(nodes),
        nodes=nodes,
        mode=Mode.XNNPACK,
        partition="rows",
    )
    assert infer(plan, random.Random(1))


def infer(plan, rng=None, placement=None):
    model = network()
    inputs = some_input(model)
    machine = Machine(plan, placement or place(plan, rng), rng)
    [(name, found)] = machine.infer(inputs).items()
    return (found == evaluate(model, inputs, plan.mode)[name].reshape(-1)).all()


def headers(program):
    """Where each instruction begins, and its header."""
    size = ProgramHeader.as_shape().size // 8
    starts = decode(ProgramHeader, int.from_bytes(program[:size], "little")).start
    at = min(start for start in starts if start)
    while at < len(program):
        header = decode(InstructionHeader, int.from_bytes(program[at : at + UNIT], "little"))
        yield at, header
        at += header.length * UNIT


def edited(plan, code, **fields):
    """`plan` with other header fields in all instructions `code` of chip 0."""
    program = bytearray(plan.chips[0].program)
    for at, header in list(headers(bytes(program))):
        if header.opcode == code.value:
            names = [name for name, _ in InstructionHeader.as_shape()]
            now = {name: getattr(header, name) for name in names} | fields
            program[at : at + UNIT] = encode(InstructionHeader, now).to_bytes(UNIT, "little")
    return with_program(plan, bytes(program))


def with_program(plan, program):
    fragments = tuple(
        replace(item, content=program)
        if item.kind is FragmentKind.PROGRAM and item.fragment == 0
        else item
        for item in plan.fragments
    )
    chips = (replace(plan.chips[0], program=program), *plan.chips[1:])
    return replace(plan, fragments=fragments, chips=chips)


def with_fragments(plan, kind, **fields):
    """`plan` with other members in all fragments of a kind."""
    return replace(
        plan,
        fragments=tuple(
            replace(item, **fields) if item.kind is kind else item for item in plan.fragments
        ),
    )


def fault(plan, placement=None):
    with pytest.raises(ModelFaultError) as caught:
        infer(plan, placement=placement)
    return caught.value.code


@pytest.mark.parametrize("seed", [None, *range(10)])
def test_is_exact_in_every_order(plan, seed):
    assert infer(plan, None if seed is None else random.Random(seed))


@pytest.mark.parametrize("opcode", [ConvOp.CONV, RemoteOp.READ, ControlOp.SYNC])
def test_missing_tokens_show(plan, opcode):
    """Without its waits, an instruction is too early in some order."""
    hasty = edited(plan, opcode, wait=0)
    outcomes = set()
    for seed in range(6):
        try:
            outcomes.add(bool(infer(hasty, random.Random(seed))))
        except ModelFaultError as error:
            outcomes.add(error.code is not FaultCode.TOKEN)
    assert False in outcomes


def test_deadlock_says_who_waits_for_what(plan):
    with pytest.raises(DeadlockError) as caught:
        infer(edited(plan, RemoteOp.READ, signal=0))
    text = str(caught.value)
    assert "node 0: CONV #0 CONV of layer 0 waits for token" in text
    assert "of nobody" in text
    assert "node 1: CONTROL" in text


def test_too_small_a_slot(plan):
    slots = plan.chips[0].slots
    small = tuple(replace(slot, size=slot.size // 2) if slot.number else slot for slot in slots)
    shrunk = replace(plan, chips=(replace(plan.chips[0], slots=small), plan.chips[1]))
    assert fault(shrunk, place(plan)) is FaultCode.SLOT


def test_slot_not_in_use(plan):
    slots = tuple(replace(slot, size=0) if slot.number else slot for slot in plan.chips[0].slots)
    unused = replace(plan, chips=(replace(plan.chips[0], slots=slots), plan.chips[1]))
    assert fault(unused, place(plan)) is FaultCode.SLOT


def test_slot_across_macro_banks(plan):
    placed = place(plan)
    crossing = (*placed.slots[0][:-1], plan.config.bank_bytes - 1)
    moved = Placement((crossing, placed.slots[1]), placed.fragments)
    assert fault(plan, moved) is FaultCode.SLOT


def test_fragment_not_in_the_map(plan):
    chips = tuple(
        replace(
            chip,
            fragments=tuple(
                number
                for number in chip.fragments
                if plan.fragments[number].kind is not FragmentKind.INPUT
            ),
        )
        for chip in plan.chips
    )
    assert fault(replace(plan, chips=chips)) is FaultCode.ATU_MISS


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        (FragmentKind.INPUT, dict(read=False), FaultCode.PERMISSION),
        (FragmentKind.OUTPUT, dict(write=False), FaultCode.PERMISSION),
        (FragmentKind.PART, dict(read=False), FaultCode.PERMISSION),
        (FragmentKind.PART, dict(size=10), FaultCode.BOUNDS),
    ],
)
def test_what_a_fragment_does_not_allow(plan, kind, fields, code):
    assert fault(with_fragments(plan, kind, **fields)) is code


def test_owner_of_another(plan):
    assert fault(replace(plan, owner=plan.owner + 1)) is FaultCode.OWNER


def test_too_many_tokens(plan):
    """A loop without waits gives tokens that nobody takes."""
    program = edited(plan, RemoteOp.READ, wait=0, signal=1 << 31)
    assert fault(edited(program, ControlOp.LOOP, wait=0)) is FaultCode.TOKEN


@pytest.mark.parametrize(
    "fields", [dict(opcode=99), dict(length=3), dict(operands=1), dict(flags=1)], ids=str
)
def test_instructions_that_are_none(plan, fields):
    assert fault(edited(plan, ConvOp.CONV, **fields)) is FaultCode.PROGRAM


@pytest.mark.parametrize("at", [0, 4])
def test_programs_that_are_none(plan, at):
    program = bytearray(plan.chips[0].program)
    program[at] ^= 0xFF
    assert fault(with_program(plan, bytes(program))) is FaultCode.PROGRAM


def test_points_of_a_group_that_differ(plan):
    program = bytearray(plan.chips[0].program)
    at = next(at for at, header in headers(program) if header.opcode == ControlOp.SYNC.value)
    offset = Sync.as_shape()["esp"].offset // 8
    program[at + UNIT + offset] += 1
    assert fault(with_program(plan, bytes(program))) is FaultCode.SYNC


def test_group_never_declared(plan):
    program = bytearray(plan.chips[0].program)
    at = next(at for at, header in headers(program) if header.opcode == ControlOp.SYNC.value)
    program[at + UNIT + Sync.as_shape()["group"].offset // 8] += 1
    assert fault(with_program(plan, bytes(program))) is FaultCode.SYNC
