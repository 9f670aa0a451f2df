"""Fragments move between chips, memory node and host node, and stay what they are."""

import random
from contextlib import closing

import pytest

from intarsia.cosim.fabric import Fabric
from intarsia.cosim.faults import NO_FAULTS, Faults
from intarsia.cosim.transport import SimulatedTransport
from intarsia.driver.device import Device
from intarsia.driver.errors import ChipFaultError
from intarsia.driver.keeping import keep_map
from intarsia.driver.remap import Mover, RemapError
from intarsia.driver.transport import Errand, ErrandKind, State
from intarsia.isa.address import LogicalAddress
from intarsia.isa.bits import encode
from intarsia.isa.config import config
from intarsia.isa.faults import FaultCode
from intarsia.isa.fragment import FRAGMENT_FORMAT, FragmentEntry, Permissions
from intarsia.isa.topology import HOST_NODE, MEMORY_NODE, homes

CHIPS = 3

#: Where each chip keeps its part of the map: entries, and their sharers.
TABLE, TABLE_BYTES = 0x3000, 0x400

#: Where copies pass, and where the tests have their own bytes, in the host's memory.
SCRATCH, HERE = 0x1000, 0x4000

#: Moves at once.
LANES = 4

ANYONE = {"read": 1, "write": 1}
SIZE = 96


class System:
    """Chips that keep the map themselves, with the memory node."""

    def __init__(self, keepers, faults=NO_FAULTS):
        self.fabric = Fabric(
            [config("tiny")] * CHIPS, memory_bytes=1 << 16, host_bytes=1 << 16, faults=faults
        )
        self.transport = SimulatedTransport(self.fabric)
        self.homes = homes(keepers)
        self.devices = [Device(self.transport, chip) for chip in range(CHIPS)]
        for device in self.devices:
            device.set_homes(self.homes)
            keep_map(self.transport, device, TABLE, TABLE_BYTES, scratch=SCRATCH)
        self.mover = Mover(
            self.transport,
            self.homes,
            chips=CHIPS,
            scratch=SCRATCH,
            scratch_bytes=1024,
            lanes=LANES,
        )

    def transfer(self, entry, *, write=False, content=b""):
        """Write a fragment by its name, or read it."""
        fields = {name: entry[name] for name in ("data_id", "fragment", "version")}
        if write:
            self.transport.store(HOST_NODE, HERE, content)
        self.transport.transfer(
            write=write,
            node=entry["node"],
            logical_address=encode(LogicalAddress, fields).to_bytes(12, "little"),
            local=HERE,
            size=entry["size"],
        )
        return self.transport.load(HOST_NODE, HERE, entry["size"])

    def finish(self):
        """Let time pass until all moves are at their end."""
        ended = []
        limit = self.transport.now + 200_000
        while not ended:
            assert self.transport.now < limit
            self.transport.wait(100)
            ended = self.mover.poll()
        return ended


def entry_of(number, node, base, **fields):
    return {
        "data_id": 0x123_000_0000 + number,
        "fragment": number % 3,
        "node": node,
        "base": base,
        "size": SIZE,
        "version": 1,
        "replica": node,
        "permissions": ANYONE,
        **fields,
    }


@pytest.fixture(params=[(0, 1, 2, MEMORY_NODE), (MEMORY_NODE, HOST_NODE)], ids=["chips", "nodes"])
def system(request):
    system = System(request.param)
    with closing(system.fabric):
        yield system


def outcome(system, entry, *, write=False):
    """What the node of `entry` says to the memory node, which goes by it: "", or what is wrong."""
    errand = Errand(
        kind=ErrandKind.WRITE if write else ErrandKind.READ,
        node=entry["node"],
        data_id=entry["data_id"],
        fragment=entry["fragment"],
        version=entry["version"],
        local=0xF000,
        size=entry["size"],
    )
    number = system.fabric.errand(errand, source=MEMORY_NODE)
    while (found := system.fabric.standing(number, source=MEMORY_NODE)).state is State.WAITS:
        system.fabric.run(32)
    return found.what


