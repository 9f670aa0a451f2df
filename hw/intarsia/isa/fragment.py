"""Fragment map: where each fragment of each tensor lies."""

from amaranth import *
from amaranth.lib import data

from intarsia.isa.address import PAYLOAD_MAX

__all__ = [
    "CHECKED_MAX",
    "CHECKED_UNIT",
    "ENTRY_BYTES",
    "FRAGMENT_FORMAT",
    "HOME_WAYS",
    "FragmentEntry",
    "Permissions",
    "atu_set",
    "home_set",
]

#: Version of the format of map entries.
FRAGMENT_FORMAT = 3

#: Most bytes of a fragment with a checksum: those of a packet.
CHECKED_MAX = PAYLOAD_MAX

#: Bytes that a checksum is made of are filled up with zeros to a multiple of this.
CHECKED_UNIT = 16

#: Entries of a set of a home's table: where an entry may lie.
HOME_WAYS = 8


class Permissions(data.Struct):
    """What a node other than the fragment's holder may do with it."""

    read: 1
    """READ packets are answered."""

    write: 1
    """WRITE packets are accepted."""

    accumulate: 1
    """Sums may be added to it."""

    moving: 1
    """It is being copied: whoever would write it or add to it is refused as VERSION, looks it up
    anew, and repeats. Only with `write` or `accumulate`."""


class FragmentEntry(data.Struct):
    """One fragment of a tensor: 32 bytes."""

    data_id: 40
    """Tensor: owner (upper 12 bits) and number."""

    fragment: 16
    """Number of the fragment."""

    permissions: Permissions
    """What other nodes may do."""

    entry_format: 4
    """`FRAGMENT_FORMAT`; 0 marks an entry that is not in use."""

    base: 32
    """Address of its first byte at `node`. Only that node uses it."""

    node: 16
    """The node that holds it."""

    version: 16
    """Changes whenever the fragment moves."""

    size: 32
    """Bytes; less than 2^24."""

    checksum: 32
    """CRC-32C of its bytes, filled up with zeros to a multiple of `CHECKED_UNIT`, if `checked`."""

    replica_base: 32
    """Address of the first byte of its replica at `replica`. Only that node uses it."""

    replica: 16
    """The node that holds a replica; `node`, where there is none."""

    checked: 1
    """It never changes, and whoever reads all of it compares its `checksum`. Only for fragments of
    at most `CHECKED_MAX` bytes that nobody may write, or add to."""

    reserved: 15
    """Must be zero."""


#: Bytes of an entry.
ENTRY_BYTES = FragmentEntry.as_shape().size // 8


def atu_set(data_id: int, fragment: int, sets: int) -> int:
    """Set of an ATU with `sets` sets (a power of two) that an entry is kept in.

    The lower bits of tensor and fragment are folded together, so that neither the fragments of one
    tensor nor the first fragments of many tensors meet in one set.
    """
    return (data_id ^ fragment) & (sets - 1)


def home_set(data_id: int, fragment: int, sets: int) -> int:
    """Set of a home's table with `sets` sets (a power of two) that an entry is kept in.

    The lowest bits of a tensor say which home has it, and tell nothing apart there.
    """
    return (data_id >> 3 ^ fragment) & (sets - 1)
