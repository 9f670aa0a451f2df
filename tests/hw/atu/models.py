"""What an ATU should keep, and say of it."""

import random

from intarsia.common.lookup import MapOperation
from intarsia.isa.fragment import FRAGMENT_FORMAT, atu_set

__all__ = ["NODE", "Map", "entry", "shown", "told"]

FIELDS = ("node", "replica", "base", "size", "version", "permissions", "checked", "checksum")
PERMISSIONS = ("read", "write", "accumulate", "moving")

#: The node that the ATU is in.
NODE = 3


def shown(entry):
    """What results say of an entry: where it is, if that is here; else its checksum."""
    here = NODE in (entry["node"], entry["replica"])
    base = entry["base" if entry["node"] == NODE else "replica_base"]
    permissions = {name: entry["permissions"][name] for name in PERMISSIONS}
    permissions["moving"] &= permissions["write"] | permissions["accumulate"]
    return dict(
        {name: entry[name] for name in ("node", "replica", "size", "version")},
        permissions=permissions,
        base=base & 0xFFFFFF if here else None,
        checked=int(not here and entry["checked"]),
        checksum=entry["checksum"] if entry["checked"] and not here else None,
    )


def told(result):
    """What a result says, as far as it counts."""
    here = NODE in (result["node"], result["replica"])
    fields = {name: result[name] for name in FIELDS}
    fields["permissions"] = {name: result["permissions"][name] for name in PERMISSIONS}
    fields["base"] = result["base"] if here else None
    fields["checksum"] = result["checksum"] if result["checked"] else None
    return fields


class Map:
    """What the README says about which entries are kept."""

    def __init__(self, config):
        self.sets = [[None] * config.atu_ways for _ in range(config.atu_sets)]
        self.victim = 0

    def place(self, key):
        """Number and ways of the set of `key`, and its way, if it is there."""
        data_id, fragment = key
        number = atu_set(data_id, fragment, len(self.sets))
        ways = self.sets[number]
        keys = [way and way[0] for way in ways]
        return number, ways, keys.index(key) if key in keys else None

    def apply(self, operation, entry):
        if operation is MapOperation.REMOVE_ALL:
            for ways in self.sets:
                ways[:] = [None] * len(ways)
            return
        key = entry["data_id"], entry["fragment"]
        _, ways, way = self.place(key)
        written = entry["permissions"]["write"] or entry["permissions"]["accumulate"]
        known = entry["entry_format"] == FRAGMENT_FORMAT and not entry["reserved"]
        storable = known and not (entry["checked"] and written)
        if operation is MapOperation.FILL and storable:
            if way is None and None in ways:
                way = ways.index(None)
            elif way is None:
                way = self.victim
                self.victim = (way + 1) % len(ways)
            ways[way] = key, shown(entry)
        elif operation is not MapOperation.NONE:
            self.drop(key)

    def drop(self, key):
        _, ways, way = self.place(key)
        if way is not None:
            ways[way] = None

    def look_up(self, key):
        _, ways, way = self.place(key)
        return None if way is None else ways[way][1]


def entry():
    """Fields of some entry."""
    changes = random.randrange(2)
    return {
        "node": random.getrandbits(16),
        "replica": random.choice([NODE, random.getrandbits(16)]),
        "base": random.getrandbits(24),
        "replica_base": random.getrandbits(24),
        "size": random.getrandbits(24),
        "version": random.getrandbits(16),
        "permissions": dict(read=1, write=changes, accumulate=changes, moving=changes),
        "checked": 1 - changes,
        "checksum": random.getrandbits(32),
    }
