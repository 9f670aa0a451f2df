"""Networks are exact when they are computed stripe by stripe, from and to a memory node."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from intarsia.compiler import CompileError, FragmentKind, compile_network
from intarsia.compiler import compile as passes
from intarsia.compiler.estimates import Room
from intarsia.compiler.records import channel_records
from intarsia.compiler.streaming import stream
from intarsia.compiler.tiling import tile
from intarsia.compiler.workload import Workload
from intarsia.golden import ScaleError
from intarsia.graph import Mode
from intarsia.graph.ops import Window
from intarsia.isa.config import CONFIGS, config
from intarsia.isa.instruction import ControlOp, ConvOp, RemoteOp
from tests.sw.compiler.networks import Builder, made_up
from tests.sw.compiler.residual import residual
from tests.sw.compiler.running import assert_exact

SEEDS = range(200, 260)


def rooms(rng):
    """Rooms that are small for made-up networks: there are stripes of all kinds."""
    least = rng.choice([600, 1200, 2400, 4800])
    resident = rng.choice([0, 300, 3000])
    return [Room(size, resident, 64) for size in (least, 5_000, 12_000, 50_000)]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks_are_exact(monkeypatch, seed):
    rng = random.Random(seed)
    sizes, mode = CONFIGS[rng.choice(list(CONFIGS))], rng.choice(list(Mode))
    network = made_up(seed, rng.randint(1, 8))
    small, chips = rooms(rng), rng.choice([1, 1, 2, 3, 5])
    monkeypatch.setattr(passes, "_rooms", lambda _: small)
    try:
        plan = compile_network(network, config=sizes, chips=chips, mode=mode, tiled=True)
    except ScaleError:
        return
    except CompileError as error:
        assert "does not fit" in str(error) or "macro-bank" in str(error)
        return
    assert_exact(network, plan, seed)


def deep(rows=40):
    """Some blocks with a sum around them; each map is larger than a macro-bank of `tiny`."""
    builder = Builder(8, (rows, 12, 12))
    window = Window(kernel=(3, 3), padding=(1, 1, 1, 1))
    last = builder.conv("input", window, 12, groups=1)
    wide = builder.conv(last, Window(kernel=(1, 1)), 24, groups=1)
    wide = builder.conv(wide, window, 24, groups=24)
    last = builder.sum(builder.conv(wide, Window(kernel=(1, 1)), 12, groups=1), last)
    return builder.network([builder.mean(builder.pool(last))])


def roomy():
    """A chip with macro-banks as large as those of `tiny`, but for the program's."""
    return replace(config("tiny"), memory_bytes=32 << 10, macro_banks=4)


def test_a_network_larger_than_the_memory_is_exact():
    network, chip = deep(), roomy()
    assert max(tensor.size for tensor in network.tensors.values()) > chip.bank_bytes
    plan = compile_network(network, config=chip, chips=1, mode=Mode.XNNPACK)
    maps = [item for item in plan.fragments if item.kind is FragmentKind.MAP]
    assert sum(item.size for item in plan.fragments) > chip.memory_bytes
    assert maps
    assert plan.spread == "stripes"
    assert all(item.read and item.write and item.content is None for item in maps)
    assert_exact(network, plan, 1)


@pytest.mark.parametrize("chips", [2, 3, 4])
def test_stripes_are_dealt_out(chips):
    """All chips compute, no row is handed out twice, and what passes between them is a map."""
    network = deep()
    plan = compile_network(network, config=roomy(), chips=chips, mode=Mode.ONNX, tiled=True)
    assert all(plan.layers[0].macs)
    assert sum(plan.layers[0].macs) == 40 * 12 * 12 * 12 * 9
    assert not any(item.kind is FragmentKind.PART for item in plan.fragments)
    assert any(item.kind is FragmentKind.MAP for item in plan.fragments)
    assert_exact(network, plan, 1)


def test_what_fits_is_partitioned():
    plan = compile_network(deep(), config=config("large"), chips=2, mode=Mode.ONNX)
    assert plan.spread == "auto"


def test_what_no_chips_have_room_for_is_dealt_out():
    """Nobody asks for it: the chips together are too small, too."""
    plan = compile_network(deep(80), config=roomy(), chips=2, mode=Mode.ONNX)
    assert any(item.kind is FragmentKind.MAP for item in plan.fragments)
    assert_exact(deep(80), plan, 2)


