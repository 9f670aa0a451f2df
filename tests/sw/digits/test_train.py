import numpy as np
import pytest

from intarsia.digits import data
from intarsia.digits.tape import Variable
from intarsia.digits.train import accuracy, augment, train, warp


def floats(parameters):
    return {name: Variable(value.astype(np.float32)) for name, value in parameters.items()}


def test_two_epochs_learn_something_and_repeat_exactly():
    images, labels = data.training()
    images, labels = images[:512], labels[:512]
    losses = []
    once = train(images, labels, epochs=2, report=losses.append)
    again = train(images, labels, epochs=2)
    assert losses[1] < losses[0] < 2.4
    assert all(np.array_equal(once[name], again[name]) for name in once)
    assert all(value.dtype == np.float16 for value in once.values())


def test_another_seed_is_another_network():
    images, labels = data.training()
    first, second = (train(images[:64], labels[:64], seed=seed, epochs=1) for seed in (1, 2))
    assert not np.array_equal(first["stem.weights"], second["stem.weights"])


def test_augmented_images_are_images():
    images, _ = data.training()
    moved = augment(images, np.random.default_rng(3))
    assert moved.shape == images.shape
    assert moved.dtype == np.float32
    assert moved.min() >= 0
    assert moved.max() <= 1 + 1e-6
    assert 0.85 < moved.sum() / images.sum() < 1.15


def test_half_a_pixel_of_movement_is_the_mean_of_two():
    images, _ = data.training()
    padded = np.pad(images[:4], ((0, 0), (0, 0), (0, 1), (0, 1)))
    expected = (padded[:, :, :-1, 1:] + padded[:, :, 1:, 1:]) / 2
    turn = np.broadcast_to(np.eye(2), (4, 2, 2))
    moved = warp(images[:4], turn, np.broadcast_to([0.5, 1.0], (4, 2)))
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_a_quarter_turn_turns():
    images, _ = data.training()
    turn = np.broadcast_to([[0.0, 1.0], [-1.0, 0.0]], (4, 2, 2))
    expected = np.rot90(images[:4], axes=(2, 3))
    np.testing.assert_allclose(warp(images[:4], turn, np.zeros((4, 2))), expected, atol=1e-6)


@pytest.mark.slow
def test_training_from_nothing_reaches_97_percent():
    assert accuracy(floats(train(*data.training())), *data.held_out()) >= 0.97
