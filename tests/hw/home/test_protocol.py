"""What four chips go by is what homes said at that time; after an update, nothing earlier."""

from contextlib import ExitStack, closing

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from intarsia.cosim.fabric import Fabric
from intarsia.cosim.faults import NO_FAULTS, Faults
from intarsia.cosim.transport import SimulatedTransport
from intarsia.driver.device import Device
from intarsia.driver.transport import Errand, ErrandKind, State
from intarsia.isa.bits import encode
from intarsia.isa.config import config
from intarsia.isa.fragment import FRAGMENT_FORMAT, FragmentEntry
from intarsia.isa.topology import MEMORY_NODE, home_index, homes

CHIPS = 4

#: Where each chip keeps its part of the map.
TABLE, TABLE_BYTES = 0x3000, 0x400

#: More keys than a cache has room for in their set; all of them have homes on chips.
KEYS = [(0x7_000_0000 + 8 * (number // 4) + number % 4, 8 * number) for number in range(8)]
SIZE = 8

#: Cycles that anything may take.
LONG = 50_000


class MapProtocol(RuleBasedStateMachine):
    """The model: of each key, the entries that may be found now, the newest last."""

    faults = NO_FAULTS

    def __init__(self):
        super().__init__()
        self.open = ExitStack()
        self.fabric = self.open.enter_context(
            closing(
                Fabric(
                    [config("tiny")] * CHIPS,
                    memory_bytes=1 << 12,
                    host_bytes=1 << 12,
                    faults=self.faults,
                )
            )
        )
        self.homes = homes(range(CHIPS))
        self.devices = [Device(SimulatedTransport(self.fabric), chip) for chip in range(CHIPS)]
        for device in self.devices:
            device.set_homes(self.homes)
            device.keep_map(TABLE, TABLE_BYTES)
        self.views = {}
        self.under_way = {}
        self.version = 0

    def teardown(self):
        self.open.close()

    @initialize(holders=st.lists(st.integers(0, CHIPS - 1), min_size=8, max_size=8))
    def begin(self, holders):
        for key, holder in zip(KEYS, holders, strict=True):
            self.send(key, holder)
        self.settle()

    def send(self, key, node):
        """Begin to make `node` the holder of `key`."""
        self.version += 1
        fields = dict(
            data_id=key[0],
            fragment=key[1],
            permissions={"read": 1},
            entry_format=FRAGMENT_FORMAT,
            base=0x100 * node + 0x10 * KEYS.index(key),
            node=node,
            version=self.version,
            size=SIZE,
            replica=node,
        )
        entry = encode(FragmentEntry, fields).to_bytes(32, "little")
        update = dict(kind=ErrandKind.UPDATE, data_id=key[0], fragment=key[1], entry=entry)
        self.under_way[key] = [
            self.fabric.errand(Errand(node=home, **update))
            for home in self.homes[home_index(key[0])]
        ]
        self.views.setdefault(key, []).append((node, self.version))

    def look(self):
        """Updates that are complete: nothing earlier is found from now on."""
        for key, numbers in list(self.under_way.items()):
            standings = [self.fabric.standing(number) for number in numbers]
            assert all(standing.state is not State.FAILED for standing in standings), standings
            if all(standing.state is State.DONE for standing in standings):
                del self.views[key][:-1], self.under_way[key]

    @rule()
    def settle(self):
        """All updates come to their end."""
        limit = self.fabric.now + LONG
        while self.under_way:
            assert self.fabric.now < limit, "an update is not complete"
            self.fabric.run(50)
            self.look()

    @rule(key=st.sampled_from(KEYS), node=st.integers(0, CHIPS - 1))
    def change(self, key, node):
        if key not in self.under_way:
            self.send(key, node)

    @rule(cycles=st.sampled_from([1, 32, 100, 300]))
    def wait(self, cycles):
        self.fabric.run(cycles)
        self.look()

    @rule(chip=st.integers(0, CHIPS - 1))
    def forget(self, chip):
        """A cache is emptied."""
        self.devices[chip].remove_entries()
        self.look()

    @rule(data=st.data())
    def read(self, data):
        """Ask chips for fragments by what was, is or will be their entry, all at once."""
        asked = []
        self.look()
        for _ in range(data.draw(st.integers(1, 4))):
            key = data.draw(st.sampled_from(KEYS))
            last = self.views[key][-1]
            chip, version = data.draw(
                st.sampled_from([
                    *self.views[key],
                    (last[0], last[1] - 1),
                    ((last[0] + 1) % 4, last[1]),
                ])
            )
            read = Errand(
                kind=ErrandKind.READ,
                node=chip,
                data_id=key[0],
                fragment=key[1],
                version=version,
                size=SIZE,
            )
            number = self.fabric.errand(read, source=MEMORY_NODE)
            asked.append((number, key, (chip, version), list(self.views[key])))
        for number, key, place, before in asked:
            limit = self.fabric.now + LONG
            while (found := self.fabric.standing(number, source=MEMORY_NODE)).state is State.WAITS:
                assert self.fabric.now < limit, "a read is not answered"
                self.fabric.run(32)
            if found.state is State.DONE:
                assert place in before, (key, place, before)
            else:
                assert before != [place], (key, place, found.what)
        self.look()


class MapProtocolOverBadLinks(MapProtocol):
    """Packets are lost and sent again; so they come later, and others before them."""

    faults = Faults(drop=0.02, seed=3)


@pytest.mark.parametrize("machine", [MapProtocol, MapProtocolOverBadLinks])
def test_map_protocol(machine):
    machine.TestCase.settings = settings(
        max_examples=4,
        stateful_step_count=20,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    machine.TestCase("runTest").runTest()