@pytest.mark.parametrize("chips", [1, 3])
def test_is_deterministic(chips):
    network, chip = deep(), roomy()
    plans = [
        compile_network(network, config=chip, chips=chips, mode=Mode.ONNX, tiled=True)
        for _ in range(2)
    ]
    assert plans[0] == plans[1]


def test_weights_come_once_where_they_can_stay():
    builder = Builder(4, (40, 24, 8))
    network = builder.network([builder.conv("input", Window(kernel=(3, 3)), 8, groups=1)])
    works = lowered(network, Room(9_000, 0, 8_000))
    assert sum(work.opcode is ConvOp.CONV for work in works) > 2
    loads = [name for name, _ in remotes(works, RemoteOp.READ) if name[0] == "weights"]
    assert len(loads) == 1


def lowered(network, room, nodes=(0,)):
    """Instructions of the last chip."""
    workload, chip = Workload.of(network), roomy()
    records = channel_records(workload, Mode.ONNX)
    tiling = tile(workload, chip, room, len(nodes))
    plan = stream(tiling, records, chip, Mode.ONNX, ahead=2_000, nodes=nodes)
    return plan.chips[-1].works


def test_loads_come_before_what_is_computed_meanwhile():
    works = lowered(deep(), Room(12_000, 0, 4_000))
    reads = [at for at, work in enumerate(works) if work.opcode is RemoteOp.READ]
    convs = [at for at, work in enumerate(works) if work.opcode is ConvOp.CONV]
    ahead = 0
    for conv in convs:
        needs = {access.buffer for access in works[conv].accesses if not access.write}
        own = [at for at in reads if at < conv and works[at].accesses[0].buffer in needs]
        ahead += any(own) and any(max(own) < other < conv for other in convs)
    assert ahead > len(convs) / 3


def test_what_is_read_was_written_before():
    works = lowered(deep(), Room(12_000, 0, 4_000))
    for name, work in remotes(works, RemoteOp.READ):
        if name[0] == "map":
            assert work.after, f"{work} waits for nobody"
            assert all(works.index(earlier) < works.index(work) for earlier in work.after)
            written = [other for other, earlier in remotes(work.after, RemoteOp.WRITE)]
            assert written == [name] * len(work.after)


def test_maps_of_others_are_read_after_a_barrier():
    """And a chip comes to a barrier when all that it has stored before is committed."""
    works = lowered(deep(), Room(12_000, 0, 4_000), nodes=(2, 3, 5))
    reads = [work for name, work in remotes(works, RemoteOp.READ) if name[0] == "map"]
    assert reads
    for work in reads:
        [passed] = work.after
        assert passed.opcode is ControlOp.SYNC
    syncs = [at for at, work in enumerate(works) if work.opcode is ControlOp.SYNC]
    assert [works[at].fields["esp"] for at in syncs] == [*range(len(syncs))]
    for before, at in pairwise(syncs):
        stores = [work for work in works[before:at] if work.opcode is RemoteOp.WRITE]
        assert set(stores[-1:]) <= set(works[at].after)


def test_weights_do_not_wait_for_barriers():
    """The first ones after a barrier are loaded before it."""
    works = lowered(deep(), Room(12_000, 0, 4_000), nodes=(0, 1))
    syncs = [at for at, work in enumerate(works) if work.opcode is ControlOp.SYNC]
    early = 0
    for name, work in remotes(works, RemoteOp.READ):
        if name[0] == "weights":
            assert {*work.after} <= {works[syncs[0]]}
            used = [
                at
                for at, user in enumerate(works)
                if user.opcode is ConvOp.CONV
                and work.accesses[0].buffer in {access.buffer for access in user.accesses}
            ]
            early += any(works.index(work) < at < min(used) for at in syncs[1:])
    assert early >= len(syncs) - 3


def remotes(works, opcode):
    """What transfers are about, and their instructions."""
    return [(work.remote.name, work) for work in works if work.opcode is opcode and work.remote]


@pytest.mark.parametrize("seed", range(4))
def test_sums_of_a_segment_are_fused(monkeypatch, seed):
    network = residual(seed, size=20)
    small = [Room(size, 0, 64) for size in (9_000, 20_000)]
    monkeypatch.setattr(passes, "_rooms", lambda _: small)
    plan = compile_network(network, config=config("large"), chips=1, mode=Mode.TFLITE, tiled=True)
    assert any(layer.fused for layer in plan.layers if layer.op == "Add")
    assert_exact(network, plan, seed)
