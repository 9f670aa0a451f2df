import numpy as np

from intarsia.digits.network import IMAGE, LAYERS, LOGITS, Add, Conv, evaluate
from intarsia.digits.tape import Tape
from intarsia.digits.train import initial


def tensors():
    generator = np.random.default_rng(5)
    images = generator.random((3, 1, 8, 8), np.float32)
    return evaluate(Tape(), initial(generator), images)


def test_shapes():
    shapes = {name: tensor.data.shape[1:] for name, tensor in tensors().items()}
    assert shapes[IMAGE] == (8, 8, 1)
    assert shapes["fine"] == (8, 8, 16)
    assert shapes["coarse"] == (4, 4, 32)
    assert shapes["strongest"] == (2, 2, 32)
    assert shapes["mean"] == (1, 1, 32)
    assert shapes[LOGITS] == (1, 1, 10)


def test_rectified_tensors_are_not_negative_and_others_are():
    values = tensors()
    for layer in LAYERS:
        if isinstance(layer, Add | Conv):
            assert (values[layer.name].data.min() >= 0) == layer.relu, layer.name


def test_network_is_under_a_million_macs_in_convolutions_worth_spreading():
    values = tensors()
    macs = {
        layer.name: layer.kernel**2 * layer.channels * values[layer.name].data[0].size
        for layer in LAYERS
        if isinstance(layer, Conv)
    }
    assert sum(macs.values()) < 1_000_000
    assert sum(count >= 100_000 for count in macs.values()) == 4
