"""Nodes that are models: bytes arrive where they belong, in the same cycles every time."""

import random
from contextlib import closing

import pytest

from intarsia.cosim.fabric import Fabric, FabricError, Reason
from intarsia.cosim.native import NativeError
from intarsia.isa.address import LogicalAddress, data_id
from intarsia.isa.bits import encode
from intarsia.isa.config import config
from intarsia.isa.faults import FaultCode
from intarsia.isa.fragment import FRAGMENT_FORMAT, FragmentEntry
from intarsia.isa.packet import EXTENSION_BYTES
from intarsia.isa.topology import HOST_NODE, MEMORY_NODE, home_index, homes

TENSOR = data_id(3, 77)
BASE, SIZE, VERSION = 12_345, 200_000, 9
READ, WRITE = 1, 2


def logical(offset=0, **fields):
    address = {"data_id": TENSOR, "fragment": 2, "offset": offset, "version": VERSION} | fields
    return encode(LogicalAddress, address).to_bytes(EXTENSION_BYTES, "little")


@pytest.fixture
def fabric():
    with closing(made()) as fabric:
        yield fabric


def made(**options):
    """A fabric without chips, with one fragment at the memory node."""
    fabric = Fabric([], memory_bytes=1 << 20, host_bytes=1 << 20, **options)
    fabric.place(MEMORY_NODE, TENSOR, 2, BASE, SIZE, VERSION, READ | WRITE)
    return fabric


def write(fabric, content, *, offset=0, local=0):
    fabric.store(HOST_NODE, local, content)
    fabric.transfer(
        write=True,
        node=MEMORY_NODE,
        logical_address=logical(offset),
        local=local,
        size=len(content),
    )


def read(fabric, size, *, offset=0, local=0, node=MEMORY_NODE, **fields):
    fabric.transfer(
        write=False, node=node, logical_address=logical(offset, **fields), local=local, size=size
    )
    return fabric.load(HOST_NODE, local, size)


@pytest.mark.parametrize("size", [1, 15, 1023, 1024, 1025, 70_001])
def test_bytes_go_there_and_back(fabric, size):
    content = random.Random(size).randbytes(size)
    write(fabric, content, offset=33, local=7)
    assert fabric.load(MEMORY_NODE, BASE + 33, size) == content
    assert fabric.load(MEMORY_NODE, BASE + 33 + size, 16) == bytes(16)
    assert fabric.load(MEMORY_NODE, BASE, 33) == bytes(33)
    assert read(fabric, size, offset=33, local=500_000) == content


def test_a_fragment_is_where_it_was_placed_last(fabric):
    fabric.store(MEMORY_NODE, 900_000, b"moved")
    fabric.place(MEMORY_NODE, TENSOR, 2, 900_000, 5, VERSION + 1, READ)
    assert read(fabric, 5, version=VERSION + 1) == b"moved"


@pytest.mark.parametrize("latency", [1, 5, 32, 200])
def test_any_latency_brings_the_same_bytes(latency):
    content = random.Random(latency).randbytes(5000)
    with closing(made(link_latency=latency)) as fabric:
        write(fabric, content)
        assert read(fabric, len(content), local=9000) == content


def test_links_are_kept_busy(fabric):
    """16 bytes a cycle, but for headers and one round trip."""
    size = 128 << 10
    before = fabric.now
    write(fabric, bytes(size))
    assert fabric.now - before <= 1.1 * size / 16 + 800
    before = fabric.now
    read(fabric, size)
    assert fabric.now - before <= 1.1 * size / 16 + 800


def test_time_passes_in_whole_quanta():
    with closing(made(link_latency=10)) as fabric:
        assert fabric.run(25) is Reason.ENDED
        assert fabric.now == 30
        assert fabric.run(30) is Reason.ENDED
        assert fabric.now == 60


def test_distance_costs_its_latency():
    """A request and its reply cross two links each."""

    def cycles(latency):
        with closing(made(link_latency=latency)) as fabric:
            fabric.run(10 * latency)
            before = fabric.now
            read(fabric, 16)
            return fabric.now - before

    near, far = cycles(20), cycles(100)
    assert 4 * 80 <= far - near <= 6 * 80


def test_bytes_on_links_are_counted(fabric):
    """66 beats with 1,024 bytes and one with the acknowledgement, on two links; some CREDIT."""
    fabric.run(640)
    before = fabric.link_bytes
    write(fabric, bytes(1024))
    assert 2 * 16 * (66 + 1) <= fabric.link_bytes - before <= 2 * 16 * (66 + 1 + 4)


def test_equal_calls_give_equal_cycles():
    def history():
        rng = random.Random(1)
        with closing(made(link_latency=7)) as fabric:
            for _ in range(10):
                size = rng.randrange(1, 5000)
                write(fabric, rng.randbytes(size), offset=rng.randrange(1000))
                yield fabric.now, fabric.link_bytes, fabric.hash
                yield read(fabric, size, offset=rng.randrange(1000), local=6000)
                yield fabric.now, fabric.link_bytes, fabric.hash

    assert [*history()] == [*history()]


