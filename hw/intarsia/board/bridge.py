"""From requests on a serial line to transactions of AXI4-Lite."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.registers import INTERRUPTS
from intarsia.isa.serial import SerialCommand, SerialReply, SerialRequest, SerialStatus
from intarsia.sequencer.axi import ADDRESS_BITS, AxiLite, Response

__all__ = ["Bridge"]


class Bridge(wiring.Component):
    """Answers `SerialRequest` by `SerialReply`, and says INTERRUPT when a line rises.

    One request at a time: who asks again before there is a reply may get a wrong one.

    Parameters
    ----------
    patience : int
        Cycles after which the bytes of a request that is not complete are forgotten.

    Members
    -------
    i : In(stream.Signature(8, always_ready=True))
    o : Out(stream.Signature(8))
    axil : Out(AxiLite())
    irq : In(len(INTERRUPTS))
    """

    def __init__(self, *, patience):
        if not isinstance(patience, int) or patience <= 0:
            raise ValueError(f"Patience must be a positive integer, not {patience!r}")
        self.patience = patience
        super().__init__({
            "i": In(stream.Signature(8, always_ready=True)),
            "o": Out(stream.Signature(8)),
            "axil": Out(AxiLite()),
            "irq": In(len(INTERRUPTS)),
        })

    def elaborate(self, platform):
        m = Module()
        request = Signal(SerialRequest, reset_less=True)
        taken = Signal(range(_bytes(SerialRequest)))
        total = Signal(8)
        whole = Signal()
        asked = Signal()
        silence = Signal(range(self.patience + 1))

        reply = Signal(SerialReply, reset_less=True)
        left = Signal(range(_bytes(SerialReply) + 1))
        spoken = Signal(8)

        was = Signal.like(self.irq)
        rises = Signal()
        risen = Signal()
        m.d.comb += rises.eq((self.irq & ~was).any())
        m.d.sync += was.eq(self.irq)
        with m.If(rises):
            m.d.sync += risen.eq(1)

        def answer(status, value=0):
            """Send a reply."""
            m.d.sync += [
                reply.status.eq(status),
                reply.value.eq(value),
                left.eq(_bytes(SerialReply)),
                spoken.eq(0),
            ]
            m.next = "SAY"

        axil = self.axil
        m.d.comb += [
            axil.awaddr.eq(request.address),
            axil.araddr.eq(request.address),
            axil.wdata.eq(request.value),
            axil.wstrb.eq(~0),
            whole.eq(taken == _bytes(SerialRequest) - 1),
        ]
        with m.If(self.i.valid):
            m.d.sync += [
                request.eq(Cat(request.as_value()[8:], self.i.p)),
                taken.eq(Mux(whole, 0, taken + 1)),
                total.eq(Mux(taken == 0, 0, total) + self.i.p),
                silence.eq(self.patience),
            ]
            with m.If(whole):
                m.d.sync += asked.eq(1)
        with m.Elif(silence == 0):
            m.d.sync += taken.eq(0)
        with m.Elif(taken != 0):
            m.d.sync += silence.eq(silence - 1)

        with m.FSM():
            with m.State("LISTEN"):
                with m.If(asked):
                    m.d.sync += asked.eq(0)
                    m.next = "UNDERSTAND"
                with m.Elif(risen):
                    m.d.sync += risen.eq(rises)
                    answer(SerialStatus.INTERRUPT, self.irq)
            with m.State("UNDERSTAND"):
                with m.If(total != 0):
                    answer(SerialStatus.GARBLED)
                with m.Elif((request.address >> ADDRESS_BITS) != 0):
                    answer(SerialStatus.REFUSED)
                with m.Elif(request.command == SerialCommand.READ.value):
                    m.d.sync += [axil.arvalid.eq(1), axil.rready.eq(1)]
                    m.next = "READ"
                with m.Elif(request.command == SerialCommand.WRITE.value):
                    m.d.sync += [axil.awvalid.eq(1), axil.wvalid.eq(1), axil.bready.eq(1)]
                    m.next = "WRITE"
                with m.Else():
                    answer(SerialStatus.GARBLED)
            with m.State("READ"):
                with m.If(axil.arready):
                    m.d.sync += axil.arvalid.eq(0)
                with m.If(axil.rvalid):
                    m.d.sync += axil.rready.eq(0)
                    with m.If(axil.rresp == Response.OKAY):
                        answer(SerialStatus.OKAY, axil.rdata)
                    with m.Else():
                        answer(SerialStatus.REFUSED)
            with m.State("WRITE"):
                with m.If(axil.awready):
                    m.d.sync += axil.awvalid.eq(0)
                with m.If(axil.wready):
                    m.d.sync += axil.wvalid.eq(0)
                with m.If(axil.bvalid):
                    m.d.sync += axil.bready.eq(0)
                    with m.If(axil.bresp == Response.OKAY):
                        answer(SerialStatus.OKAY)
                    with m.Else():
                        answer(SerialStatus.REFUSED)
            with m.State("SAY"):
                m.d.comb += [
                    self.o.valid.eq(1),
                    self.o.p.eq(Mux(left == 1, -spoken, reply.as_value()[:8])),
                ]
                with m.If(self.o.ready):
                    m.d.sync += [
                        reply.eq(reply.as_value() >> 8),
                        spoken.eq(spoken + self.o.p),
                        left.eq(left - 1),
                    ]
                    with m.If(left == 1):
                        m.next = "LISTEN"
        return m


def _bytes(layout):
    """Bytes of a message."""
    return layout.as_shape().size // 8