def settle(system, entry, content):
    """Put a fragment on the map, and `content` into it."""
    if entry["node"] == MEMORY_NODE:
        permissions = encode(Permissions, entry["permissions"])
        place = entry["data_id"], entry["fragment"], entry["base"], SIZE, entry["version"]
        system.transport.place(MEMORY_NODE, *place, permissions)
        system.transport.store(MEMORY_NODE, entry["base"], content)
        system.mover.update(entry)
        return
    system.mover.update(entry | {"permissions": ANYONE})
    system.transfer(entry, write=True, content=content)
    system.mover.update(entry)


def test_fragments_move(system):
    """All ways, again and again; the maps of chips are where their homes are."""
    choice = random.Random(5)
    places = [(node, base) for node in range(CHIPS) for base in range(0, 0x1000, 0x80)]
    places += [(MEMORY_NODE, base) for base in range(0, 0x800, 0x80)]
    choice.shuffle(places)
    entries, contents = [], []
    for number in range(8):
        node, base = places.pop()
        entries.append(entry_of(number, node, base))
        if number % 2:
            entries[-1]["permissions"] = {"read": 1}
        contents.append(choice.randbytes(SIZE))
        settle(system, entries[-1], contents[-1])
    for _ in range(16):
        number = choice.randrange(len(entries))
        entry = entries[number]
        node, base = next(place for place in places if place[0] != entry["node"])
        places.remove((node, base))
        move = system.mover.move(entry, node, base)
        assert not move.done
        assert system.finish() == [move] and move.done
        places.insert(0, (entry["node"], entry["base"]))
        entries[number] = move.after
        assert system.transfer(move.after) == contents[number]
        assert outcome(system, entry).endswith(f"fault {FaultCode.VERSION.value}")
        if choice.random() < 0.5 and move.after["permissions"].get("write"):
            contents[number] = choice.randbytes(SIZE)
            system.transfer(move.after, write=True, content=contents[number])
    for entry, content in zip(entries, contents, strict=True):
        assert system.transfer(entry) == content


def test_writers_wait_for_what_moves(system):
    """Half way, who reads gets what is there, at the old place or at the new one; nobody writes."""
    for number, node in ((0, 1), (1, MEMORY_NODE)):
        entry = entry_of(number, node, 0x200)
        settle(system, entry, bytes(range(SIZE)))
        move = system.mover.move(entry, 2, 0x400 + 0x80 * number)
        seen = set()
        while not move.done:
            system.transport.wait(1)
            system.mover.poll()
            for place in (move.before, move.after):
                read, written = outcome(system, place), outcome(system, place, write=True)
                seen.add((place is move.after, not read))
                assert not written or written.endswith(f"fault {FaultCode.VERSION.value}")
        assert (False, True) in seen and (False, False) in seen and (True, False) in seen
        assert outcome(system, move.after) == ""


def test_moves_begin_when_they_may(system):
    entry = entry_of(2, 1, 0x200)
    settle(system, entry, bytes(SIZE))
    earliest = system.transport.now + 5000
    move = system.mover.move(entry, 2, 0x400, earliest=earliest)
    assert system.finish() == [move]
    assert earliest < move.cycle < earliest + 20_000


def test_moves_are_made_at_once(system):
    """Four of them take less than twice as long as one; those of one fragment take their turns."""

    def spent(moves):
        begin = system.transport.now
        while not all(move.done for move in moves):
            system.transport.wait(1)
            system.mover.poll()
        return system.transport.now - begin

    entries = [entry_of(number, 1, 0x100 * number) for number in range(5)]
    for entry in entries:
        settle(system, entry, bytes([entry["base"] >> 8]) * SIZE)
    alone = spent([system.mover.move(entries[0], 2, 0)])
    moves = [system.mover.move(entry, 2, entry["base"]) for entry in entries[1:]]
    assert spent(moves) < 2 * alone
    there = system.mover.move(moves[0].after, 0, 0x800)
    back = system.mover.move(there.after, 2, 0x800)
    assert 1.8 * alone < spent([there, back])
    assert there.cycle < back.cycle
    for move in (back, *moves[1:]):
        assert system.transfer(move.after) == bytes([move.before["data_id"] & 7]) * SIZE


