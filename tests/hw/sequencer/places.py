"""Where programs lie, and what their slots stand for."""

__all__ = ["BASES", "SLOTS", "set_slots"]

#: Slots and offsets that random programs use.
SLOTS = ((1, 0), (2, 5), (63, 17))

#: Where programs lie: a macro-bank for each context.
BASES = (0x0003, 0x1001)


async def set_slots(bench, context):
    """Random places for :data:`SLOTS`, each as small as possible. Returns their bases."""
    bases = {}
    for slot, offset in SLOTS:
        bases[slot] = bench.rng.randrange(bench.config.memory_bytes)
        await bench.set_slot(context, slot, bases[slot], offset + 1)
    return bases
