"""What the program answers to what can't be done: one line, exit code 2, no traceback."""

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points

import numpy as np
import onnx
import pytest

from intarsia.cli import main
from intarsia.digits import MODEL
from tests.inputs import NETWORKS


@pytest.fixture
def ask(capsys):
    """Exit code, and what came on both outputs."""

    def ask(*arguments):
        with pytest.raises(SystemExit) as leaving:
            main([str(argument) for argument in arguments])
        return leaving.value.code or 0, *capsys.readouterr()

    return ask


def refused(answer):
    """The one line that says why."""
    code, out, err = answer
    assert code == 2
    assert out == ""
    assert err.startswith("intarsia: ")
    assert err.count("\n") == 1
    return err


@pytest.fixture
def float_model(tmp_path):
    real = onnx.TensorProto.FLOAT
    shape = ["N", 1, 4, 4]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["x"], ["y"])],
        "float",
        [onnx.helper.make_tensor_value_info("x", real, shape)],
        [onnx.helper.make_tensor_value_info("y", real, shape)],
    )
    path = tmp_path / "float.onnx"
    onnx.save(onnx.helper.make_model(graph), path)
    return path


def one_convolution(channels):
    """A model that sums up all of its channels."""
    constants = {
        "scale": np.float32(1),
        "zero": np.int8(0),
        "weights": np.ones((1, channels, 1, 1), np.int8),
    }
    inputs = ["x", "scale", "zero", "weights", "scale", "zero", "scale", "zero"]
    int8 = onnx.TensorProto.INT8
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("QLinearConv", inputs, ["y"])],
        "one",
        [onnx.helper.make_tensor_value_info("x", int8, ["N", channels, 1, 1])],
        [onnx.helper.make_tensor_value_info("y", int8, ["N", 1, 1, 1])],
        [onnx.numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )
    return onnx.helper.make_model(graph).SerializeToString()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nowhere.onnx"], r"nowhere\.onnx: No such file"),
        (["run", "nowhere.tflite"], r"nowhere\.tflite: No such file"),
        (["run", "model.h5"], r"model\.h5: unknown kind of file"),
        (["run", MODEL, "--input", "nowhere.npy"], r"nowhere\.npy: No such file"),
        (["run", MODEL, "--output", MODEL / "y.npy"], r"digits_int8\.onnx: File exists"),
        (["run", MODEL, "--json", MODEL / "y.json"], r"digits_int8\.onnx: File exists"),
        (["run", MODEL, "--trace", MODEL / "t.json"], r"digits_int8\.onnx: File exists"),
        (["run", MODEL, "--report", MODEL], r"digits_int8\.onnx: File exists"),
        (["demo", "--picture", MODEL / "p.svg"], r"digits_int8\.onnx: File exists"),
        (["verilog", "-o", "x", "--json", MODEL / "v.json"], r"digits_int8\.onnx: File exists"),
        (["run", MODEL, "--chips", "0"], r"--chips"),
        (["run", MODEL, "--chips", "33"], r"--chips"),
        (["run", MODEL, "--chips", "many"], r"--chips"),
        (["run", MODEL, "--config", "huge"], r"'huge', but tiny, ecp5-85k, large"),
        (["run", MODEL, "--mode", "exact"], r"--mode.*'exact'"),
        (["run", MODEL, "--partition", "thin"], r"'thin', but auto, rows, channels"),
        (["run"], r"MODEL"),
        (["verilog"], r"-o"),
        (["verilog", "-o", "x", "--config", "huge"], r"'huge', but tiny, ecp5-85k, large"),
        (["demo", "--images", "0"], r"--images"),
        (["fly"], r"'fly'"),
    ],
    ids=lambda value: "-".join(map(str, value[:4:2])) if isinstance(value, list) else "",
)
def test_refusal(ask, arguments, message):
    assert re.search(message, refused(ask(*arguments)))


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize("content", [b"", b"no model", bytes(4096)])
def test_damaged_model(ask, tmp_path, suffix, content):
    path = tmp_path / f"damaged.{suffix}"
    path.write_bytes(content)
    assert path.name in refused(ask("run", path))


def test_truncated_model(ask, tmp_path):
    path = tmp_path / "cut.onnx"
    path.write_bytes(MODEL.read_bytes()[:20_000])
    assert "cut.onnx" in refused(ask("run", path))


@pytest.mark.parametrize("suffix", ["onnx", "tflite"])
@pytest.mark.parametrize("name", NETWORKS)
def test_truncated_real_model(ask, inputs_folder, tmp_path, name, suffix):
    content = (inputs_folder / "models" / f"{name}.{suffix}").read_bytes()
    path = tmp_path / f"cut.{suffix}"
    for part in (0.01, 0.3, 0.99):
        path.write_bytes(content[: int(part * len(content))])
        assert path.name in refused(ask("run", path))


@pytest.mark.parametrize("node", ["Softsign", "Foo"])
def test_unsupported_operator(ask, tmp_path, node):
    real = onnx.TensorProto.FLOAT
    x, y = (onnx.helper.make_tensor_value_info(n, real, ["N", 1, 4, 4]) for n in "xy")
    graph = onnx.helper.make_graph([onnx.helper.make_node(node, ["x"], ["y"])], "odd", [x], [y])
    path = tmp_path / "odd.onnx"
    onnx.save(onnx.helper.make_model(graph), path)
    err = refused(ask("run", path))
    assert f"odd.onnx: {node} 'y' is not supported" in err


def test_float_model(ask, float_model):
    assert "float.onnx" in refused(ask("run", float_model))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((1, 8, 8), np.float32), "(1, 8, 8), not (N, 1, 8, 8)"),
        (np.zeros((1, 1, 8, 8), np.int32), "int32, not float32"),
    ],
    ids=["shape", "type"],
)
def test_wrong_input(ask, tmp_path, array, message):
    np.save(tmp_path / "x.npy", array)
    err = refused(ask("run", MODEL, "--input", tmp_path / "x.npy"))
    assert "x.npy" in err
    assert message in err


def test_network_too_large_for_the_chips(ask, tmp_path):
    path = tmp_path / "large.onnx"
    path.write_bytes(one_convolution(channels=4096))
    err = refused(ask("run", path, "--config", "tiny"))
    assert "large" in err
    assert "'tiny'" in err


def test_help_has_an_example_for_every_command(ask):
    code, out, _ = ask("--help")
    assert code == 0
    assert "Example: intarsia run" in out
    for command in ("run", "verilog", "demo"):
        assert command in out
        code, text, _ = ask(command, "--help")
        assert code == 0
        assert f"Example: intarsia {command}" in text


def test_without_arguments_there_is_help(ask):
    code, out, err = ask()
    assert code == 2
    assert "Usage: intarsia" in out
    assert err == ""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("intarsia ", "demo run verilog"),
        ("intarsia run --config ", "ecp5-85k large tiny"),
        ("intarsia run --partition ", "auto channels rows"),
        ("intarsia run --mode ", "onnx tflite xnnpack"),
    ],
)
def test_shell_completes(line, expected):
    environment = os.environ | {
        "_INTARSIA_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(line.count(" ")),
    }
    command = [sys.executable, "-c", "from intarsia.cli import main; main()"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert sorted(result.stdout.split()) == expected.split()


def test_program_is_installed():
    (entry,) = entry_points(group="console_scripts", name="intarsia")
    assert entry.load() is main