def test_replicas_are_made(system):
    """Another copy, under the same name and version; who writes what is to be copied is refused."""
    entry = entry_of(4, 1, 0x200, permissions={"read": 1})
    settle(system, entry, bytes(range(SIZE)))
    for node, base in ((MEMORY_NODE, 0x700), (2, 0x480)):
        copy = system.mover.replicate(entry, node, base)
        assert system.finish() == [copy]
        assert copy.after == {**copy.before, "replica": node, "replica_base": base}
        assert system.transfer(entry) == bytes(range(SIZE))
        assert system.transfer({**entry, "node": node, "base": base}) == bytes(range(SIZE))
    with pytest.raises(ValueError, match=r"may be written: it can't be copied meanwhile"):
        system.mover.replicate(entry_of(0, 1, 0x300), 2, 0x400)


def test_what_cannot_move_is_named(system):
    entry = entry_of(0, 1, 0x200)
    with pytest.raises(
        ValueError, match=r"Fragment 0 of data ID 0x1230000000 lies at node 1 already"
    ):
        system.mover.move(entry, 1, 0x400)
    with pytest.raises(ValueError, match=r"has 1025 bytes; copies may have 1024"):
        system.mover.move(entry | {"size": 1025}, 2, 0x400)


def test_a_move_that_fails_leaves_the_fragment(system):
    """Its content can't be read; writers are let in again."""
    entry = entry_of(0, 1, 0x200, permissions={"write": 1})
    settle(system, entry, bytes(SIZE))
    system.mover.move(entry, 2, 0x400)
    with pytest.raises(
        RemapError, match=r"Fragment 0 .* was not moved: node 1 refused .* fault 8$"
    ):
        system.finish()
    system.fabric.run(5000)
    assert outcome(system, entry | {"version": 3}, write=True) == ""


def test_full_homes_are_named():
    """Nine entries of one set of eight."""
    system = System((0,))
    with closing(system.fabric):
        for number in range(8):
            system.mover.update(entry_of(0, 1, 0, data_id=0x123_000_0000 + 32 * number))
        with pytest.raises(RemapError, match=r"keeps its place: node 0 refused .* fault 19$"):
            system.mover.update(entry_of(0, 1, 0, data_id=0x123_000_0000 + 32 * 8))


@pytest.mark.parametrize("keepers", [(0, 1), (MEMORY_NODE, HOST_NODE)], ids=["chips", "nodes"])
def test_dead_sharers_are_named_and_fenced(keepers):
    """Chip 2 has an entry, and is gone; an update names it; fenced, it holds up nobody."""
    system = System(keepers, Faults(cut={2: 60_000}))
    with closing(system.fabric):
        entry = entry_of(0, 2, 0x200)
        settle(system, entry, bytes(SIZE))
        system.transfer(entry)
        system.transport.rest(60_000 - system.transport.now)
        after = entry | {"version": 2, "node": 1, "replica": 1}
        bits = encode(FragmentEntry, {"entry_format": FRAGMENT_FORMAT, **after})
        update = Errand(
            kind=ErrandKind.UPDATE,
            node=keepers[0],
            data_id=entry["data_id"],
            fragment=entry["fragment"],
            entry=bits.to_bytes(32, "little"),
        )
        for node in (2, keepers[0]):
            system.transport.write_off(node)
        number = system.transport.errand(update)
        system.fabric.run(40_000)
        found = system.transport.standing(number)
        assert found.state is State.FAILED and found.what.endswith("fault 17")
        if keepers[0] < CHIPS:
            with pytest.raises(ChipFaultError, match=r"NODE_DEAD reported by its home .*node 2"):
                system.devices[keepers[0]].raise_fault()
        system.mover.fence(2)
        for chip in range(2):
            system.devices[chip].fence(2)
        now = system.transport.now
        system.mover.update(after | {"version": 3})
        assert system.transport.now < now + 5000


@pytest.mark.parametrize(
    ("base", "size", "message"),
    [
        (0x3000, 0x300, "2\\*\\*8 to 2\\*\\*17 bytes"),
        (0x3400, 0x400, "multiple of 2048, not 0x3400"),
    ],
    ids=["size", "base"],
)
def test_tables_that_cannot_be_are_named(base, size, message):
    with pytest.raises(ValueError, match=message):
        keep_map(None, None, base, size, scratch=0)
