"""Descriptors that the vector engine refuses."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.elementwise import VectorDescriptor, Windows
from intarsia.isa.faults import FaultCode
from intarsia.isa.instruction import VectorOp
from intarsia.isa.numerics import Rounding
from intarsia.vector.front import ACC

__all__ = ["Inspector"]

#: Bits of the words that faults name.
WORD = 32

#: Fields of windows.
AXES = "down", "across"


class Inspector(wiring.Component):
    """Finds what is wrong with a job. Combinational.

    Parameters
    ----------
    windows : bool
        Whether chained pools may have several windows.

    Members
    -------
    opcode : In(8)
    work : In(VectorDescriptor)
    code : Out(FaultCode)
        NONE, if nothing is; PROGRAM, if the opcode is not the vector engine's; else DESCRIPTOR.
    info : Out(24)
        Index of the first word of the descriptor that has a field that is zero, reserved, or
        unknown, a bias beyond 48 bits, the pixels of a chained pool that has several and one
        window, or the windows of what is no chained pool.
    windowed : Out(1)
        It is a chained pool of several windows, if nothing is wrong.
    """

    def __init__(self, *, windows):
        self._windows = windows
        super().__init__({
            "opcode": In(8),
            "work": In(VectorDescriptor),
            "code": Out(FaultCode),
            "info": Out(24),
            "windowed": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        work = self.work
        add = self.opcode == VectorOp.ADD
        pool = work.chained & ~add
        rounding = Value.cast(work.rounding)
        unknown = (rounding > Rounding.HALF_UP.value) | (add & (work.rounding == Rounding.MEAN))
        rest = work.bias[ACC:]
        axes = Cat(Value.cast(work.down), Value.cast(work.across))
        lacking = Cat(work[axis][name] == 0 for axis in AXES for name, _ in Windows.as_shape())
        m.d.comb += self.windowed.eq(axes.any() if self._windows else 0)
        whole = pool & ~self.windowed
        bad = {
            "out_height": (work.out_height == 0) | (whole & (work.out_height != 1)),
            "out_width": (work.out_width == 0) | (whole & (work.out_width != 1)),
            "channels": work.channels == 0,
            "rounding": unknown,
            "swapped": work.swapped & ~add,
            "reserved": work.reserved.any(),
            "taps_y": work.taps_y == 0,
            "taps_x": work.taps_x == 0,
            "reserved1": work.reserved1.any(),
            "bias": (rest ^ work.bias[ACC - 1].replicate(len(rest))).any(),
            "down": axes.any() & (~self.windowed | ~pool | lacking.any()),
            "reserved2": work.reserved2.any(),
        }

        shape = VectorDescriptor.as_shape()
        last = {"bias": shape["bias"].offset + ACC}
        words = {name: last.get(name, shape[name].offset) // WORD for name in bad}
        opcodes = [opcode.value for opcode in VectorOp]
        with m.If(~Cat(self.opcode == opcode for opcode in opcodes).any()):
            m.d.comb += self.code.eq(FaultCode.PROGRAM)
        with m.Elif(Cat(bad.values()).any()):
            m.d.comb += self.code.eq(FaultCode.DESCRIPTOR)
            for name in sorted(bad, key=words.__getitem__, reverse=True):
                with m.If(bad[name]):
                    m.d.comb += self.info.eq(words[name])
        return m
