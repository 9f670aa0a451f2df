"""Values of several lanes, as the bits of a port."""

__all__ = ["packed"]


def packed(values, width):
    """Integers of an array, `width` bits each, the first one lowest."""
    bits = 0
    for value in reversed(values.tolist()):
        bits = bits << width | value & ((1 << width) - 1)
    return bits
