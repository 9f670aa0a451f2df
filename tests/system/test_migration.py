"""Fragments move while a network runs, and no byte of its results changes."""

import random

from intarsia.cosim.transport import SimulatedTransport
from intarsia.digits import MODEL, data
from intarsia.driver.remap import Mover
from intarsia.isa.bits import decode
from intarsia.isa.fragment import FragmentEntry, Permissions
from intarsia.isa.topology import HOST_NODE, MEMORY_NODE, homes
from intarsia.runtime import Session

INFERENCES = 6

#: Between two moves, and what lies above everything that the network uses.
CYCLES, ABOVE = 2_000, 16 << 20


def fields_of(content):
    entry = decode(FragmentEntry, int.from_bytes(content, "little"))
    names = [name for name, _ in FragmentEntry.as_shape() if name != "permissions"]
    permissions = {name: entry.permissions[name] for name, _ in Permissions.as_shape()}
    return {name: entry[name] for name in names} | {"permissions": permissions}


def test_weights_move_while_the_network_runs(monkeypatch):
    """Between memory node and host node, one every 2,000 cycles; chips find them again.

    What they leave is overwritten: who still went by it would compute something else.
    """
    keep, known = SimulatedTransport.keep, {}

    def spy(self, node, entry):
        fields = fields_of(entry)
        known[fields["data_id"], fields["fragment"]] = fields
        keep(self, node, entry)

    monkeypatch.setattr(SimulatedTransport, "keep", spy)
    choice = random.Random(9)
    images, _ = data.held_out()
    moves = []
    with Session(MODEL, chips=4, config="tiny") as session:
        session.run(images[:1], check=True)
        transport = SimulatedTransport(session.fabric)
        mover = Mover(transport, homes(), chips=4, scratch=2 * ABOVE, scratch_bytes=1 << 16)
        weights = [key for key, entry in known.items() if entry["node"] == MEMORY_NODE]
        for number in range(1, INFERENCES):
            for turn in range(4):
                key = choice.choice(weights)
                place = ABOVE + 0x8000 * len(moves)
                node = HOST_NODE if known[key]["node"] == MEMORY_NODE else MEMORY_NODE
                begin = transport.now + CYCLES * turn
                moves.append(mover.move(known[key], node, place, earliest=begin))
                known[key] = moves[-1].after
            session.run(images[number : number + 1], check=True)
            for move in mover.poll():
                old = move.before
                transport.store(old["node"], old["base"], choice.randbytes(old["size"]))
        assert session.report["mismatches"] == 0
        while not moves[-1].done:
            session.fabric.run(1000)
            mover.poll()
        session.run(images[:1], check=True)
        assert session.report["mismatches"] == 0
    assert sum(move.done for move in moves) == 4 * (INFERENCES - 1)
