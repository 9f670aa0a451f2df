"""Random traffic between crossings: who sends what, and what has become of it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

from intarsia.cosim.crossing import crossing_library
from intarsia.cosim.fabric import Fabric
from intarsia.cosim.faults import NO_FAULTS, Faults
from intarsia.isa.bits import encode
from intarsia.isa.config import ChipConfig
from intarsia.isa.registers import RouteWord
from intarsia.isa.topologies import Topology
from intarsia.link.geometry import CLASSES

__all__ = ["EVERYTHING", "Figures", "Load", "Traffic"]

#: What is written to a crossing, by address; see ``crossing.cpp``.
Setting = IntEnum(
    "Setting", "NODE SEED ROUTE PEER LOAD LENGTH LIMIT STALLS ANSWERS LOSSES", start=0
)

UNLIMITED = 0xFFFFFFFF


@dataclass(frozen=True, kw_only=True)
class Load:
    """What each crossing sends, all the time, to others drawn at random.

    Members
    -------
    classes : tuple of str
        Classes of its packets.
    length : int
        Bytes of payload of replies and requests; 0 for any.
    limit : int
        Packets of each crossing, not counting answers.
    stalls : int
        In so many of 256 cycles a crossing takes no beat of a class, at random.
    answers : bool
        Requests and questions are answered, and not taken while four answers wait.
    losses : bool
        Packets may be lost, as a crossing may be reset.
    seed : int
    """

    classes: tuple[str, ...] = tuple(CLASSES)
    length: int = 0
    limit: int = UNLIMITED
    stalls: int = 0
    answers: bool = True
    losses: bool = False
    seed: int = 1


#: All classes, with answers.
EVERYTHING = Load()


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What has become of packets, of one crossing or of all.

    Members
    -------
    size : int
        Bytes of payload that have arrived.
    packets : int
        Packets that have arrived.
    wrong : int
        Those that came twice, out of order, or with wrong bytes.
    lost : int
        Those that others came in place of.
    sent : int
        Packets handed over to links.
    waiting : int
        Packets to send.
    faults, last_fault : int
        Faults that routers and link ports have reported; code of the last one.
    """

    size: int
    packets: int
    wrong: int
    lost: int
    sent: int
    waiting: int
    faults: int
    last_fault: int

    def __add__(self, other: "Figures") -> "Figures":
        names = [field.name for field in fields(self) if field.name != "last_fault"]
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return Figures(**sums, last_fault=max(self.last_fault, other.last_fault))


class Traffic:
    """Crossings in place of chips, each sending to all others.

    Parameters
    ----------
    config : ChipConfig
        Whose ports the crossings have.
    topology : Topology
    load : Load
    faults : Faults
        What links do to what they carry.
    link_latency : int
    senders : sequence of int or None
        Crossings that send of their own accord; all by default.
    """

    def __init__(
        self,
        config: ChipConfig,
        topology: Topology,
        load: Load = EVERYTHING,
        *,
        faults: Faults = NO_FAULTS,
        link_latency: int = 32,
        senders: Sequence[int] | None = None,
    ) -> None:
        self.nodes = range(topology.chips)
        self.fabric = Fabric(
            [config] * topology.chips,
            topology=topology,
            faults=faults,
            link_latency=link_latency,
            library=crossing_library,
            memory_bytes=0,
            host_bytes=0,
        )
        classes = list(CLASSES)
        for node in self.nodes:
            settings = {
                Setting.NODE: node,
                Setting.SEED: load.seed << 8 | node,
                Setting.LENGTH: load.length,
                Setting.LIMIT: load.limit,
                Setting.STALLS: load.stalls,
                Setting.ANSWERS: int(load.answers),
                Setting.LOSSES: int(load.losses),
            }
            for setting, value in settings.items():
                self._set(node, setting, value)
            for to, port in topology.routes[node].items():
                self._set(node, Setting.ROUTE, encode(RouteWord, {"node": to, "port": port}))
            for peer in self.nodes:
                if peer != node:
                    self._set(node, Setting.PEER, peer)
        for node in self.nodes if senders is None else senders:
            self._set(node, Setting.LOAD, sum(1 << classes.index(name) for name in load.classes))

    def run(self, cycles: int) -> None:
        """Let cycles pass."""
        self.fabric.run(cycles)

    def reset(self, node: int) -> None:
        """Reset a crossing, and with it what it has under way."""
        self.fabric.reset(node)

    def of(self, node: int) -> Figures:
        """What has become of packets to one crossing."""
        low, high, packets, wrong, lost, sent, waiting, faults, last = (
            self.fabric.access(node, figure)[0] for figure in range(9)
        )
        return Figures(
            size=low | high << 32,
            packets=packets,
            wrong=wrong,
            lost=lost,
            sent=sent,
            waiting=waiting,
            faults=faults,
            last_fault=last,
        )

    def figures(self) -> Figures:
        """What has become of packets to all crossings."""
        first, *others = (self.of(node) for node in self.nodes)
        return sum(others, first)

    def settle(self, cycles: int) -> Figures:
        """Wait until all that was to be sent has arrived, for at most so many cycles."""
        end = self.fabric.now + cycles
        before = None
        while self.fabric.now < end:
            self.run(2048)
            found = self.figures()
            if found == before and found.waiting == 0 and found.packets + found.lost >= found.sent:
                break
            before = found
        return self.figures()

    def close(self) -> None:
        """Free the simulation."""
        self.fabric.close()

    def _set(self, node: int, setting: Setting, value: int) -> None:
        self.fabric.access(node, setting, value)
