"""Weights that are loaded again and again, while others are in use."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from intarsia.compiler.blobs import Blob, cut
from intarsia.compiler.estimates import blob_limit
from intarsia.compiler.layers import Site
from intarsia.compiler.work import Access, Address, Buffer, Remote, Work
from intarsia.graph import Conv
from intarsia.isa.config import ChipConfig
from intarsia.isa.instruction import RemoteOp, Stream

__all__ = ["Reloads", "load"]


class Reloads:
    """Blobs of all convolutions: the same for all stripes, and on all chips.

    Parameters
    ----------
    records : mapping of int to sequence of bytes
        Channel records of each convolution.
    config : ChipConfig
        Of every chip.

    Members
    -------
    weights : dict of int to list of tuple of bytes
        As of :class:`~intarsia.compiler.lower.Lowered`, of the convolutions that were asked for.
    """

    def __init__(self, records: Mapping[int, Sequence[bytes]], config: ChipConfig):
        self._records, self._config = records, config
        self._blobs: dict[int, list[Blob]] = {}
        self.weights: dict[int, list[tuple[bytes, ...]]] = {}

    def fresh(self, index: int, op: Conv, site: Site, least: int) -> list[Blob]:
        """The blobs of a convolution, in buffers of their own; see :func:`blob_limit`."""
        if index not in self._blobs:
            work = site.conv_jobs(op)
            limit = blob_limit(work, least, self._config)
            # Weights come slower than they are read from one macro-bank.
            blobs = cut(op, work, self._records[index], limit, self._config, striped=False)
            self._blobs[index] = blobs
            self.weights[index] = [(b"".join(sum((blob.stripes for blob in blobs), ())),)]
        return [
            replace(blob, buffers=tuple(Buffer(each.name, each.size) for each in blob.buffers))
            for blob in self._blobs[index]
        ]


def load(layer: int, buffer: Buffer, offset: int) -> Work:
    """The READ of a blob that has one stripe, from byte `offset` of its layer's weights."""
    size = buffer.size
    fields = dict(
        local=Address(buffer),
        row_bytes=size,
        rows=1,
        remote_pitch=size,
        local_pitch=size,
    )
    access = Access(buffer, None, write=True)
    remote = Remote(("weights", layer, 0, 0), offset)
    return Work(Stream.REMOTE, RemoteOp.READ, layer, fields, (access,), remote)
