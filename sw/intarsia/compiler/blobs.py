"""Weights and channel records, in pieces that are loaded at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from intarsia.compiler.errors import MemoryShortageError
from intarsia.compiler.kernels import Job, pack, tiles
from intarsia.compiler.work import Address, Buffer
from intarsia.graph import Conv
from intarsia.isa.config import ChipConfig
from intarsia.isa.kernel import WEIGHTS

__all__ = ["Blob", "Piece", "cut", "grouped", "parts"]


@dataclass(frozen=True)
class Piece:
    """A job, and where its weights and records begin in their blob.

    Members
    -------
    job : Job
    weights : tuple of int
        In each stripe.
    records : int
        In the first stripe.
    """

    job: Job
    weights: tuple[int, ...]
    records: int


@dataclass(frozen=True, eq=False)
class Blob:
    """Pieces that lie side by side, in one stripe, or in as many as there are weight ports.

    Members
    -------
    pieces : tuple of Piece
    stripes : tuple of bytes
    buffers : tuple of Buffer
        Of each stripe, at the chip that uses it.
    """

    pieces: tuple[Piece, ...]
    stripes: tuple[bytes, ...] = field(repr=False)
    buffers: tuple[Buffer, ...]

    def operands(self, piece: Piece) -> dict[str, Address | int]:
        """Fields of the descriptor of `piece`."""
        stripes = map(Address, self.buffers, piece.weights)
        records = Address(self.buffers[0], piece.records)
        striped = int(len(self.buffers) > 1)
        return dict(zip(WEIGHTS, stripes, strict=False)) | dict(records=records, striped=striped)


def cut(
    op: Conv,
    work: Sequence[Job],
    records: Sequence[bytes],
    limit: int,
    config: ChipConfig,
    *,
    striped: bool = False,
) -> list[Blob]:
    """Blobs of at most `limit` bytes for the jobs `work` of `op`.

    Parameters
    ----------
    op : Conv
    work : sequence of Job
    records : sequence of bytes
        Of all output channels of `op`.
    limit : int
    config : ChipConfig
    striped : bool
        Whether weights are to be read from several macro-banks at once, where that is possible.

    Raises
    ------
    :exc:`MemoryShortageError`
        If not even one output channel is that small.
    """
    groups = grouped(op, work, limit, config)
    return [_blob(op, group, records, config, striped) for group in groups]


def grouped(op: Conv, work: Sequence[Job], limit: int, config: ChipConfig) -> list[list[Job]]:
    """Jobs of each blob; otherwise as :func:`cut`."""
    groups: list[list[Job]] = []
    filled = limit
    for job in work:
        for part in parts(op, job, limit, config):
            size = part.blob_bytes(config)
            if filled + size > limit:
                groups.append([])
                filled = 0
            groups[-1].append(part)
            filled += size
    return groups


def parts(op: Conv, job: Job, limit: int, config: ChipConfig) -> list[Job]:
    """`job` cut so that each part's weights and records have at most `limit` bytes.

    Raises
    ------
    :exc:`MemoryShortageError`
        If not even one output channel is that small.
    """
    found = tiles(job, limit, config)
    if found is None:
        raise MemoryShortageError(
            f"Operator {op.name!r}: weights of one output channel are "
            f"{job.chunks(config) * config.lanes} bytes, more than the {limit} that "
            f"configuration {config.name!r} has room for"
        )
    return found


def _blob(
    op: Conv, group: Sequence[Job], records: Sequence[bytes], config: ChipConfig, striped: bool
) -> Blob:
    count = config.weight_ports if striped and not any(job.diagonal for job in group) else 1
    stripes, pieces = [b""] * count, []
    for job in group:
        starts = tuple(map(len, stripes))
        weights = pack(op, job, config)
        dealt = _dealt(weights, job, config) if count > 1 else [weights]
        stripes = [stripe + part for stripe, part in zip(stripes, dealt, strict=True)]
        pieces.append(Piece(job, starts, len(stripes[0])))
        stripes[0] += b"".join(records[job.first : job.last])
    name = f"weights of {op.name!r}, channels {group[0].first} to {group[-1].last - 1}"
    names = [name] if count == 1 else [f"{name}, stripe {number}" for number in range(count)]
    buffers = (Buffer(*pair) for pair in zip(names, map(len, stripes), strict=True))
    return Blob(tuple(pieces), tuple(stripes), tuple(buffers))


def _dealt(weights: bytes, job: Job, config: ChipConfig) -> list[bytes]:
    """Columns of each chunk of `weights`, dealt out to stripes; zero for those that don't exist."""
    vectors = np.frombuffer(weights, np.int8).reshape(-1, config.lanes)
    ports, chunks, at = config.weight_ports, job.chunks(config), 0
    stripes = [b""] * ports
    for start in range(0, job.channels, config.columns):
        columns = min(config.columns, job.channels - start)
        block = vectors[at : at + chunks * columns].reshape(chunks, columns, config.lanes)
        at += chunks * columns
        whole = np.pad(block, [(0, 0), (0, -columns % ports), (0, 0)])
        stripes = [
            stripe + whole[:, number::ports].tobytes() for number, stripe in enumerate(stripes)
        ]
    return stripes
