"""The memory of a chip as models see it."""

import numpy as np

from intarsia.isa.config import ChipConfig

__all__ = ["Memory", "as_signed", "bank_addresses"]

#: All bytes of a chip's memory, in order of address.
Memory = bytearray | np.ndarray


def as_signed(memory: Memory) -> np.ndarray:
    """`memory` as int8. Writing to the result writes to `memory`.

    Parameters
    ----------
    memory : bytearray or numpy.ndarray
        An array must have elements of one byte, and lie dense.
    """
    if isinstance(memory, np.ndarray):
        return memory.view(np.int8)
    return np.frombuffer(memory, np.int8)


def bank_addresses(start: int, offsets: np.ndarray, config: ChipConfig) -> np.ndarray:
    """Addresses `offsets` bytes from `start`, wrapped around in the macro-bank of `start`."""
    bank = start - start % config.bank_bytes
    return bank + (start - bank + offsets) % config.bank_bytes
