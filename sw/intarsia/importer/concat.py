"""Tensors that are joined along an axis."""

from collections.abc import Sequence

import numpy as np

from intarsia.graph import Concat
from intarsia.importer.builder import Builder
from intarsia.importer.errors import ModelError
from intarsia.importer.layout import Activation, View, identity

__all__ = ["concatenated"]


def concatenated(
    builder: Builder, views: Sequence[View], axis: int, name: str, output: str, where: str
) -> View:
    """Append a Concat of tensors that are maps (1, height, width, channels) or vectors."""
    rank = views[0].index.ndim
    axis %= rank
    if any(view.index.ndim != rank for view in views):
        raise ModelError(f"{where}: its inputs have different ranks")
    cell = views[0].root.cell
    for view in views[1:]:
        view.root.cell.join(cell, where)
    if rank == 4 and axis > 0:
        sources = [builder.as_map(view, where) for view in views]
        places = axis - 1
    elif all(max(view.index.shape) == view.index.size == view.index.shape[axis] for view in views):
        sources = [_vector(builder, view, where) for view in views]
        places = 2
    else:
        raise ModelError(f"{where}: cannot join tensors of rank {rank} along axis {axis}")
    shapes = np.array([source.shape for source in sources])
    shape = shapes[0].copy()
    shape[places] = shapes[:, places].sum()
    if (np.delete(shapes, places, 1) != np.delete(shape, places)).any():
        raise ModelError(f"{where}: its inputs differ in more than axis {axis}")
    size = (int(shape[0]), int(shape[1]), int(shape[2]))
    result = builder.emit(Concat, name, sources, output, size, cell, axis=places)
    if rank == 4 and axis > 0:
        return View(result, identity(1, *size))
    offsets = np.cumsum([0, *shapes[:-1, 2]])
    index = [view.places + offset for view, offset in zip(views, offsets, strict=True)]
    return View(result, np.concatenate(index, axis).astype(np.int32))


def _vector(builder: Builder, view: View, where: str) -> Activation:
    root = builder.settle(view, where).root
    return builder.reshaped(root, (1, 1, view.index.size))
