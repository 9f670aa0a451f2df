"""Inputs for a network: from files of arrays, from pictures, or drawn at random."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from intarsia.golden import InputError, quantize_input
from intarsia.graph import Network, NetworkInput, Tensor

__all__ = ["random_input", "read_input"]


def read_input(network: Network, source: str) -> np.ndarray:
    """Read an input of `network`.

    Parameters
    ----------
    network : Network
        Network that has one input.
    source : str
        File: ``.npy``; ``.npz`` with one array, or ``FILE.npz:NAME``; anything else is a picture.
        Arrays are taken as they are. Of a picture, resized to the size of the input, each value 0
        to 255 becomes the quantized input -128 to 127, as networks that look at pictures have it.

    Returns
    -------
    numpy.ndarray
        ``(batch, *shape)``, as the model has it.

    Raises
    ------
    InputError
        If `source` holds nothing that the network could take.
    OSError
        If the file cannot be read.
    """
    end, tensor = _only_input(network)
    name, separator, member = source.partition(".npz:")
    path = Path(f"{name}.npz" if separator else source)
    match path.suffix.lower():
        case ".npy":
            values = _array(path)
        case ".npz":
            values = _member(path, member)
        case _:
            values = _picture(path, end, tensor)
    try:
        quantize_input(end, tensor, values)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    return values


def random_input(network: Network, count: int, seed: int) -> np.ndarray:
    """`count` inputs of `network`, each quantized value as likely as any other."""
    end, tensor = _only_input(network)
    generator = np.random.default_rng(seed)
    steps = generator.integers(-128, 128, (count, *end.model_shape), np.int16)
    return _from_steps(steps, end, tensor)


def _only_input(network: Network) -> tuple[NetworkInput, Tensor]:
    if len(network.inputs) != 1:
        raise InputError(f"{network.name} has {len(network.inputs)} inputs instead of one")
    (end,) = network.inputs
    return end, network.tensors[end.tensor]


def _from_steps(steps: np.ndarray, end: NetworkInput, tensor: Tensor) -> np.ndarray:
    """Values of the model's type that quantization takes to `steps`, int16 in -128..127."""
    if end.dtype == np.float32:
        return (steps - tensor.zero_point).astype(np.float32) * np.float32(tensor.scale)
    return (steps + (128 if end.dtype == np.uint8 else 0)).astype(end.dtype)


def _array(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError):
        raise InputError(f"{path} is not a NumPy array of numbers") from None


def _member(path: Path, name: str) -> np.ndarray:
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("one array, no archive")
            names = list(archive.files)
            if not name and len(names) == 1:
                name = names[0]
            if name in names:
                return archive[name]
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error):
        raise InputError(f"{path} is not an archive of NumPy arrays") from None
    wanted = f"no array {name!r}" if name else f"{len(names)} arrays"
    raise InputError(f"{path} has {wanted}: name one as {path}:NAME, of {', '.join(names)}")


def _picture(path: Path, end: NetworkInput, tensor: Tensor) -> np.ndarray:
    height, width, channels = tensor.shape
    modes = {1: "L", 3: "RGB"}
    if channels not in modes:
        raise InputError(f"{path}: an input with {channels} channels cannot be a picture")
    with path.open("rb") as file:
        try:
            resized = Image.open(file).convert(modes[channels]).resize((width, height))
        except UnidentifiedImageError:
            raise InputError(f"{path} is no picture, .npy or .npz file") from None
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(f"{path} is a damaged picture: {error}") from None
    steps = np.asarray(resized, np.int16).reshape(height, width, channels) - 128
    if end.transpose is not None:
        steps = steps.transpose(np.argsort(end.transpose))
    return _from_steps(steps.reshape(1, *end.model_shape), end, tensor)
