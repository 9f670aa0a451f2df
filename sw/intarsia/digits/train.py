"""Training, from nothing: Adam on shifted, turned and stretched images."""

from collections.abc import Callable

import numpy as np

from intarsia.digits.network import LAYERS, LOGITS, Conv, evaluate
from intarsia.digits.tape import Tape, Variable

__all__ = ["EPOCHS", "accuracy", "augment", "initial", "train", "warp"]

EPOCHS = 40
BATCH = 64
RATE = 3e-3
DECAY = 5e-2
SMOOTHING = 0.1
"""Part of each label that is spread over all digits."""


def initial(generator: np.random.Generator) -> dict[str, Variable]:
    """Parameters before training. What ends a residual block starts small."""
    ends = {layer.inputs[-1] for layer in LAYERS if len(layer.inputs) == 2}
    parameters = {}
    for layer in LAYERS:
        if isinstance(layer, Conv):
            shape = (layer.kernel, layer.kernel, layer.channels, layer.outputs)
            deviation = np.sqrt(2 / (layer.kernel**2 * layer.channels))
            deviation *= 0.2 if layer.name in ends else 1.0
            weights = generator.normal(0, deviation, shape).astype(np.float32)
            parameters[f"{layer.name}.weights"] = Variable(weights)
            parameters[f"{layer.name}.bias"] = Variable(np.zeros(layer.outputs, np.float32))
    return parameters


def warp(images: np.ndarray, turn: np.ndarray, move: np.ndarray) -> np.ndarray:
    """Images seen through an affine map.

    Parameters
    ----------
    images : numpy.ndarray
        (N, 1, H, W). Pixels are interpolated bilinearly; what comes from outside is 0.
    turn, move : numpy.ndarray
        The map of each image, (N, 2, 2) and (N, 2): where *turn · position + move* was, measured
        down and right from the middle of the image, *position* now is.
    """
    count, _, height, width = images.shape
    grid = np.indices((height, width)).astype(float)
    centre = np.array([height - 1, width - 1]).reshape(2, 1, 1) / 2
    source = np.einsum("nab,bhw->nahw", turn, grid - centre) + centre
    source += move.reshape(count, 2, 1, 1)
    padded = np.pad(images[:, 0], ((0, 0), (1, 2), (1, 2)))
    source = np.clip(source + 1, 0, [[[height + 1]], [[width + 1]]])
    corner = np.floor(source).astype(int)
    part = (source - corner).astype(np.float32)
    which = np.arange(count).reshape(-1, 1, 1)
    result = np.zeros((count, height, width), np.float32)
    for down in (0, 1):
        for right in (0, 1):
            share = np.abs(1 - down - part[:, 0]) * np.abs(1 - right - part[:, 1])
            result += share * padded[which, corner[:, 0] + down, corner[:, 1] + right]
    return result[:, None]


def augment(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Images as other hands might have written them: each turned, slanted, resized, moved."""
    count = len(images)
    turn = np.eye(2) + generator.uniform(-0.2, 0.2, (count, 2, 2))
    return warp(images, turn, generator.uniform(-1.0, 1.0, (count, 2)))


def accuracy(parameters: dict[str, Variable], images: np.ndarray, labels: np.ndarray) -> float:
    """Share of images whose largest logit is their label's."""
    logits = evaluate(Tape(), parameters, images)[LOGITS].data
    return float(np.mean(logits.reshape(len(images), -1).argmax(axis=1) == labels))


class _Adam:
    """Adam with decoupled weight decay; biases do not decay."""

    def __init__(self, parameters: dict[str, Variable]):
        self._parameters = parameters
        self._first = {name: np.zeros_like(v.data) for name, v in parameters.items()}
        self._second = {name: np.zeros_like(v.data) for name, v in parameters.items()}
        self._steps = 0

    def step(self, rate: float) -> None:
        self._steps += 1
        for name, variable in self._parameters.items():
            slope, variable.gradient = variable.slope, None
            first, second = self._first[name], self._second[name]
            first += 0.1 * (slope - first)
            second += 0.01 * (slope**2 - second)
            direction = first / (1 - 0.9**self._steps)
            direction /= np.sqrt(second / (1 - 0.99**self._steps)) + 1e-8
            if name.endswith(".weights"):
                direction += DECAY * variable.data
            variable.data -= np.float32(rate) * direction


def train(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    seed: int = 0,
    epochs: int = EPOCHS,
    report: Callable[[float], None] = lambda loss: None,
) -> dict[str, np.ndarray]:
    """Train the network.

    Parameters
    ----------
    images, labels : numpy.ndarray
        See :mod:`intarsia.digits.data`.
    seed : int
        Of the initial weights, the order and the augmentation. The same seed gives the same
        weights with the same BLAS library on the same processor, and nearly the same elsewhere.
    epochs : int
        Times that each image is seen.
    report : function
        Called with the mean loss after each epoch.

    Returns
    -------
    dict of str to numpy.ndarray
        Parameters by name, float16: more than int8 weights can tell apart.
    """
    generator = np.random.default_rng(seed)
    parameters = initial(generator)
    optimizer = _Adam(parameters)
    steps = epochs * -(-len(images) // BATCH)
    step = 0
    for _ in range(epochs):
        losses = []
        order = generator.permutation(len(images))
        for batch in np.split(order, range(BATCH, len(order), BATCH)):
            tape = Tape()
            logits = evaluate(tape, parameters, augment(images[batch], generator))[LOGITS].data
            wanted = np.full(logits.shape, SMOOTHING / 10, np.float32)
            wanted[np.arange(len(batch)), 0, 0, labels[batch]] += 1 - SMOOTHING
            exponents = np.exp(logits - logits.max(axis=-1, keepdims=True))
            probabilities = exponents / exponents.sum(axis=-1, keepdims=True)
            losses.append(-np.mean(np.sum(wanted * np.log(probabilities), axis=-1)))
            tape.backward((probabilities - wanted) / len(batch))
            optimizer.step(RATE * (1 + np.cos(np.pi * step / steps)) / 2)
            step += 1
        report(float(np.mean(losses)))
    return {name: variable.data.astype(np.float16) for name, variable in parameters.items()}
