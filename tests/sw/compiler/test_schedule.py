"""Tokens keep the order of instructions that touch the same bytes, and of no others."""

import itertools
import random

import pytest

from intarsia.compiler.allocate import Place
from intarsia.compiler.boxes import Box
from intarsia.compiler.errors import CompileError
from intarsia.compiler.schedule import schedule
from intarsia.compiler.work import Access, Buffer, Work
from intarsia.isa.instruction import ConvOp, LocalOp, RemoteOp, Stream, VectorOp
from tests.sw.compiler.running import token_run

OPCODES = {
    Stream.CONV: ConvOp.CONV,
    Stream.VECTOR: VectorOp.ADD,
    Stream.LOCAL: LocalOp.COPY,
    Stream.REMOTE: RemoteOp.READ,
}


def work(stream, *accesses):
    return Work(stream, OPCODES[stream], 0, {}, tuple(accesses))


def scene(seed, length=60):
    rng = random.Random(seed)
    buffers = [Buffer(f"buffer {n}", 10) for n in range(6)]
    places = {buffer: Place(number // 3, 7 * (number % 3)) for number, buffer in enumerate(buffers)}
    works = []
    for _ in range(length):
        top = rng.randrange(3)
        box = rng.choice([None, Box(top, top + 2, 0, 1)])
        accesses = [Access(rng.choice(buffers), box, rng.random() < 0.4) for _ in range(2)]
        works.append(work(rng.choice(list(OPCODES)), *accesses))
    return works, places


def conflict(one, other, places):
    for a, b in itertools.product(one.accesses, other.accesses):
        x, y = places[a.buffer], places[b.buffer]
        meet = x.slot == y.slot and abs(x.offset - y.offset) < 10
        if a.buffer is b.buffer:
            meet = a.box is None or b.box is None or bool(a.box & b.box)
        if meet and (a.write or b.write):
            return True
    return False


@pytest.mark.parametrize("seed", range(20))
def test_order_is_kept_in_every_run(seed):
    works, places = scene(seed)
    found = schedule([], works, places)
    for attempt in range(5):
        starts, ends, tokens = token_run(works, found.masks, random.Random(attempt).choice)
        for one, other in itertools.combinations(works, 2):
            if conflict(one, other, places):
                assert ends[one] < starts[other]
        assert not any(tokens.values()), "tokens left over would be taken by the next inference"


def test_no_token_for_what_others_imply():
    buffer = Buffer("buffer", 10)
    places = {buffer: Place(1, 0)}
    write, read = Access(buffer, None, write=True), Access(buffer, None, write=False)
    load = work(Stream.REMOTE, write)
    first, second = work(Stream.CONV, read), work(Stream.CONV, read)
    third = work(Stream.VECTOR, write)
    masks = schedule([], [load, first, second, third], places).masks
    assert masks[first].wait
    assert not masks[second].wait  # starts after the first, which has waited
    assert masks[third].wait.bit_count() == 1  # the second is complete, so the load is


def test_prologue_is_ordered_by_what_it_says():
    load = work(Stream.REMOTE)
    ready = work(Stream.CONV)
    ready.after.append(load)
    masks = schedule([load, ready], [], {}).masks
    assert masks[load].signal == masks[ready].wait == 1


def test_refuses_counters_that_could_overflow():
    buffers = [Buffer(f"buffer {n}", 10) for n in range(300)]
    places = {buffer: Place(n, 0) for n, buffer in enumerate(buffers)}
    loads = [work(Stream.REMOTE, Access(buffer, None, write=True)) for buffer in buffers]
    uses = [work(Stream.CONV, Access(buffer, None, write=False)) for buffer in buffers]
    with pytest.raises(CompileError, match="REMOTE runs more than 255 tokens ahead of CONV"):
        schedule([], loads + uses, places)
