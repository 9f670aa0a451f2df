"""What happens to the links and nodes of a simulated system, and how it is written down."""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from intarsia.isa.config import ChipConfig
from intarsia.isa.topology import HOST_NODE, MEMORY_NODES

__all__ = ["NO_FAULTS", "Faults", "FaultsError", "Flip", "Flips", "parse_faults"]

Number = TypeVar("Number", int, float)

#: What nodes other than chips are called.
NAMES = {"memory": MEMORY_NODES[0], "memory1": MEMORY_NODES[1], "host": HOST_NODE}

#: Bits of a byte in a chip's memory: the ninth is its parity.
BITS_OF_BYTE = 9


class FaultsError(ValueError):
    """Faults that can't happen; the message says which, and what can."""


class Flip(NamedTuple):
    """A bit of a chip's memory that changes. Bit 8 is the parity bit of the byte."""

    cycle: int
    chip: int
    address: int
    bit: int


@dataclass(frozen=True, kw_only=True)
class Flips:
    """Bits that flip in the memories of chips, at places drawn at random.

    Parameters
    ----------
    first, last : int
        Cycles between which each of them happens, at random; or the one in which it does.
    chip : int or None
        Whose; None for any chip, each time another one.
    count : int
    """

    first: int
    last: int
    chip: int | None = None
    count: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last < 1 << 64:
            raise FaultsError(f"Faults: no cycle lies in {self.first}..{self.last}")
        if self.count < 1:
            raise FaultsError(f"Faults: {self.count} bits can't flip")


