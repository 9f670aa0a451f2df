import numpy as np
import pytest

from intarsia.digits.tape import Tape, Variable

OPERATORS = {
    "conv": lambda tape, x, w, b: tape.conv(x, w, b),
    "stride2": lambda tape, x, w, b: tape.conv(x, w, b, 2),
    "pointwise": lambda tape, x, w, b: tape.conv(x, Variable(w.data[:1, :1]), b),
    "relu": lambda tape, x, w, b: tape.relu(x),
    "add": lambda tape, x, w, b: tape.add(x, tape.relu(x)),
    "max_pool": lambda tape, x, w, b: tape.max_pool(x, 2),
    "mean": lambda tape, x, w, b: tape.mean(x),
}


def variables(generator):
    shapes = (2, 4, 6, 3), (3, 3, 3, 5), (5,)
    return [Variable(generator.normal(size=shape).astype(np.float32)) for shape in shapes]


@pytest.mark.parametrize("name", OPERATORS)
def test_gradient_is_the_slope_of_the_loss(name):
    generator = np.random.default_rng(7)
    inputs = variables(generator)
    tape = Tape()
    result = OPERATORS[name](tape, *inputs)
    towards = generator.normal(size=result.data.shape).astype(np.float32)
    tape.backward(towards)
    for variable in inputs:
        if variable.gradient is None:
            continue
        step = generator.normal(size=variable.data.shape).astype(np.float32)
        step *= 1e-3 / np.abs(step).max()
        losses = []
        for sign in (1, -1):
            variable.data += sign * step
            moved = OPERATORS[name](Tape(), *inputs)
            variable.data -= sign * step
            losses.append(float(np.sum(moved.data.astype(float) * towards)))
        expected = (losses[0] - losses[1]) / 2
        assert float(np.sum(variable.gradient * step)) == pytest.approx(
            expected, rel=0.02, abs=2e-6
        )


@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_is_its_definition(stride):
    x, w, b = variables(np.random.default_rng(8))
    result = Tape().conv(x, w, b, stride).data
    padded = np.pad(x.data, ((0, 0), (1, 1), (1, 1), (0, 0)))
    for row in range(result.shape[1]):
        for column in range(result.shape[2]):
            window = padded[:, row * stride :, column * stride :][:, :3, :3]
            expected = np.einsum("nijc,ijck->nk", window, w.data) + b.data
            np.testing.assert_allclose(result[:, row, column], expected, rtol=1e-4, atol=1e-5)


def test_equal_maxima_share_the_gradient():
    x = Variable(np.ones((1, 2, 2, 1), np.float32))
    tape = Tape()
    tape.max_pool(x, 2)
    tape.backward(np.full((1, 1, 1, 1), 8, np.float32))
    assert x.slope.ravel().tolist() == [2, 2, 2, 2]


def test_unused_variable_has_no_slope():
    with pytest.raises(ValueError, match="nothing that the loss depends on"):
        _ = Variable(np.zeros(1)).slope
