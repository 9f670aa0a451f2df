"""Chip configurations: the sizes that gateware, compiler, driver and simulator agree on."""

from dataclasses import dataclass

__all__ = ["CONFIGS", "ChipConfig", "config"]


@dataclass(frozen=True, kw_only=True)
class ChipConfig:
    """Sizes of one chip. Networks may be laid over chips of different configurations.

    Members
    -------
    name : str
    lanes : int
        Bytes of a memory vector, and width of the reduction in the MAC array. A power of two.
    columns : int
        Output channels computed at once. Equal to `lanes`.
    memory_bytes : int
        On-chip memory. A power of two.
    macro_banks : int
        Independent parts of the memory; each reads and writes one vector a cycle. No buffer spans
        two of them.
    accumulators : int
        Output pixels of one accumulator half; there are two halves.
    line_pixels : int
        Pixels of a row that the line buffers of the convolution engine hold, for depthwise windows
        that slide. A power of two, or 0 where there are none. Takes at least 9 lanes.
    packs : bool
        Whether vectors of the convolution engine may consist of bytes of several rows of a window.
    weight_ports : int
        Vectors of weights that the convolution engine reads per cycle, where they lie in pieces: 1,
        2 or 4.
    requant_lanes : int
        Values requantized per cycle, in the convolution engine and in the vector engine each.
    pool_entries : int
        Windows of a chained pool that may have begun and not be complete. A power of two, or 0
        where chained pools have no other window than the whole map.
    link_ports : int
    link_bytes : int
        Bytes of one beat of a link: 4 or 16.
    contexts : int
        Programs that can be resident.
    slots : int
        Slots of a context.
    atu_sets, atu_ways : int
        Shape of the fragment-map cache.
    atu_ahead : int
        Fragments whose homes may be asked ahead of the look-up.
    relays : bool
        Whether packets and look-ups take a cycle from block to block, and choices within some
        blocks one more. Where logic is slow, that lets the clock be faster.
    """

    name: str
    lanes: int
    columns: int
    memory_bytes: int
    macro_banks: int
    accumulators: int
    line_pixels: int
    packs: bool
    weight_ports: int
    requant_lanes: int
    pool_entries: int
    link_ports: int
    link_bytes: int
    contexts: int
    slots: int
    atu_sets: int
    atu_ways: int
    atu_ahead: int
    relays: bool

    @property
    def bank_bytes(self) -> int:
        """Bytes of one macro-bank: the largest buffer."""
        return self.memory_bytes // self.macro_banks

    @property
    def macs(self) -> int:
        """Multipliers of the MAC array."""
        return self.lanes * self.columns


CONFIGS = {
    item.name: item
    for item in (
        ChipConfig(
            name="tiny",
            lanes=4,
            columns=4,
            memory_bytes=16 << 10,
            macro_banks=4,
            accumulators=64,
            line_pixels=0,
            packs=True,
            weight_ports=1,
            requant_lanes=1,
            pool_entries=16,
            link_ports=2,
            link_bytes=4,
            contexts=2,
            slots=64,
            atu_sets=8,
            atu_ways=2,
            atu_ahead=2,
            relays=False,
        ),
        ChipConfig(
            name="ecp5-85k",
            lanes=8,
            columns=8,
            memory_bytes=256 << 10,
            macro_banks=4,
            accumulators=256,
            line_pixels=0,
            packs=False,
            weight_ports=1,
            requant_lanes=2,
            pool_entries=0,
            link_ports=2,
            link_bytes=4,
            contexts=8,
            slots=64,
            atu_sets=32,
            atu_ways=4,
            atu_ahead=2,
            relays=True,
        ),
        ChipConfig(
            name="large",
            lanes=16,
            columns=16,
            memory_bytes=1 << 20,
            macro_banks=8,
            accumulators=256,
            line_pixels=256,
            packs=True,
            weight_ports=4,
            requant_lanes=16,
            pool_entries=256,
            link_ports=4,
            link_bytes=16,
            contexts=8,
            slots=64,
            atu_sets=64,
            atu_ways=4,
            atu_ahead=8,
            relays=False,
        ),
    )
}


def config(name: str) -> ChipConfig:
    """The configuration called `name`.

    Raises
    ------
    :exc:`ValueError`
        If there is none.
    """
    if name not in CONFIGS:
        raise ValueError(f"Unknown configuration {name!r}; there are {', '.join(CONFIGS)}")
    return CONFIGS[name]
