"""Layers over all chips, as figures and page show them."""

from collections.abc import Sequence
from dataclasses import dataclass

from intarsia.report.booking import Use
from intarsia.report.tables import Table

__all__ = ["LayerSummary", "summarize"]


@dataclass(frozen=True)
class LayerSummary:
    """A layer of the last inference.

    Members
    -------
    name, operator, device : str
    uses : dict of Use to float
        Cycles of the mean chip.
    macs : int
        Multiplications of all chips.
    least : float
        Cycles that those would take at full use of all arrays.
    read, written : int
        Bytes that all chips' transfers have moved over links, headers not included.
    touched : int
        Bytes of weights, inputs and output, once each.
    """

    name: str
    operator: str
    device: str
    uses: dict[Use, float]
    macs: int
    least: float
    read: int
    written: int
    touched: int

    @property
    def cycles(self) -> float:
        """Cycles of the mean chip."""
        return sum(self.uses.values())

    @property
    def rate(self) -> float:
        """Multiplications per cycle, of all chips."""
        return self.macs / self.cycles if self.cycles else 0.0

    @property
    def utilization(self) -> float:
        """Of the arrays."""
        return self.least / self.cycles if self.cycles else 0.0

    @property
    def intensity(self) -> float:
        """Multiplications per byte."""
        return self.macs / self.touched


def summarize(layers: Table, macs_per_cycle: int) -> Sequence[LayerSummary]:
    """Layers in the network's order, from the table by layer and chip.

    Parameters
    ----------
    layers : Table
        See :func:`intarsia.report.tables.layers`.
    macs_per_cycle : int
        Of one chip's array.
    """
    chips = 1 + max(row["chip"] for row in layers.rows)
    by_layer: dict[int, list[dict]] = {}
    for row in layers.rows:
        by_layer.setdefault(row["number"], []).append(row)
    return [
        LayerSummary(
            name=rows[0]["layer"],
            operator=rows[0]["operator"],
            device=rows[0]["device"],
            uses={use: sum(row[use.value] for row in rows) / chips for use in Use},
            macs=sum(row["macs"] for row in rows),
            least=sum(row["macs"] for row in rows) / (chips * macs_per_cycle),
            read=sum(row["read"] for row in rows),
            written=sum(row["written"] for row in rows),
            touched=rows[0]["touched"],
        )
        for _, rows in sorted(by_layer.items())
    ]
