"""Look-ups of fragments: how the ATU is asked, filled, and its answers are judged."""

from amaranth import *
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.address import DATA_ID, LOCAL, NODE, PAYLOAD_MAX
from intarsia.isa.faults import FaultCode
from intarsia.isa.fragment import FragmentEntry, Permissions

__all__ = [
    "Access",
    "AccessCheck",
    "FragmentKey",
    "Lookup",
    "LookupRequest",
    "LookupResult",
    "MapCommand",
    "MapOperation",
]


class MapOperation(enum.Enum, shape=2):
    """What to do with the fragment map. Values are those of the register ENTRY_COMMIT."""

    NONE = 0
    FILL = 1
    REMOVE = 2
    REMOVE_ALL = 3


class MapCommand(data.Struct):
    """A change of the fragment map."""

    operation: MapOperation
    """NONE changes nothing."""

    entry: FragmentEntry
    """What to put in; for REMOVE, data ID and fragment count alone."""


class FragmentKey(data.Struct):
    """Which fragment an entry of the map is about."""

    data_id: DATA_ID
    """Tensor."""

    fragment: 16
    """Number of the fragment."""


class LookupRequest(data.Struct):
    """Which fragment."""

    data_id: DATA_ID
    """Tensor."""

    fragment: 16
    """Number of the fragment."""

    fresh: 1
    """What the cache has is dropped, and the fragment's home is asked."""


class LookupResult(data.Struct):
    """What the map says about it."""

    hit: 1
    """The map has an entry; the other fields hold nothing otherwise."""

    node: NODE
    """Node that holds it."""

    replica: NODE
    """Node that holds a replica; `node`, where there is none."""

    base: LOCAL
    """Address of its first byte, or that of its replica, where the holder of that is this chip."""

    size: 32
    """Bytes."""

    version: 16
    """Changes whenever the fragment moves."""

    permissions: Permissions
    """What nodes other than the holder may do."""

    checked: 1
    """It lies elsewhere, never changes, and has this"""

    checksum: 32
    """checksum."""


class Lookup(wiring.Signature):
    """Port of the fragment map, seen from who asks.

    Results come in the order of requests. That of a hit comes in the cycle after its request was
    accepted; a miss takes as long as the fragment's home, and no request is accepted meanwhile.

    Members
    -------
    request : Out(stream.Signature(LookupRequest))
    result : In(stream.Signature(LookupResult, always_ready=True))
    """

    def __init__(self):
        super().__init__({
            "request": Out(stream.Signature(LookupRequest)),
            "result": In(stream.Signature(LookupResult, always_ready=True)),
        })

    def __eq__(self, other):
        return isinstance(other, Lookup)

    def __repr__(self):
        return "Lookup()"


class Access(data.Struct):
    """What somebody wants to do with a fragment."""

    write: 1
    """Write it, or else read it."""

    accumulate: 1
    """Add to it; with `write`."""

    holder: 1
    """The asking node holds the fragment: permissions to read and write are for others."""

    elsewhere: 1
    """Neither the fragment nor a replica of it lies at this node, which was asked for it."""

    version: 16
    """Version that the asking node has in its map."""

    offset: 25
    """First byte; one bit wider than within a fragment, so that overflow is seen."""

    length: 11
    """Bytes."""


class AccessCheck(wiring.Component):
    """Says why an access must be refused, in the same cycle.

    The reasons are tried in the order ATU_MISS, PERMISSION, VERSION, BOUNDS. VERSION also goes for
    what lies elsewhere; and a fragment that is being copied (``moving``) has no version that may be
    written. An access of no bytes, or of more than a packet carries, is out of bounds. OWNER is no
    matter of the map: whoever knows the context compares.

    Members
    -------
    entry : In(LookupResult)
    access : In(Access)
    fault : Out(FaultCode)
        NONE, if nothing is wrong.
    """

    entry: In(LookupResult)
    access: In(Access)
    fault: Out(FaultCode)

    def elaborate(self, platform):
        m = Module()

        entry, access = self.entry, self.access
        permitted = Signal()
        current = Signal()
        inside = Signal()
        m.d.comb += [
            permitted.eq(
                Mux(
                    access.accumulate,
                    entry.permissions.accumulate,
                    access.holder
                    | Mux(access.write, entry.permissions.write, entry.permissions.read),
                )
            ),
            current.eq(
                ~access.elsewhere
                & (access.version == entry.version)
                & ~(access.write & entry.permissions.moving)
            ),
            inside.eq(
                (access.length != 0)
                & (access.length <= PAYLOAD_MAX)
                & (access.offset + access.length <= entry.size)
            ),
        ]

        with m.If(~entry.hit):
            m.d.comb += self.fault.eq(FaultCode.ATU_MISS)
        with m.Elif(~permitted):
            m.d.comb += self.fault.eq(FaultCode.PERMISSION)
        with m.Elif(~current):
            m.d.comb += self.fault.eq(FaultCode.VERSION)
        with m.Elif(~inside):
            m.d.comb += self.fault.eq(FaultCode.BOUNDS)

        return m
