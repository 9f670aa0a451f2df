"""The macro that a macro-bank's memory is made of."""

from pathlib import Path

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

__all__ = ["SRAM_ECP5", "SRAM_SOURCE", "Sram"]

#: Verilog of the macro; goes with the Verilog of everything that has a memory.
SRAM_SOURCE = Path(__file__).with_name("sram.v")

#: What takes its place where the chip is mapped for an ECP5.
SRAM_ECP5 = SRAM_SOURCE.with_name("sram_ecp5.v")


class Sram(wiring.Component):
    """One row of bytes, at any alignment, read and written per cycle.

    An instance of a macro and not an Amaranth memory: synthesis for a chip replaces it, and Verilog
    stays small however large the memory is.

    Parameters
    ----------
    lanes : int
        Bytes of a row.
    rows : int
        A power of two.
    spread : bool
        Whether lanes may read rows that are far apart. `SRAM_ECP5` can't do that.

    Members
    -------
    read_enable : In(1)
        Data of the read are there in the next cycle, and stay until the next read.
    read_row, write_row : In(range(rows))
        Row of the first byte.
    read_next, write_next : In(lanes)
        Lanes that take the row after that one (the one after the last is the first).
    read_far : In(2 * lanes)
        For each lane, how many times ``read_apart`` rows further on it reads. Only if `spread`.
    read_apart : In(range(rows))
    read_bytes : Out(8 * lanes)
    read_parity : Out(lanes)
    write_enable : In(lanes)
    write_bytes : In(8 * lanes)
    write_parity : In(lanes)
    """

    def __init__(self, *, lanes, rows, spread):
        self.lanes = lanes
        self.rows = rows
        self.spread = spread
        super().__init__({
            "read_enable": In(1),
            "read_row": In(range(rows)),
            "read_next": In(lanes),
            "read_far": In(2 * lanes),
            "read_apart": In(range(rows)),
            "read_bytes": Out(8 * lanes),
            "read_parity": Out(lanes),
            "write_enable": In(lanes),
            "write_row": In(range(rows)),
            "write_next": In(lanes),
            "write_bytes": In(8 * lanes),
            "write_parity": In(lanes),
        })

    def elaborate(self, platform):
        m = Module()
        ports = {}
        for name, member in self.signature.members.items():
            ports[f"{'i' if member.flow is In else 'o'}_{name}"] = getattr(self, name)
        m.submodules.macro = Instance(
            "intarsia_sram",
            p_LANES=self.lanes,
            p_ROW_BITS=exact_log2(self.rows),
            p_SPREAD=int(self.spread),
            i_clk=ClockSignal(),
            **ports,
        )
        return m
