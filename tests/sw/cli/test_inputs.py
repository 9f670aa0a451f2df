import numpy as np
import pytest
from PIL import Image

from intarsia.cli.inputs import random_input, read_input
from intarsia.golden import InputError, quantize_input
from intarsia.graph import Network, NetworkInput, Tensor

BATCH = np.arange(2 * 3 * 4 * 6, dtype=np.int8).reshape(2, 3, 4, 6)


def network(dtype, channels=3, transpose=(1, 2, 0)):
    """A network of no layers, 4 pixels high and 6 wide."""
    shape = (4, 6, channels)
    model = shape if transpose is None else tuple(shape[i] for i in np.argsort(transpose))
    end = NetworkInput("x", model, transpose, np.dtype(dtype))
    return Network("empty", {"x": Tensor("x", shape, np.float32(0.1), -28)}, (), (end,), ())


def quantized(net, values):
    return quantize_input(net.inputs[0], net.tensors["x"], values)


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
def test_random_input_has_every_value_and_repeats(dtype):
    net = network(dtype)
    values = random_input(net, 40, seed=3)
    assert values.shape == (40, 3, 4, 6)
    assert values.dtype == dtype
    assert set(quantized(net, values).ravel()) == set(range(-128, 128))
    np.testing.assert_array_equal(values, random_input(net, 40, seed=3))
    assert (values != random_input(net, 40, seed=4)).any()


def test_npy_is_taken_as_it_is(tmp_path):
    np.save(tmp_path / "x.npy", BATCH)
    np.testing.assert_array_equal(read_input(network("int8"), str(tmp_path / "x.npy")), BATCH)


def test_npz_with_one_array(tmp_path):
    np.savez(tmp_path / "x.npz", anything=BATCH)
    np.testing.assert_array_equal(read_input(network("int8"), str(tmp_path / "x.npz")), BATCH)


def test_npz_with_several_arrays_wants_a_name(tmp_path):
    np.savez(tmp_path / "x.npz", a=[1], b=BATCH)
    source = str(tmp_path / "x.npz")
    np.testing.assert_array_equal(read_input(network("int8"), f"{source}:b"), BATCH)
    with pytest.raises(InputError, match=r"x\.npz has 2 arrays: name one as .*:NAME, of a, b"):
        read_input(network("int8"), source)
    with pytest.raises(InputError, match=r"has no array 'c': name one as .*:NAME, of a, b"):
        read_input(network("int8"), f"{source}:c")


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8"])
@pytest.mark.parametrize("transpose", [None, (1, 2, 0)], ids=["nhwc", "nchw"])
def test_picture_is_the_quantized_input(tmp_path, dtype, transpose):
    pixels = np.random.default_rng(1).integers(0, 256, (4, 6, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    net = network(dtype, transpose=transpose)
    values = read_input(net, str(tmp_path / "x.png"))
    np.testing.assert_array_equal(quantized(net, values)[0], pixels.astype(int) - 128)


def test_picture_is_resized_and_made_grey(tmp_path):
    Image.new("RGB", (60, 40), (90, 90, 90)).save(tmp_path / "x.png")
    net = network("int8", channels=1)
    values = read_input(net, str(tmp_path / "x.png"))
    assert values.shape == (1, 1, 4, 6)
    assert (values == 90 - 128).all()


def test_picture_needs_an_input_of_colours(tmp_path):
    with pytest.raises(InputError, match="an input with 5 channels cannot be a picture"):
        read_input(network("int8", channels=5), str(tmp_path / "x.png"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.npy", "x.npy is not a NumPy array of numbers"),
        ("x.npz", "x.npz is not an archive of NumPy arrays"),
        ("x.png", "x.png is no picture, .npy or .npz file"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"rubbish", b"PK\x03\x04rubbish"])
def test_rubbish_is_refused_by_name(tmp_path, name, message, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_input(network("int8"), str(tmp_path / name))


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.png"])
def test_cut_off_files_are_refused(tmp_path, name):
    path = tmp_path / name
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60), np.uint8)
    if name == "x.npy":
        np.save(path, pixels)
    elif name == "x.npz":
        np.savez_compressed(path, pixels)
    else:
        Image.fromarray(pixels).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=f"{name} is "):
        read_input(network("int8"), str(path))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (BATCH[:, :, :3], r"x\.npy: .* has shape \(2, 3, 3, 6\), not \(N, 3, 4, 6\)"),
        (BATCH[0], r"x\.npy: .* has shape \(3, 4, 6\), not \(N, 3, 4, 6\)"),
        (BATCH[:0], r"x\.npy: .* holds no inferences"),
        (BATCH.astype(np.uint8), r"x\.npy: .* is uint8, not int8"),
    ],
    ids=["shape", "no batch", "empty", "type"],
)
def test_array_that_the_model_cannot_take(tmp_path, array, message):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(InputError, match=message):
        read_input(network("int8"), str(tmp_path / "x.npy"))


def test_missing_file_is_the_systems_error():
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npy"):
        read_input(network("int8"), "nowhere.npy")


def test_network_with_two_inputs_is_refused():
    net = network("int8")
    twice = Network("pair", net.tensors, (), net.inputs * 2, ())
    with pytest.raises(InputError, match="pair has 2 inputs instead of one"):
        random_input(twice, 1, seed=0)
