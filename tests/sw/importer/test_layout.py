"""Places are followed through transpositions, and recognized again."""

from itertools import permutations

import numpy as np
import pytest

from intarsia.importer.layout import Activation, View, identity, permutation, row_permutation
from intarsia.importer.quantization import QuantizationCell


@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_permutation_of_axes_is_found(axes):
    assert permutation(identity(2, 3, 4).transpose(axes), (2, 3, 4)) == axes


def test_axes_of_size_one_stay():
    assert permutation(identity(5), (1, 1, 5)) == (0, 1, 2)
    assert permutation(identity(28, 28), (1, 28, 28)) == (0, 1, 2)


def test_a_finer_shuffle_is_no_permutation_of_axes():
    shuffled = identity(2, 2, 3).transpose(1, 0, 2).reshape(-1)
    assert permutation(shuffled, (4, 3)) is None


def test_rows():
    order = np.array([2, 0, 1])
    rows = np.arange(4)[:, None] * 3 + order
    found = row_permutation(rows)
    assert found is not None
    assert (found == order).all()
    assert row_permutation(rows[::-1]) is None
    assert row_permutation(identity(3, 4).T) is None
    assert row_permutation(rows[1:]) is None


def test_views_follow_an_input_that_is_settled_later():
    root = Activation("x", None, QuantizationCell())
    view = View(root, identity(1, 2, 3, 4).transpose(0, 2, 3, 1))
    root.settle(view.index, (3, 4, 2))
    assert root.settled
    assert (view.places.reshape(-1) == np.arange(24)).all()
    assert View(root, identity(24)).places[1] == 2
