"""Where in memory each element of a model's tensor lies.

A model reshapes and transposes its tensors; an activation is stored once, as (height, width,
channels). A :class:`View` is a model's tensor: an array of its elements' places in an activation.
Reshape, transpose and the like work on that array with NumPy's own functions and cost nothing; an
operator asks whether the places come in the order that it needs.
"""

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from intarsia.importer.quantization import QuantizationCell

__all__ = ["Activation", "View", "identity", "permutation", "row_permutation"]


class Activation:
    """A stored int8 tensor, while the model is being read.

    Members
    -------
    name : str
    shape : (int, int, int)
        Height, width, channels.
    cell : QuantizationCell
    settled : bool
        False for an input of which no operator has said yet how it wants it: its shape means
        nothing then.
    places : numpy.ndarray or None
        For an input: where each element (in the model's order) is stored. None: in that order.
    """

    def __init__(
        self, name: str, shape: tuple[int, int, int] | None, cell: QuantizationCell
    ) -> None:
        self.name = name
        self.shape = shape or (0, 0, 0)
        self.cell = cell
        self.settled = shape is not None
        self.places: np.ndarray | None = None

    def settle(self, order: np.ndarray, shape: tuple[int, int, int]) -> None:
        """Store an input as `shape`, its elements (in the model's order) in `order`."""
        self.shape = shape
        self.places = np.empty(order.size, np.int32)
        self.places[order.reshape(-1)] = identity(order.size)
        self.settled = True


@dataclass(frozen=True)
class View:
    """A tensor of the model.

    Members
    -------
    root : Activation
    index : numpy.ndarray
        In the shape of the model's tensor, batch axis included: which element of `root` each is.
    """

    root: Activation
    index: np.ndarray

    @property
    def places(self) -> np.ndarray:
        """Where each element is stored."""
        return self.index if self.root.places is None else self.root.places[self.index]


def identity(*shape: int) -> np.ndarray:
    """Index of a tensor that is stored in its own order."""
    return np.arange(np.prod(shape, dtype=np.int64), dtype=np.int32).reshape(shape)


def permutation(places: np.ndarray, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Axes in which an array of `shape` is transposed so that `places` come out, in order.

    None when there are none: the elements are shuffled more finely than by whole axes. Axes of size
    1 stay where they are whenever that is possible, so the identity is found as such.
    """
    stored = identity(*shape)
    wanted = places.reshape(-1)
    return next(
        (
            axes
            for axes in permutations(range(len(shape)))
            if np.array_equal(stored.transpose(axes).reshape(-1), wanted)
        ),
        None,
    )


def row_permutation(places: np.ndarray) -> np.ndarray | None:
    """The one order in which every row of a matrix of places takes a stored row of its own.

    None when the rows are not stored one after another, or each in its own order.
    """
    rows, length = places.shape
    order = places[0]
    expected = np.arange(rows)[:, None] * length + order[None, :]
    inside = order.min() >= 0 and order.max() < length
    return order if inside and np.array_equal(places, expected) else None
