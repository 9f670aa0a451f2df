"""Real networks give the bytes that their own runtimes gave, for all goldens, in all modes."""

from functools import cache

import numpy as np
import pytest

from intarsia.golden import evaluate, present_output, quantize_input
from intarsia.graph import Mode
from intarsia.importer import load
from tests.inputs import NETWORKS, goldens

read = cache(load)

#: TFLite Micro's softmax is off by one here, and nowhere else: (inference, class).
ODD_BYTES = {("tinymaix_cifar10_int8", Mode.TFLITE): [[78, 5]]}


def run(model, x, mode):
    """The model's own outputs, as vectors, for `x`, NHWC, which it is given in its own order."""
    network = read(model)
    [source], [result] = network.inputs, network.outputs
    ordered = np.moveaxis(x, -1, 1) if model.suffix == ".onnx" else x
    values = ordered.reshape(len(x), *source.model_shape)
    activation = quantize_input(source, network.tensors[source.tensor], values)
    activations = evaluate(network, {source.tensor: activation}, mode)
    y = present_output(result, network.tensors[result.tensor], activations[result.tensor])
    return y.reshape(len(x), -1)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_exact(inputs_folder, name, suffix, mode):
    x, expected = goldens(inputs_folder, name, mode)
    y = run(inputs_folder / "models" / f"{name}.{suffix}", x, mode)
    assert y.dtype == expected.dtype
    assert y.shape == expected.shape
    assert np.argwhere(y != expected).tolist() == ODD_BYTES.get((name, mode), [])


@pytest.mark.parametrize("mode", [Mode.ONNX, Mode.XNNPACK])
@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
def test_mobilenet_v2_is_exact(inputs_folder, suffix, mode):
    with np.load(inputs_folder / "goldens" / "mobilenet_v2_224_int8.npz") as archive:
        x = archive["image_nhwc_uint8"]
        expected = {
            Mode.ONNX: archive["out_ort_int8"],
            Mode.XNNPACK: (archive["out_fp32rne_xnnpack_uint8"] - 128).astype(np.int8),
        }[mode]
    if suffix == "onnx":  # int8 from end to end; the .tflite is uint8 at both ends
        x = (x - 128).astype(np.int8)
    y = run(inputs_folder / "models" / f"mobilenet_v2_224_int8.{suffix}", x, mode)
    if suffix == "tflite":
        y = (y - 128).astype(np.int8)
    np.testing.assert_array_equal(y, expected)
