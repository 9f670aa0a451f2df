"""Registers between the stages of arithmetic on many lanes."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from amaranth import *

__all__ = ["register_lanes"]

#: Bits of a value that is narrow.
NARROW = 16


def register_lanes(
    m: Module, enable: Value, prefix: str, lanes: Sequence[dict[str, Any]]
) -> list[SimpleNamespace]:
    """Registers for the named values of each lane, which keep still unless `enable` is high.

    Narrow values of all lanes share a register, because to simulators, few large ones are cheaper
    than many small ones. For their sake too, expressions used twice should be registered in
    between: simulators evaluate what is used once only where it's registered, so if `enable` is
    high, but what is used twice in every cycle, or twice.
    """
    held = [SimpleNamespace() for _ in lanes]
    for name in lanes[0]:
        values = [Value.cast(lane[name]) for lane in lanes]
        shape = values[0].shape()
        pitch = 1 << (shape.width - 1).bit_length()
        if pitch <= NARROW:
            together = Signal(pitch * len(values), name=f"{prefix}_{name}", reset_less=True)
            places = [together[n * pitch : n * pitch + shape.width] for n in range(len(values))]
            places = [place.as_signed() if shape.signed else place for place in places]
            gap = Const(0, pitch - shape.width)
            updates = [together.eq(Cat(Cat(value, gap) for value in values))]
        else:
            places = [
                Signal(shape, name=f"{prefix}_{name}_{n}", reset_less=True)
                for n in range(len(values))
            ]
            updates = [place.eq(value) for place, value in zip(places, values, strict=True)]
        with m.If(enable):
            m.d.sync += updates
        for lane, place in zip(held, places, strict=True):
            setattr(lane, name, place)
    return held