@dataclass(frozen=True, kw_only=True)
class Faults:
    """Faults of a system. The same ones happen whenever the same beats are sent.

    Parameters
    ----------
    ber : float
        Probability that a bit of a beat is flipped, or its mark where a packet begins.
    drop : float
        Probability that a packet vanishes on a link.
    cut : mapping of int to int
        Nodes whose links carry nothing any more, each from a cycle on.
    kill : mapping of int to int
        Nodes that do nothing any more, each from a cycle on. Not the host.
    sram_flip : sequence of Flips
        Bits that change in memories of chips.
    seed : int
        Of the random numbers that decide; each direction of a link has its own.

    Raises
    ------
    :exc:`FaultsError`
        For what is not a probability, a cycle or a seed, and for the death of the host.
    """

    ber: float = 0.0
    drop: float = 0.0
    cut: Mapping[int, int] = field(default_factory=dict)
    kill: Mapping[int, int] = field(default_factory=dict)
    sram_flip: Sequence[Flips] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("ber", "drop"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise FaultsError(f"Faults: {name} is a probability below 1, not {value!r}")
        if not 0 <= self.seed < 1 << 64:
            raise FaultsError(f"Faults: seed is from 0 to 2^64 - 1, not {self.seed!r}")
        for done, ends in (("cut off", self.cut), ("killed", self.kill)):
            for node, cycle in ends.items():
                if not 0 <= node < 1 << 16 or not 0 <= cycle < 1 << 64:
                    raise FaultsError(f"Faults: node {node!r} can't be {done} in cycle {cycle!r}")
        if HOST_NODE in self.kill:
            raise FaultsError("Faults: the host can't be killed: it runs the driver; cut it off")

    def check(self, chips: int, memories: int = 1) -> None:
        """See whether a system of so many chips and memory nodes has all that something happens to.

        Raises
        ------
        :exc:`FaultsError`
            If it has not.
        """
        concerned = {*self.cut, *self.kill, *(flips.chip for flips in self.sram_flip)} - {None}
        absent = MEMORY_NODES[memories:]
        there = {name: node for name, node in NAMES.items() if node not in absent}
        for node in sorted(concerned - {*range(chips), *there.values()}):
            name = next((name for name, other in NAMES.items() if other == node), f"chip{node}")
            raise FaultsError(
                f"Faults: there is no {name}, only chip0 to chip{chips - 1}, {', '.join(there)}"
            )

    def flips(self, configs: Sequence[ChipConfig]) -> list[Flip]:
        """Bits that flip in the memories of chips of these configurations, in order of time.

        No byte is hit twice: what a parity bit finds is one wrong bit.

        Raises
        ------
        :exc:`FaultsError`
            If there are not so many bytes.
        """
        rng = random.Random(f"{self.seed} flips")
        room = sum(config.memory_bytes for config in configs)
        if sum(flips.count for flips in self.sram_flip) > room // 2:
            raise FaultsError(f"Faults: at most half of the {room} bytes of chips can flip a bit")
        found: dict[tuple[int, int], Flip] = {}
        for flips in self.sram_flip:
            wanted = len(found) + flips.count
            while len(found) < wanted:
                chip = rng.randrange(len(configs)) if flips.chip is None else flips.chip
                address = rng.randrange(configs[chip].memory_bytes)
                cycle = rng.randint(flips.first, flips.last)
                flip = Flip(cycle, chip, address, rng.randrange(BITS_OF_BYTE))
                found.setdefault((chip, address), flip)
        return sorted(found.values())

    def end(self, node: int) -> int | None:
        """Cycle in which a node dies or is cut off; None for one that lives for ever."""
        return min((ends[node] for ends in (self.cut, self.kill) if node in ends), default=None)


#: Links that carry everything, and nodes that live for ever.
NO_FAULTS = Faults()


def parse_faults(spec: str) -> Faults:
    """Faults as they are written down: ``ber=1e-6,drop=1e-4,kill=chip2@40000,seed=7``.

    Items are separated by commas, in any order; nothing at all means no faults:

    - ``ber=P``, ``drop=P``: probability that a bit of a link flips, that a packet vanishes.
    - ``kill=NODE@WHEN``, ``cut=NODE@WHEN``: a node stops for ever, or its links do. NODE is
      ``chip0``, ``chip1``, …, ``memory`` or ``host``. Several are allowed.
    - ``sram_flip=chip1@WHEN``: a bit of a chip's memory flips; ``sram_flip=200@WHEN``: 200 bits
      of any chips. Several are allowed.
    - ``seed=N``: of all that is drawn at random.

    WHEN is a cycle, or two of them with ``..`` between: one of those is drawn at random.

    Raises
    ------
    :exc:`FaultsError`
        If something else is written there.
    """
    found: dict[str, list[str]] = {}
    for item in spec.split(",") if spec.strip() else ():
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals or name not in (*READERS, "seed"):
            known = ", ".join((*READERS, "seed"))
            raise FaultsError(f"Faults: {item.strip()!r} is not NAME=VALUE with one of {known}")
        found.setdefault(name, []).append(value)
    for name in ("ber", "drop", "seed"):
        if len(found.get(name, ())) > 1:
            raise FaultsError(f"Faults: {name} is given more than once")
    seed = next((_number(value, int, "seed") for value in found.pop("seed", ())), 0)
    drawn = random.Random(f"{seed} times")
    read = {name: READERS[name](name, values, drawn) for name, values in found.items()}
    return Faults(seed=seed, **read)


def _probability(name: str, values: Sequence[str], _: random.Random) -> float:
    return _number(values[0], float, name)


def _ends(name: str, values: Sequence[str], drawn: random.Random) -> dict[int, int]:
    """Nodes, each with the cycle in which something happens to it."""
    ends: dict[int, int] = {}
    for target, (first, last) in _aimed(name, values):
        node = NAMES.get(target, _chip(target))
        if node is None:
            known = ", ".join(["chip0", "chip1", "…", *NAMES])
            raise FaultsError(f"Faults: {name} needs one of {known}, not {target!r}")
        if node in ends:
            raise FaultsError(f"Faults: {name} of {target} is given more than once")
        ends[node] = drawn.randint(first, last)
    return ends


def _flips(name: str, values: Sequence[str], _: random.Random) -> tuple[Flips, ...]:
    flips = []
    for target, (first, last) in _aimed(name, values):
        chip = _chip(target)
        if chip is None and not target.isdecimal():
            raise FaultsError(f"Faults: {name} needs a chip or a number of bits, not {target!r}")
        count = int(target) if chip is None else 1
        flips.append(Flips(first=first, last=last, chip=chip, count=count))
    return tuple(flips)


def _aimed(name: str, values: Sequence[str]) -> Iterator[tuple[str, tuple[int, int]]]:
    """What each value aims at, and the first and the last cycle in which it may hit."""
    for value in values:
        match = re.fullmatch(r"([^@]+)@(\d+)(?:\.\.(\d+))?", value)
        if match is None:
            example = "200@0..90000" if name == "sram_flip" else "chip2@40000"
            raise FaultsError(f"Faults: {name} is written like {name}={example}, not {value!r}")
        target, first, last = match.groups()
        if int(last or first) < int(first):
            raise FaultsError(f"Faults: no cycle lies in {first}..{last}")
        yield target.strip(), (int(first), int(last or first))


def _chip(target: str) -> int | None:
    match = re.fullmatch(r"chip(\d+)", target)
    return int(match[1]) if match else None


def _number(text: str, kind: type[Number], name: str) -> Number:
    try:
        return kind(text)
    except ValueError:
        raise FaultsError(f"Faults: {name} is a number, not {text!r}") from None


#: What reads each item but the seed.
READERS: dict[str, Callable[[str, Sequence[str], random.Random], Any]] = {
    "ber": _probability,
    "drop": _probability,
    "kill": _ends,
    "cut": _ends,
    "sram_flip": _flips,
}
