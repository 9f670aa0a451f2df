"""Plans: what the compiler hands to the driver.

A plan holds no place: slots have sizes and the bank they would like to be in, fragments have
holders. :func:`~intarsia.compiler.placement.place` chooses places.
"""

import enum
from dataclasses import dataclass, field

from intarsia.graph import Mode
from intarsia.isa.config import ChipConfig

__all__ = [
    "ChipHolder",
    "ChipPlan",
    "Device",
    "End",
    "Fragment",
    "FragmentKind",
    "Layer",
    "NodeHolder",
    "Plan",
    "Slot",
]


class Device(enum.StrEnum):
    """Where a layer is computed."""

    CHIP = "chip"
    HOST = "host"


class FragmentKind(enum.StrEnum):
    """What a fragment is for."""

    INPUT = "input"
    """In the host's memory. The host writes it before the doorbell, chips read it."""

    OUTPUT = "output"
    """In the host's memory. Chips write it, the host reads it after the NOTIFY."""

    WEIGHTS = "weights"
    """In the memory node, read by chips. Weights and channel records."""

    MAP = "map"
    """In the memory node, written and read by chips: an activation that no chip has room for."""

    PART = "part"
    """In a chip, read by others: the part of an activation that this chip has computed."""

    PROGRAM = "program"
    """In slot 0 of a chip, written by the host before the start."""


class NodeHolder(enum.StrEnum):
    """Nodes, other than chips, that hold fragments."""

    MEMORY = "memory"
    HOST = "host"


@dataclass(frozen=True)
class ChipHolder:
    """A chip that holds a fragment: bytes from `offset` on in slot `slot` of `chip` of the plan."""

    chip: int
    slot: int
    offset: int


@dataclass(frozen=True)
class Fragment:
    """A part of a tensor, in one place.

    Members
    -------
    kind : FragmentKind
    name : str
        For people: what it belongs to.
    data_id, fragment : int
        Its name in programs.
    holder : NodeHolder or ChipHolder
    size : int
        Bytes.
    read, write : bool
        What other nodes may do.
    content : bytes or None
        What it holds from the start: weights, programs.
    """

    kind: FragmentKind
    name: str
    data_id: int
    fragment: int
    holder: NodeHolder | ChipHolder
    size: int
    read: bool = False
    write: bool = False
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Slot:
    """A buffer of a chip.

    Members
    -------
    number : int
        0 is the program's.
    size : int
        Bytes.
    bank : int
        Slots of one `bank` fit into one macro-bank together, those of another into another. Which
        macro-banks these are is a matter of placement.
    """

    number: int
    size: int
    bank: int


@dataclass(frozen=True)
class ChipPlan:
    """What one chip is given.

    Members
    -------
    program : bytes
    slots : tuple of Slot
        In order of their numbers.
    fragments : tuple of int
        Indices, in the plan's list, of the fragments that this chip's map must hold.
    """

    program: bytes = field(repr=False)
    slots: tuple[Slot, ...]
    fragments: tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """One operator of the network.

    Members
    -------
    name, op : str
        Name of the operator, and of its type.
    device : Device
    macs : tuple of int
        Multiplications by weights, padding included, on each chip.
    replicated : bool
        Every chip computes all of it, where others could have taken a share.
    fused : str
        Name of the convolution whose output it takes on its way out, if it does.
    """

    name: str
    op: str
    device: Device
    macs: tuple[int, ...]
    replicated: bool = False
    fused: str = ""


@dataclass(frozen=True)
class End:
    """An activation in the host's memory: int8, (height, width, channels), dense.

    Members
    -------
    tensor : str
        Name in the network.
    fragment : int
        Index in the plan's list.
    """

    tensor: str
    fragment: int


@dataclass(frozen=True)
class Plan:
    """A network, laid over chips 0, 1, ... which are nodes of any numbers.

    Members
    -------
    network : str
        Name.
    mode : Mode
    partition : str
        What was asked for.
    config : ChipConfig
        Of every chip.
    nodes : tuple of int
        Of each chip, its node's number; in ascending order.
    owner : int
        Owner of all data IDs; the chips' contexts must be given it.
    chips : tuple of ChipPlan
    fragments : tuple of Fragment
    inputs, outputs : tuple of End
        What the host must write before it rings chip 0 of the plan, and what it finds after its
        NOTIFY.
    layers : tuple of Layer
        One per operator of the network, in the same order. Instructions and traces name layers by
        their index. Operators on Device.HOST are computed by the host, from `outputs`.
    resident : bool
        Weights are loaded once, and stay in the chips.
    """

    network: str
    mode: Mode
    partition: str
    config: ChipConfig
    nodes: tuple[int, ...]
    owner: int
    chips: tuple[ChipPlan, ...]
    fragments: tuple[Fragment, ...]
    inputs: tuple[End, ...]
    outputs: tuple[End, ...]
    layers: tuple[Layer, ...]
    resident: bool

    @property
    def spread(self) -> str:
        """How it is laid over chips: `partition`; or "stripes", as maps are in memory nodes."""
        striped = any(fragment.kind is FragmentKind.MAP for fragment in self.fragments)
        return "stripes" if striped else self.partition
