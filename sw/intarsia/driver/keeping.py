"""Chips that keep a part of the map."""

from intarsia.driver.device import Device
from intarsia.driver.transport import Transport
from intarsia.isa.address import LogicalAddress, data_id
from intarsia.isa.bits import encode
from intarsia.isa.topology import HOST_NODE

__all__ = ["STAGING", "TABLE_SIZES", "keep_map"]

#: Tensor of what is not yet what it will be: tables, and copies of fragments. Nobody else uses this
#: owner.
STAGING = data_id(0xFFF, 0xFFFFFFF)

#: Bytes of entries that a chip may keep.
TABLE_SIZES = [1 << bits for bits in range(8, 18)]


def keep_map(transport: Transport, device: Device, base: int, size: int, *, scratch: int) -> None:
    """Make a chip keep a part of the map, which is empty at first.

    Parameters
    ----------
    transport : Transport
    device : Device
        The chip. Nothing may run there.
    base, size : int
        HOME_BASE and HOME_SIZE. A quarter more than `size` bytes is used.
    scratch : int
        Where in the host's memory there is room for as many zeros.

    Raises
    ------
    :exc:`ValueError`
        If there can't be such a table.
    """
    if size not in TABLE_SIZES:
        raise ValueError(f"A table has 2**8 to 2**17 bytes, a power of two, not {size}")
    if base % (2 * size):
        raise ValueError(f"A table of {size} bytes lies at a multiple of {2 * size}, not {base:#x}")
    device.keep_map(0, 0)
    total = size + size // 4
    name = {"data_id": STAGING, "fragment": 0xFFFF, "version": 1}
    device.put_entry({
        **name,
        "node": device.chip,
        "base": base,
        "size": total,
        "permissions": {"write": 1},
    })
    transport.store(HOST_NODE, scratch, bytes(total))
    transport.transfer(
        write=True,
        node=device.chip,
        logical_address=encode(LogicalAddress, name).to_bytes(12, "little"),
        local=scratch,
        size=total,
    )
    device.remove_entries()
    device.keep_map(base, size)
