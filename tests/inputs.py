"""Real networks, their goldens, and CMSIS-NN's cases: files that are not part of the project.

They are read from the folder that :envvar:`INTARSIA_INPUTS` names, or from ``../shared/inputs``
beside the project. A test that needs them asks for the fixture `inputs_folder`, and thereby counts
as a real-network case: it is skipped where the folder is absent, but fails if
:envvar:`INTARSIA_INPUTS` is set.
"""

import os
from pathlib import Path

import numpy as np

__all__ = ["CMSIS_NN", "ENVIRONMENT", "NETWORKS", "goldens", "inputs_folder"]

ENVIRONMENT = "INTARSIA_INPUTS"

#: Networks that come as ``models/NAME.onnx``, ``models/NAME.tflite`` and ``goldens/NAME.npz``.
#: MobileNetV2 is apart: it is large, and its goldens have other keys.
NETWORKS = (
    "ad_autoencoder_int8",
    "resnet8_cifar10_int8",
    "tinymaix_cifar10_int8",
    "tinymaix_mnist_dw_int8",
    "tinymaix_mnist_resnet_int8",
    "tinymaix_mnist_valid_int8",
    "vww96_mobilenetv1_int8",
)

#: Single layers, ``cmsis_nn/NAME.npz``; :mod:`tests.sim.golden.cmsis_nn` reads them.
CMSIS_NN = (
    "add",
    *(f"avgpooling_{n}" for n in (1, 2, 3)),
    "basic",
    *(f"conv_1_x_n_{n}" for n in ("1", "2", "4", "5", "6_generic", "8")),
    "conv_2",
    "conv_2x2_dilation_5x5_input",
    "conv_2x3_dilation",
    "conv_3x2_dilation",
    "conv_3x3_dilation_5x5_input",
    "depthwise_kernel_3x3",
    "depthwise_kernel_3x3_null_bias",
    "depthwise_mult_batches",
    "depthwise_null_bias_0",
    "depthwise_null_bias_1",
    "depthwise_out_activation",
    "fully_connected_mve_0",
    "fully_connected_mve_1",
    "fully_connected_null_bias_0",
    "fully_connected_out_activation",
    "grouped_conv",
    "grouped_conv_1",
    "grouped_conv_2",
    "in_ch_one_out_ch_larger_one",
    "kernel1x1",
    "kernel1x1_stride_x_y_1",
    "kernel1x1_stride_x_y_2",
    *(f"maxpooling_{n}" for n in (1, 2, 3, 4, 5, 7)),
    "stride2pad1",
)

#: Keys of the goldens, by numerics mode.
GOLDEN_KEYS = {
    "onnx": "out_ort",
    "xnnpack": "out_fp32rne_xnnpack",
    "tflite": "out_tflite_double_tflm",
}


def inputs_folder() -> Path | None:
    """Folder of the inputs, or None where there is none."""
    beside = Path(__file__).parents[2] / "shared" / "inputs"
    folder = Path(os.environ.get(ENVIRONMENT) or beside)
    return folder if (folder / "models").is_dir() else None


def goldens(folder: Path, network: str, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, NHWC, and expected outputs of `network`, one of :data:`NETWORKS`: all int8."""
    with np.load(folder / "goldens" / f"{network}.npz") as archive:
        return archive["input_nhwc_int8"], archive[GOLDEN_KEYS[mode]]
