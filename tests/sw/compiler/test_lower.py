"""Barriers lie between every part's computation, its readers, and whatever overwrites it."""

import random

import pytest

from intarsia.compiler.allocate import allocate
from intarsia.compiler.lower import lower
from intarsia.compiler.partition import partition
from intarsia.compiler.records import channel_records
from intarsia.compiler.schedule import schedule
from intarsia.compiler.supply import ALL, Strategy
from intarsia.compiler.workload import Workload
from intarsia.graph import Mode
from intarsia.graph.ops import Window
from intarsia.isa.config import config
from intarsia.isa.instruction import ControlOp, Stream
from tests.sw.compiler.networks import Builder, made_up
from tests.sw.compiler.running import token_run

CHIPS = 3


def fetched_early():
    """The second map is exchanged together with the first, long before it is needed."""
    builder = Builder(4, (6, 6, 6))
    window = Window(kernel=(3, 3), padding=(1, 1, 1, 1))
    first, second = (builder.conv("input", window, 6, groups=1) for _ in range(2))
    for _ in range(3):
        first = builder.conv(first, window, 6, groups=1)
    return builder.network([first, builder.conv(second, window, 6, groups=1)])


NETWORKS = {"fetched-early": fetched_early} | {
    f"random-{seed}": lambda seed=seed: made_up(seed, 7) for seed in (3, 5, 11)
}


def slow(stream):
    """Lets `stream` end something only when nothing else is left to do."""

    def choose(choices):
        others = [choice for choice in choices if choice != (stream, "end")]
        return random.Random(len(choices)).choice(others or choices)

    return choose


def lowered(network, name):
    workload, chip, mode = Workload.of(network), config("large"), Mode.XNNPACK
    shares = partition(workload, chip, CHIPS, name)
    strategy = Strategy(ALL, 0, chip.bank_bytes)
    return lower(workload, shares, channel_records(workload, mode), chip, mode, strategy)


@pytest.mark.parametrize("stream", Stream)
@pytest.mark.parametrize("name", ["rows", "channels"])
@pytest.mark.parametrize("network", NETWORKS)
def test_parts_are_complete_when_read_and_read_when_overwritten(network, name, stream):
    found = lowered(NETWORKS[network](), name)
    for number, code in enumerate(found.chips):
        memory = allocate(number, 1000, code.prologue, code.works, config("large"))
        masks = schedule(code.prologue, code.works, memory.places).masks
        starts, ends, _ = token_run(code.works, masks, slow(stream))
        syncs = [work for work in code.works if work.opcode is ControlOp.SYNC]
        assert [work.fields["esp"] for work in syncs] == [*range(len(syncs))]
        for work in code.works:
            if work.remote is None or work.remote.name[0] != "part":
                continue
            at = code.works.index(work)
            before = [sync for sync in syncs if code.works.index(sync) < at][-1]
            after = next(sync for sync in syncs if code.works.index(sync) > at)
            assert ends[before] < starts[work]
            assert ends[work] < starts[after]
            _written_before(found, work.remote.name, before.fields["esp"])


def _written_before(found, name, esp):
    """The part that is read is written by its holder, by nobody later than the barrier."""
    _, root, holder = name
    stored, own = found.parts[root, holder]
    works = found.chips[holder].works
    barrier = next(
        index
        for index, work in enumerate(works)
        if work.opcode is ControlOp.SYNC and work.fields["esp"] == esp
    )
    writers = [
        index
        for index, work in enumerate(works)
        for access in work.accesses
        if access.write and access.buffer is stored.buffer and access.box and access.box & own
    ]
    assert writers
    assert max(writers) < barrier
    exported = [access.buffer for access in works[barrier].accesses]
    assert stored.buffer in exported


def test_every_inference_waits_for_the_last_one():
    """Nothing starts before the first barrier, and nothing is left after the last."""
    found = lowered(fetched_early(), "rows")
    for number, code in enumerate(found.chips):
        memory = allocate(number, 1000, code.prologue, code.works, config("large"))
        masks = schedule(code.prologue, code.works, memory.places).masks
        starts, ends, tokens = token_run(code.works, masks, slow(Stream.REMOTE))
        syncs = [work for work in code.works if work.opcode is ControlOp.SYNC]
        others = [work for work in code.works if work.stream is not Stream.CONTROL]
        assert all(ends[syncs[0]] < starts[work] for work in others)
        assert all(ends[work] < starts[syncs[-1]] for work in others)
        assert not any(tokens.values())
