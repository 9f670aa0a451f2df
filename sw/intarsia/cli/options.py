"""Options that commands share, with what a shell may complete them to."""

from collections.abc import Callable
from typing import Annotated

import typer

__all__ = ["Chips", "Config", "Faults", "Homes", "Partition", "Replicas", "Topology"]


def _one_of(kind: str, names: Callable[[], list[str]]) -> Callable[[str], str]:
    """A check that what was given is one of the `names` of that `kind`."""

    def check(name: str) -> str:
        if name not in names():
            known = ", ".join(names())
            raise typer.BadParameter(f"there is no {kind} {name!r}, but {known}")
        return name

    return check


def _configs() -> list[str]:
    from intarsia.isa.config import CONFIGS

    return list(CONFIGS)


def _partitions() -> list[str]:
    from intarsia.compiler.partition import PARTITIONS

    return list(PARTITIONS)


def _faults(spec: str) -> str:
    from intarsia.cosim.faults import FaultsError, parse_faults

    try:
        parse_faults(spec)
    except FaultsError as error:
        raise typer.BadParameter(str(error)) from None
    return spec


def _homes() -> list[str]:
    from intarsia.runtime.setup import HOMES

    return list(HOMES)


def _topologies() -> list[str]:
    from intarsia.isa.topologies import TOPOLOGIES

    return list(TOPOLOGIES)


Chips = Annotated[int, typer.Option(min=1, max=32, help="Number of simulated chips.")]
Config = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        callback=_one_of("configuration", _configs),
        autocompletion=_configs,
        help="Configuration of each chip: tiny, ecp5-85k, large.",
    ),
]
Faults = Annotated[
    str,
    typer.Option(
        metavar="SPEC",
        callback=_faults,
        help="What happens to links and nodes, and is survived where it can be: ber=P, drop=P, "
        "kill=NODE@WHEN, cut=NODE@WHEN, sram_flip=CHIP@WHEN or sram_flip=COUNT@WHEN, seed=N, "
        "joined by commas. NODE is chip0, chip1, …, memory, memory1 or host; WHEN a cycle, or a "
        "random one of FIRST..LAST.",
    ),
]
Homes = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        callback=_one_of("way to keep the map", _homes),
        autocompletion=_homes,
        help="Who keeps the map of fragments: memory (memory nodes and host), or chips as well, "
        "where they have room.",
    ),
]
Replicas = Annotated[
    int,
    typer.Option(min=1, max=2, help="Memory nodes that hold weights; with 2, one of them may die."),
]
Partition = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        callback=_one_of("partition", _partitions),
        autocompletion=_partitions,
        help="How convolutions are divided among the chips: auto, rows, channels.",
    ),
]
Topology = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        callback=_one_of("topology", _topologies),
        autocompletion=_topologies,
        help="How chips are joined: star, pair, ring, mesh.",
    ),
]
