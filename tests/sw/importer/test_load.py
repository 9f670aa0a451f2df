"""Real models load to the operators that they hold; damaged files are refused in one line."""

import random
from collections import Counter

import numpy as np
import pytest

from intarsia.graph import Conv
from intarsia.importer import ModelError, load
from tests.inputs import NETWORKS

OPERATORS = {
    "ad_autoencoder_int8": dict(Conv=10),
    "mobilenet_v2_224_int8": dict(Conv=53, Add=10, Mean=1, Softmax=1),
    "resnet8_cifar10_int8": dict(Conv=10, Add=3, AveragePool=1, Softmax=1),
    "tinymaix_cifar10_int8": dict(Conv=4, Reshape=1, Softmax=1),
    "tinymaix_mnist_dw_int8": dict(Conv=5, Mean=1, Softmax=1),
    "tinymaix_mnist_resnet_int8": dict(Conv=5, Add=1, Reshape=1, Softmax=1),
    "tinymaix_mnist_valid_int8": dict(Conv=4, Mean=1, Softmax=1),
    "vww96_mobilenetv1_int8": dict(Conv=28, AveragePool=1, Softmax=1),
}
"""In both formats."""

SHAPES = {
    "ad_autoencoder_int8": ((1, 1, 640), (1, 1, 640)),
    "mobilenet_v2_224_int8": ((224, 224, 3), (1, 1, 1001)),
    "resnet8_cifar10_int8": ((32, 32, 3), (1, 1, 10)),
    "tinymaix_cifar10_int8": ((32, 32, 3), (1, 1, 10)),
    "tinymaix_mnist_dw_int8": ((28, 28, 1), (1, 1, 10)),
    "tinymaix_mnist_resnet_int8": ((28, 28, 1), (1, 1, 10)),
    "tinymaix_mnist_valid_int8": ((28, 28, 1), (1, 1, 10)),
    "vww96_mobilenetv1_int8": ((96, 96, 3), (1, 1, 2)),
}
"""Input and output."""

MACS = {
    "ad_autoencoder_int8": 264_192,
    "mobilenet_v2_224_int8": 300_775_552,  # 1,280 more than with 1,000 classes
    "resnet8_cifar10_int8": 12_501_632,
}
"""Multiplications of the convolutions, by public descriptions of these networks."""


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize("name", OPERATORS)
def test_real_model(inputs_folder, name, suffix):
    network = load(inputs_folder / "models" / f"{name}.{suffix}")
    assert network.name == name
    assert Counter(type(op).__name__ for op in network.ops) == OPERATORS[name]
    ends = (network.inputs[0].tensor, network.outputs[0].tensor)
    assert tuple(network.tensors[end].shape for end in ends) == SHAPES[name]
    unsigned = (name, suffix) == ("mobilenet_v2_224_int8", "tflite")
    assert (
        network.inputs[0].dtype == network.outputs[0].dtype == (np.uint8 if unsigned else np.int8)
    )


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize("name", MACS)
def test_work_of_a_real_model(inputs_folder, name, suffix):
    network = load(inputs_folder / "models" / f"{name}.{suffix}")
    convolutions = [op for op in network.ops if isinstance(op, Conv)]
    work = [op.weights.size * np.prod(network.tensors[op.output].shape[:2]) for op in convolutions]
    assert sum(work) == MACS[name]


@pytest.mark.parametrize("name", NETWORKS)
def test_both_formats_hold_the_same_network(inputs_folder, name):
    one, other = (
        load(inputs_folder / "models" / f"{name}.{suffix}") for suffix in ("onnx", "tflite")
    )
    for left, right in zip(one.ops, other.ops, strict=True):
        for a, b in zip((*left.inputs, left.output), (*right.inputs, right.output), strict=True):
            a, b = one.tensors[a], other.tensors[b]
            assert (a.shape, a.scale, a.zero_point) == (b.shape, b.scale, b.zero_point)
        if isinstance(left, Conv) and isinstance(right, Conv):
            assert left.window == right.window
            assert left.groups == right.groups
            assert (left.weights == right.weights).all()
            assert (left.weight_scales == right.weight_scales).all()
            assert (left.bias == right.bias).all()


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
def test_truncated_model(inputs_folder, tmp_path, suffix):
    data = (inputs_folder / "models" / f"resnet8_cifar10_int8.{suffix}").read_bytes()
    seed = 7
    generator = random.Random(seed)
    lengths = [0, 1, 7, 8, len(data) // 2, *(generator.randrange(len(data)) for _ in range(50))]
    path = tmp_path / f"cut.{suffix}"
    for length in lengths:
        path.write_bytes(data[:length])
        with pytest.raises(ModelError) as error:
            load(path)
        assert str(error.value).startswith(f"cut.{suffix}: ")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
def test_damaged_model_is_refused_or_read_but_never_crashes(inputs_folder, tmp_path, suffix):
    data = (inputs_folder / "models" / f"tinymaix_mnist_resnet_int8.{suffix}").read_bytes()
    seed = 11
    generator = random.Random(seed)
    path = tmp_path / f"damaged.{suffix}"
    refused = 0
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(4):
            damaged[generator.randrange(len(data))] = generator.randrange(256)
        path.write_bytes(damaged)
        try:
            load(path)
        except ModelError:
            refused += 1
    assert refused > 0


def test_unknown_kind_of_file(tmp_path):
    with pytest.raises(ModelError, match=r"model.pb: unknown kind of file: .onnx or .tflite"):
        load(tmp_path / "model.pb")


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
def test_text_is_not_a_model(tmp_path, suffix):
    path = tmp_path / f"page.{suffix}"
    path.write_text("<!DOCTYPE html>\n<html>not found</html>\n" * 30)
    with pytest.raises(ModelError, match="download it again"):
        load(path)


def test_missing_file_is_the_callers_matter(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.onnx")
