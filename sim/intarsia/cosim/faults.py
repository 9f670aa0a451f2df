"""What the links of a simulated system do to what they carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["NO_FAULTS", "Faults"]


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Faults of all links of a system. The same ones happen whenever the same beats are sent.

    Parameters
    ----------
    ber : float
        Probability that a bit of a beat is flipped, or its mark where a packet begins.
    drop : float
        Probability that a packet vanishes on a link.
    cut : mapping of int to int
        Nodes whose links carry nothing any more, each from a cycle on.
    seed : int
        Of the random numbers that decide; each direction of a link has its own.

    Raises
    ------
    :exc:`ValueError`
        For what is not a probability, a cycle or a seed.
    """

    ber: float = 0.0
    drop: float = 0.0
    cut: Mapping[int, int] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("ber", "drop"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise ValueError(f"Faults: {name} is a probability below 1, not {value!r}")
        if not 0 <= self.seed < 1 << 64:
            raise ValueError(f"Faults: seed is from 0 to 2^64 - 1, not {self.seed!r}")
        for node, cycle in self.cut.items():
            if not 0 <= node < 1 << 16 or not 0 <= cycle < 1 << 64:
                raise ValueError(f"Faults: node {node!r} can't be cut off in cycle {cycle!r}")


#: Links that carry everything.
NO_FAULTS = Faults()
