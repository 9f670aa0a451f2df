"""Weights and channel records, in pieces that are loaded at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from intarsia.compiler.errors import MemoryShortageError
from intarsia.compiler.kernels import Job, pack, tiles
from intarsia.compiler.work import Buffer
from intarsia.graph import Conv
from intarsia.isa.config import ChipConfig

__all__ = ["Blob", "Piece", "cut", "parts"]


@dataclass(frozen=True)
class Piece:
    """A job, and where its weights and records begin in their blob."""

    job: Job
    weights: int
    records: int


@dataclass(frozen=True, eq=False)
class Blob:
    """Pieces that lie side by side.

    Members
    -------
    pieces : tuple of Piece
    content : bytes
    buffer : Buffer
        Of the chip that uses it.
    """

    pieces: tuple[Piece, ...]
    content: bytes = field(repr=False)
    buffer: Buffer


def cut(
    op: Conv,
    work: Sequence[Job],
    records: Sequence[bytes],
    limit: int,
    config: ChipConfig,
) -> list[Blob]:
    """Blobs of at most `limit` bytes for the jobs `work` of `op`.

    Raises
    ------
    :exc:`MemoryShortageError`
        If not even one output channel is that small.
    """
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
    return [_blob(op, group, records, config) for group in groups]


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


def _blob(op: Conv, group: Sequence[Job], records: Sequence[bytes], config: ChipConfig) -> Blob:
    content, pieces = b"", []
    for job in group:
        weights = pack(op, job, config)
        pieces.append(Piece(job, len(content), len(content) + len(weights)))
        content += weights + b"".join(records[job.first : job.last])
    name = f"weights of {op.name!r}, channels {group[0].first} to {group[-1].last - 1}"
    return Blob(tuple(pieces), content, Buffer(name, len(content)))
