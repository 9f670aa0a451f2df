"""Who is still there: by its control port, and by the network."""

from collections.abc import Callable, Iterable

from intarsia.driver.device import Device
from intarsia.driver.errors import NetworkError, SilentNodeError, SystemLostError
from intarsia.driver.transport import Transport
from intarsia.isa.address import OWNER_BITS, LogicalAddress, data_id
from intarsia.isa.bits import encode
from intarsia.isa.counters import TIMEBASE
from intarsia.isa.fragment import FRAGMENT_FORMAT, FragmentEntry, Permissions
from intarsia.isa.packet import LINK_PATIENCE
from intarsia.isa.topology import MEMORY_NODE, home_index, homes

__all__ = ["SETTLING", "begin_anew"]

#: Cycles after which nothing of an earlier life is under way any more, and links that are dead have
#: been given up.
SETTLING = 2 * LINK_PATIENCE * TIMEBASE

#: A fragment of nobody's, that the host asks nodes about.
PROBE, PROBE_BYTES, PROBE_VERSION = data_id((1 << OWNER_BITS) - 1, 0), 16, 1

#: Cycles to wait after a node was asked in vain; after the last of them it counts as dead.
PAUSES = (SETTLING, TIMEBASE)


def begin_anew(transport: Transport, chips: Iterable[int]) -> dict[int, str]:
    """Reset `chips`, so that nothing of them is under way, and find out which of them are there.

    A chip is there if its control port answers, and bytes that the host sends it over the network
    arrive. So is the memory node if it answers the host. What chips have in their memories may be
    overwritten.

    Returns
    -------
    dict of int to str
        Chips that are not there, and what is the matter with each.

    Raises
    ------
    :exc:`SystemLostError`
        If the memory node is not there.
    """
    chips = tuple(chips)
    for chip in chips:
        transport.reset(chip)
    transport.rest(SETTLING)
    permissions = encode(Permissions, {"read": 1, "write": 1})
    transport.place(MEMORY_NODE, PROBE, MEMORY_NODE, 0, PROBE_BYTES, PROBE_VERSION, permissions)
    silence = _tried(transport, lambda: _ask(transport, MEMORY_NODE, write=False))
    if silence is not None:
        raise SystemLostError(
            f"The host can't reach the memory node ({MEMORY_NODE}), and what that holds is nowhere "
            f"else: {silence}"
        )
    found = {chip: _tried(transport, lambda chip=chip: _call(transport, chip)) for chip in chips}
    return {chip: silence for chip, silence in found.items() if silence is not None}


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


def _call(transport: Transport, chip: int) -> None:
    """Reach a chip by its control port, and by the network."""
    device = Device(transport, chip)
    device.set_homes(homes())
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
    for home in homes()[home_index(PROBE)]:
        transport.keep(home, encode(FragmentEntry, entry).to_bytes(size, "little"))
    _ask(transport, chip, write=True)


def _ask(transport: Transport, node: int, *, write: bool) -> None:
    """Move the probe between the host and a node."""
    name = {"data_id": PROBE, "fragment": node, "version": PROBE_VERSION}
    size = LogicalAddress.as_shape().size // 8
    address = encode(LogicalAddress, name).to_bytes(size, "little")
    transport.transfer(write=write, node=node, logical_address=address, local=0, size=PROBE_BYTES)
