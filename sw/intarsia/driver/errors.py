"""What can go wrong on the way between a program on the host and the chips."""

from collections.abc import Iterable

from amaranth.lib import data

from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import Stream

__all__ = [
    "ChipFaultError",
    "DriverError",
    "DriverTimeoutError",
    "NetworkError",
    "SilentNodeError",
    "SystemLostError",
]

#: Reporters of faults besides the streams.
REPORTERS = {8: "responder", 9: "link", 10: "sync port", 11: "home"}


class DriverError(RuntimeError):
    """A register access was refused, or a chip isn't what it should be."""

    def add(self, more: str) -> None:
        """Say more, in the same line."""
        self.args = (f"{self}; {more}",)


class DriverTimeoutError(DriverError):
    """An interrupt did not come in time."""


class NetworkError(DriverError):
    """A link, or a node that is no chip, reports that something went wrong.

    Members
    -------
    nodes : tuple of int
        Whom it is about, as far as that is known.
    """

    def __init__(self, message: str, nodes: Iterable[int] = ()) -> None:
        self.nodes = tuple(nodes)
        super().__init__(message)


class SilentNodeError(DriverError):
    """A node does not answer.

    Members
    -------
    node : int
    """

    def __init__(self, node: int, message: str) -> None:
        self.node = node
        super().__init__(message)


class SystemLostError(DriverError):
    """What is left of the system can't go on."""


class ChipFaultError(DriverError):
    """A chip reported a fault.

    Members
    -------
    chip : int
    code : FaultCode
    engine, context, node, address, data_id, info : int
        As in :class:`intarsia.isa.faults.FaultReport`.
    """

    def __init__(self, chip: int, report: data.Const) -> None:
        self.chip = chip
        self.code = report.code
        self.engine = report.engine
        self.context = report.context
        self.node = report.node
        self.address = report.address
        self.data_id = report.data_id
        self.info = report.info
        super().__init__(self._describe())

    def _describe(self) -> str:
        streams = {stream.value: f"{stream.name.lower()} stream" for stream in Stream}
        who = (streams | REPORTERS).get(self.engine, f"engine {self.engine}")
        told = [f"{name} {getattr(self, name):#x}" for name in ("address", "data_id", "info")]
        known = [item for item in told if not item.endswith(" 0x0")]
        if self.code not in (FaultCode.PARITY, FaultCode.PROGRAM, FaultCode.SLOT):
            known.append(f"node {self.node}")
        return (
            f"Chip {self.chip}, context {self.context}: {self.code.name} reported by its {who}"
            f" ({', '.join(known)})"
        )