REFUSED = {
    "data": ({"data_id": TENSOR + 1}, FaultCode.ATU_MISS),
    "fragment": ({"fragment": 3}, FaultCode.ATU_MISS),
    "version": ({"version": VERSION + 1}, FaultCode.VERSION),
    "bounds": ({"offset": SIZE - 9}, FaultCode.BOUNDS),
}


@pytest.mark.parametrize(("fields", "code"), REFUSED.values(), ids=REFUSED)
def test_refused_transfers_are_named(fabric, fields, code):
    tensor = fields.get("data_id", TENSOR)
    with pytest.raises(
        FabricError,
        match=f"node 32 refused a transfer of node 33: data ID {tensor}, fault {code.value}$",
    ):
        read(fabric, 10, **fields)


@pytest.mark.parametrize(("allowed", "writes"), [(READ, True), (WRITE, False), (0, False)])
def test_permissions_are_kept(fabric, allowed, writes):
    fabric.place(MEMORY_NODE, TENSOR, 2, BASE, SIZE, VERSION, allowed)
    with pytest.raises(FabricError, match=f"fault {FaultCode.PERMISSION.value}$"):
        if writes:
            write(fabric, b"x")
        else:
            read(fabric, 1)
    assert fabric.load(MEMORY_NODE, BASE, 1) == bytes(1)


@pytest.fixture(scope="module")
def chip():
    """A chip whose program is never started; only its ATU and responder matter."""
    fabric = Fabric([config("tiny")], memory_bytes=1 << 16, host_bytes=1 << 16)
    yield fabric
    fabric.close()


def put(fabric, content, **fields):
    """Write `content` to a fragment that the chip holds."""
    fabric.store(HOST_NODE, 0, content)
    logical_address = logical(0, **fields)
    fabric.transfer(write=True, node=0, logical_address=logical_address, local=0, size=len(content))


def test_homes_tell_chips_what_they_hold(chip):
    fields = dict(
        data_id=TENSOR,
        fragment=2,
        node=0,
        base=0x100,
        size=64,
        version=VERSION,
        permissions={"read": 1, "write": 1},
        entry_format=FRAGMENT_FORMAT,
    )
    chip.keep(homes()[home_index(TENSOR)][0], encode(FragmentEntry, fields).to_bytes(32, "little"))
    content = random.Random(0).randbytes(64)
    put(chip, content)
    chip.transfer(write=False, node=0, logical_address=logical(0), local=100, size=64)
    assert chip.load(HOST_NODE, 100, 64) == content


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"fragment": 5}, FaultCode.ATU_MISS), ({"version": VERSION - 1}, FaultCode.VERSION)],
    ids=["absent", "stale"],
)
def test_absent_and_stale_entries_are_named(fields, code):
    with closing(Fabric([config("tiny")], memory_bytes=1 << 16, host_bytes=1 << 16)) as fabric:
        test_homes_tell_chips_what_they_hold(fabric)
        with pytest.raises(
            FabricError,
            match=f"node 0 refused a transfer of node 33: data ID {TENSOR}, fault {code.value}$",
        ):
            put(fabric, b"x", **fields)


def test_an_absent_node_is_named(fabric):
    with pytest.raises(FabricError, match="hub: no way to node 5, which node 33 sends to"):
        read(fabric, 1, node=5)


@pytest.mark.parametrize("write", [False, True])
def test_transfers_stay_in_the_hosts_memory(fabric, write):
    with pytest.raises(NativeError, match="a transfer leaves the memory of node 33"):
        fabric.transfer(
            write=write,
            node=MEMORY_NODE,
            logical_address=logical(),
            local=(1 << 20) - 10,
            size=11,
        )


def test_fragments_and_accesses_stay_in_memory(fabric):
    with pytest.raises(NativeError, match="a fragment leaves the memory of node 32"):
        fabric.place(MEMORY_NODE, TENSOR, 0, 1 << 20, 1, 0, READ)
    with pytest.raises(NativeError, match="beyond the node's memory"):
        fabric.store(HOST_NODE, (1 << 20) - 1, b"xy")
    with pytest.raises(NativeError, match="beyond the node's memory"):
        fabric.load(HOST_NODE, 1 << 40, 1)
    with pytest.raises(NativeError, match="node 4 is no memory"):
        fabric.load(4, 0, 1)


def test_chips_that_are_not_there_are_named(fabric):
    with pytest.raises(NativeError, match="no chip 0"):
        fabric.access(0, 0)
    with pytest.raises(NativeError, match="no chip 7"):
        fabric.events(7)


def test_links_need_a_cycle():
    with pytest.raises(NativeError, match="latency of at least one cycle"):
        Fabric([], link_latency=0)
