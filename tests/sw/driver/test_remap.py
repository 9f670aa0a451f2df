"""Fragments move between chips, memory node and host node, and stay what they are."""

import random
from contextlib import closing

import pytest

from intarsia.cosim.fabric import Fabric, FabricError
from intarsia.cosim.transport import SimulatedTransport
from intarsia.driver.device import Device
from intarsia.driver.remap import Mover
from intarsia.isa.address import LogicalAddress
from intarsia.isa.bits import encode
from intarsia.isa.config import config
from intarsia.isa.topology import HOST_NODE, MEMORY_NODE, homes

CHIPS = 3

#: Where each chip keeps its part of the map: entries, and their sharers.
TABLE, TABLE_BYTES = 0x3000, 0x400

#: Where copies pass, and where the tests have their own bytes, in the host's memory.
SCRATCH, HERE = 0x1000, 0x4000

ANYONE = {"read": 1, "write": 1}
SIZE = 96


class System:
    """Chips that keep the map themselves, with the memory node."""

    def __init__(self, keepers):
        self.fabric = Fabric([config("tiny")] * CHIPS, memory_bytes=1 << 16, host_bytes=1 << 16)
        self.transport = SimulatedTransport(self.fabric)
        self.homes = homes(keepers)
        for chip in range(CHIPS):
            device = Device(self.transport, chip)
            device.set_homes(self.homes)
            device.keep_map(TABLE, TABLE_BYTES)
        self.mover = Mover(
            self.transport, self.homes, chips=CHIPS, scratch=SCRATCH, scratch_bytes=1024
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


@pytest.fixture(scope="module")
def system():
    system = System((0, 1, 2, MEMORY_NODE))
    with closing(system.fabric):
        yield system


def refused(system, entry, code, **settings):
    """What the node of `entry` says to who goes by it."""
    with pytest.raises(FabricError, match=f"fault {code.value}$"):
        system.transfer(entry, **settings)


def test_fragments_move(system):
    """All ways, again and again; the maps of chips are where their homes are."""
    choice = random.Random(5)
    places = [(node, base) for node in range(CHIPS) for base in range(0, 0x1000, 0x80)]
    places += [(MEMORY_NODE, base) for base in range(0, 0x800, 0x80)]
    choice.shuffle(places)
    entries, contents = [], []
    for number in range(8):
        node, base = places.pop()
        entry = entry_of(number, node, base)
        if number % 2:
            entry["permissions"] = {"read": 1}
        entries.append(entry)
        if node == MEMORY_NODE:
            system.transport.place(
                node, entry["data_id"], entry["fragment"], base, SIZE, 1, 1 | 2 * (1 - number % 2)
            )
        system.mover.update(entry | {"permissions": ANYONE})
        contents.append(choice.randbytes(SIZE))
        if node == MEMORY_NODE:
            system.transport.store(node, base, contents[-1])
        else:
            system.transfer(entry, write=True, content=contents[-1])
        system.mover.update(entry)
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
        if choice.random() < 0.5 and move.after["permissions"].get("write"):
            contents[number] = choice.randbytes(SIZE)
            system.transfer(move.after, write=True, content=contents[number])
    for entry, content in zip(entries, contents, strict=True):
        assert system.transfer(entry) == content
