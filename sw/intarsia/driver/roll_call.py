"""Who is still there: by its control port, and by the network."""

from collections.abc import Callable, Iterable, Sequence

from intarsia.driver.device import Device
from intarsia.driver.errors import NetworkError, SilentNodeError
from intarsia.driver.transport import Transport
from intarsia.isa.address import OWNER_BITS, LogicalAddress, data_id
from intarsia.isa.bits import encode
from intarsia.isa.counters import TIMEBASE
from intarsia.isa.fragment import FRAGMENT_FORMAT, FragmentEntry, Permissions
from intarsia.isa.packet import LINK_PATIENCE
from intarsia.isa.topology import HOST_NODE, home_index, homes

__all__ = ["SETTLING", "begin_anew"]

#: Cycles after which nothing of an earlier life is under way any more, and links that are dead have
#: been given up.
SETTLING = 2 * LINK_PATIENCE * TIMEBASE

#: A fragment of nobody's, that the host asks nodes about.
PROBE, PROBE_BYTES, PROBE_VERSION = data_id((1 << OWNER_BITS) - 1, 0), 16, 1

#: Cycles to wait after a node was asked in vain; after the last of them it counts as dead.
PAUSES = (SETTLING, TIMEBASE)


def begin_anew(
    transport: Transport, chips: Iterable[int], memories: Iterable[int]
) -> dict[int, str]:
    """Reset `chips`, so that nothing of them is under way, and find out who is there.

    A chip is there if its control port answers, and bytes that the host sends it over the network
    arrive. A memory node is, if it answers the host. What chips have in their memories may be
    overwritten.

    Returns
    -------
    dict of int to str
        Nodes that are not there, and what is the matter with each.
    """
    chips, memories = tuple(chips), tuple(memories)
    for chip in chips:
        transport.reset(chip)
    transport.rest(SETTLING)
    permissions = encode(Permissions, {"read": 1, "write": 1})
    lost = {}
    for node in memories:
        transport.place(node, PROBE, node, 0, PROBE_BYTES, PROBE_VERSION, permissions)
        lost[node] = _tried(transport, lambda node=node: _ask(transport, node, write=False))
    keepers = [node for node in memories if lost[node] is None]
    for chip in chips:
        lost[chip] = _tried(transport, lambda chip=chip: _call(transport, chip, keepers))
    return {node: silence for node, silence in lost.items() if silence is not None}


def _tried(transport: Transport, step: Callable[[], None]) -> str | None:
    """What is the matter with a node that `step` does not reach; None if it does."""
    silence = None
    for pause in PAUSES:
        try:
            step()
        except (SilentNodeError, NetworkError) as error:
            silence = str(error)
            transport.rest(pause)
        else:
            return None
    return silence


def _call(transport: Transport, chip: int, keepers: Sequence[int]) -> None:
    """Reach a chip by its control port, and by the network; `keepers` and the host keep the map."""
    table = homes((*keepers, HOST_NODE))
    device = Device(transport, chip)
    device.set_homes(table)
    device.remove_entries()
    entry = {
        "data_id": PROBE,
        "fragment": chip,
        "permissions": {"write": 1},
        "entry_format": FRAGMENT_FORMAT,
        "node": chip,
        "version": PROBE_VERSION,
        "size": PROBE_BYTES,
        "replica": chip,
    }
    size = FragmentEntry.as_shape().size // 8
    for home in table[home_index(PROBE)]:
        transport.keep(home, encode(FragmentEntry, entry).to_bytes(size, "little"))
    _ask(transport, chip, write=True)


def _ask(transport: Transport, node: int, *, write: bool) -> None:
    """Move the probe between the host and a node."""
    name = {"data_id": PROBE, "fragment": node, "version": PROBE_VERSION}
    size = LogicalAddress.as_shape().size // 8
    address = encode(LogicalAddress, name).to_bytes(size, "little")
    transport.transfer(write=write, node=node, logical_address=address, local=0, size=PROBE_BYTES)
