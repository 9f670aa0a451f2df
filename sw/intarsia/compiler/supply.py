"""Weights on their way into chips: what stays, what is streamed, and when it is loaded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from intarsia.compiler.blobs import Blob, cut
from intarsia.compiler.layers import Site
from intarsia.compiler.stitch import stitched
from intarsia.compiler.work import Access, Address, Remote, Work
from intarsia.compiler.workload import Workload
from intarsia.graph import Conv
from intarsia.isa.config import ChipConfig
from intarsia.isa.fragment import CHECKED_MAX
from intarsia.isa.instruction import RemoteOp, Stream

__all__ = ["ALL", "Strategy", "Supply", "supply"]

#: `Strategy.kept` of a chip that keeps all weights.
ALL = 16


@dataclass(frozen=True)
class Strategy:
    """How weights are kept.

    Members
    -------
    kept : int
        Of :data:`ALL` parts of a chip's blobs, the first ones, so many are loaded once, before all
        inferences. The others are loaded in every inference: those of later layers, which come
        while earlier ones are computed.
    prefetch : int
        Streamed blobs that are loaded ahead of the one in use.
    blob_bytes : int
        Most bytes of a blob.
    """

    kept: int
    prefetch: int
    blob_bytes: int


@dataclass(frozen=True)
class _Item:
    """A blob, its layer, and its place in what the chip loads for that layer."""

    layer: int
    blob: Blob
    offset: int

    @property
    def resident(self) -> bool:
        """Whether it stays from inference to inference."""
        return self.blob.buffers[0].resident


@dataclass
class Supply:
    """What one chip loads.

    Members
    -------
    prefetch : int
    items : list
        Blobs in order of use.
    contents : dict of int to int
        For each layer, which of its contents this chip loads.
    """

    prefetch: int
    items: list[_Item] = field(default_factory=list)
    contents: dict[int, int] = field(default_factory=dict)
    _used: int = 0
    _issued: int = 0

    def loads_once(self) -> list[Work]:
        """Loads of all blobs that stay."""
        return [load for item in self.items if item.resident for load in self._loads(item)]

    def use(self, layer: int) -> Iterator[tuple[list[Work], Blob]]:
        """The blobs of `layer`, each with the loads that should begin when it is used.

        Its own is among them, if it has not begun before.
        """
        while self._used < len(self.items) and self.items[self._used].layer == layer:
            item = self.items[self._used]
            self._used += 1
            streamed = [
                number
                for number, other in enumerate(self.items)
                if number >= self._used and not other.resident
            ]
            ahead = [self._used - 1, *streamed[: self.prefetch]][-1] + 1
            loads = [
                load
                for other in self.items[self._issued : ahead]
                if not other.resident
                for load in self._loads(other)
            ]
            self._issued = max(self._issued, ahead)
            yield loads, item.blob

    def _loads(self, item: _Item) -> list[Work]:
        """One load for each stripe."""
        reads, offset = [], item.offset
        for buffer in item.blob.buffers:
            write = Access(buffer, None, write=True)
            for at in range(0, buffer.size, CHECKED_MAX):
                size = min(CHECKED_MAX, buffer.size - at)
                fields = dict(
                    local=Address(buffer, at),
                    row_bytes=size,
                    rows=1,
                    remote_pitch=size,
                    local_pitch=size,
                )
                remote = Remote(("weights", item.layer, self.contents[item.layer], offset + at), 0)
                reads.append(
                    Work(Stream.REMOTE, RemoteOp.READ, item.layer, fields, (write,), remote)
                )
            offset += buffer.size
        return list(stitched(reads))


def supply(
    workload: Workload,
    records: Mapping[int, Sequence[bytes]],
    sites: Sequence[Site],
    config: ChipConfig,
    strategy: Strategy,
) -> tuple[list[Supply], Mapping[int, list[tuple[bytes, ...]]]]:
    """What every chip loads.

    Parameters
    ----------
    workload : Workload
    records : mapping of int to sequence of bytes
        Channel records of each convolution.
    sites : sequence of Site
        All chips.
    config : ChipConfig
    strategy : Strategy

    Returns
    -------
    (list of Supply, dict of int to list of tuple of bytes)
        For each chip; and for each layer, what chips load, equal contents once, each in pieces of
        at most `CHECKED_MAX` bytes.

    Raises
    ------
    :exc:`CompileError`
        If weights can't be cut small enough.
    """
    supplies = [Supply(strategy.prefetch) for _ in sites]
    weights: dict[int, list[tuple[bytes, ...]]] = {}
    work = [(index, op) for index, op in workload.ops if isinstance(op, Conv)]
    for index, op in work:
        known = weights.setdefault(index, [])
        for site, chip in zip(sites, supplies, strict=True):
            striped = strategy.kept == ALL and _bound_by_weights(op, site)
            jobs = site.conv_jobs(op)
            blobs = cut(op, jobs, records[index], strategy.blob_bytes, config, striped=striped)
            content = tuple(
                stripe[at : at + CHECKED_MAX]
                for blob in blobs
                for stripe in blob.stripes
                for at in range(0, len(stripe), CHECKED_MAX)
            )
            if not content:
                continue
            if content not in known:
                known.append(content)
            chip.contents[index] = known.index(content)
            offset = 0
            for blob in blobs:
                chip.items.append(_Item(index, blob, offset))
                offset += sum(map(len, blob.stripes))
    for chip in supplies:
        for item in chip.items[: strategy.kept * len(chip.items) // ALL]:
            for buffer in item.blob.buffers:
                buffer.resident = True
    return supplies, weights


def _bound_by_weights(op: Conv, site: Site) -> bool:
    """Whether the array is done with some weights before others are there, one vector a cycle."""
    rows = site.holdings[op.output].own.rows
    width = site.workload.network.tensors[op.output].shape[1]
    return rows * width < site.config.columns
