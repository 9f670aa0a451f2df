"""Boxes of rows and channels: the parts into which tensors are split. Columns stay together."""

import itertools
from dataclasses import dataclass
from typing import Self

__all__ = ["Box", "split"]


@dataclass(frozen=True)
class Box:
    """Rows `top` to `bottom` - 1, channels `first` to `last` - 1."""

    top: int
    bottom: int
    first: int
    last: int

    @classmethod
    def whole(cls, shape: tuple[int, int, int]) -> Self:
        """The box of all of a tensor."""
        return cls(0, shape[0], 0, shape[2])

    @classmethod
    def nothing(cls) -> Self:
        """A box without content."""
        return cls(0, 0, 0, 0)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.bottom - self.top

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.last - self.first

    def __bool__(self) -> bool:
        return self.rows > 0 and self.channels > 0

    def __and__(self, other: "Box") -> "Box":
        """What both hold."""
        box = Box(
            max(self.top, other.top),
            min(self.bottom, other.bottom),
            max(self.first, other.first),
            min(self.last, other.last),
        )
        return box if box else Box.nothing()

    def __or__(self, other: "Box") -> "Box":
        """The smallest box around both."""
        if not (self and other):
            return self or other
        return Box(
            min(self.top, other.top),
            max(self.bottom, other.bottom),
            min(self.first, other.first),
            max(self.last, other.last),
        )

    def __contains__(self, other: "Box") -> bool:
        return self & other == other if other else True

    def shifted(self, rows: int, channels: int) -> "Box":
        """The box moved down by `rows` and on by `channels`."""
        return Box(self.top + rows, self.bottom + rows, self.first + channels, self.last + channels)


def split(total: int, parts: int) -> list[tuple[int, int]]:
    """0..`total` cut into `parts` ranges that differ by at most one."""
    cuts = [part * total // parts for part in range(parts + 1)]
    return list(itertools.pairwise(cuts))
