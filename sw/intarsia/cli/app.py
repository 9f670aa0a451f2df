"""The program `intarsia`: its commands, and what it says when it can't do what it is told."""

import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from intarsia.cli.demo import demo
from intarsia.cli.run import run
from intarsia.cli.verilog import verilog

__all__ = ["main"]

MISMATCH, REFUSED, FAULT = 1, 2, 3
"""Exit codes: the golden model disagrees; bad input; the chips (or their making) failed."""

app = typer.Typer(
    name="intarsia",
    help="One neural network, inlaid over many small chips.",
    epilog="Example: intarsia run model.tflite --chips 4 --check",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command(
    epilog="Example: intarsia run model.onnx --input x.npy --chips 4 --trace t.json --report report"
    "\n\nExample: intarsia run model.tflite --chips 4 --check "
    "--faults ber=1e-6,drop=1e-4,kill=chip2@40000,sram_flip=chip1@9000,seed=7"
)(run)
app.command(epilog="Example: intarsia verilog --config ecp5-85k -o build/verilog")(verilog)
app.command(epilog="Example: intarsia demo --chips 2 --picture demo.svg")(demo)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command, and leave with its exit code.

    Parameters
    ----------
    arguments : sequence of str or None
        By default those of the process.
    """
    try:
        code = app(arguments, prog_name="intarsia", standalone_mode=False)
    except TyperException as error:
        code = _fail(error.format_message(), REFUSED)
    except typer.Abort:
        code = _fail("interrupted", 130)
    except _refusals() as error:
        code = _fail(_told(error), REFUSED)
    except _failures() as error:
        code = _fail(str(error), FAULT)
    sys.exit(code)


def _fail(message: str, code: int) -> int:
    """Say what is wrong, in one line."""
    if message:  # there is none where the help was shown instead
        print(f"intarsia: {' '.join(message.split())}", file=sys.stderr)
    return code


def _told(error: BaseException) -> str:
    match error:
        case OSError(filename=str(name), strerror=str(reason)):
            return f"{name}: {reason}"
        case _:
            return str(error)


# Imported only when something went wrong: help and completion need not wait for them.


def _refusals() -> tuple[type[Exception], ...]:
    """Errors that the user can cure."""
    from intarsia.compiler.errors import CompileError
    from intarsia.cosim.faults import FaultsError
    from intarsia.golden import InputError, ScaleError
    from intarsia.importer import ModelError
    from intarsia.isa.topologies import TopologyError

    return (
        CompileError,
        FaultsError,
        InputError,
        ModelError,
        ScaleError,
        TopologyError,
        OSError,
    )


def _failures() -> tuple[type[Exception], ...]:
    """Errors of the simulated machines, and of the tools that make them."""
    from intarsia.cosim.fabric import FabricError
    from intarsia.cosim.toolchain import BuildError
    from intarsia.driver.errors import DriverError

    return BuildError, DriverError, FabricError
