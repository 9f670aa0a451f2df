"""AXI4-Lite."""

from amaranth import *
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["ADDRESS_BITS", "WORD_BITS", "AxiLite", "RegisterAccess", "Response", "Target"]

ADDRESS_BITS = 12
WORD_BITS = 32


class Response(enum.Enum, shape=2):
    """What a transaction came to [AXI4, A3.4.4]."""

    OKAY = 0
    SLVERR = 2


class AxiLite(wiring.Signature):
    """AXI4-Lite with 32 bits of data, seen from the manager. Names are those of the standard.

    Members
    -------
    awvalid, awready, awaddr, awprot
    wvalid, wready, wdata, wstrb
    bvalid, bready, bresp
    arvalid, arready, araddr, arprot
    rvalid, rready, rdata, rresp
    """

    def __init__(self):
        super().__init__({
            "awvalid": Out(1),
            "awready": In(1),
            "awaddr": Out(ADDRESS_BITS),
            "awprot": Out(3),
            "wvalid": Out(1),
            "wready": In(1),
            "wdata": Out(WORD_BITS),
            "wstrb": Out(WORD_BITS // 8),
            "bvalid": In(1),
            "bready": Out(1),
            "bresp": In(Response),
            "arvalid": Out(1),
            "arready": In(1),
            "araddr": Out(ADDRESS_BITS),
            "arprot": Out(3),
            "rvalid": In(1),
            "rready": Out(1),
            "rdata": In(WORD_BITS),
            "rresp": In(Response),
        })

    def __eq__(self, other):
        return isinstance(other, AxiLite)

    def __repr__(self):
        return "AxiLite()"


class RegisterAccess(data.Struct):
    """One access to a register."""

    write: 1
    address: ADDRESS_BITS
    value: WORD_BITS


class Target(wiring.Component):
    """The far end of AXI4-Lite: turns transactions into accesses, one at a time.

    Address and data of a write may come in any order. Outputs to the bus are registers. A write
    that leaves out bytes is no access; it is answered with SLVERR. Protection is ignored.

    Members
    -------
    bus : In(AxiLite())
    access : Out(stream.Signature(RegisterAccess))
        Writes and reads, in turn where both wait.
    value : In(32)
        With the acceptance of a read: the register's value.
    refused : In(1)
        With the acceptance: there is no such register, or it can't be accessed so.
    """

    bus: In(AxiLite())
    access: Out(stream.Signature(RegisterAccess))
    value: In(WORD_BITS)
    refused: In(1)

    def elaborate(self, platform):
        m = Module()

        bus = self.bus
        has_waddr, has_wdata, has_raddr = Signal(), Signal(), Signal()
        waddr = Signal.like(bus.awaddr, reset_less=True)
        raddr = Signal.like(bus.araddr, reset_less=True)
        wdata = Signal.like(bus.wdata, reset_less=True)
        wstrb = Signal.like(bus.wstrb, reset_less=True)
        m.d.comb += [
            bus.awready.eq(~has_waddr),
            bus.wready.eq(~has_wdata),
            bus.arready.eq(~has_raddr),
        ]
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [has_waddr.eq(1), waddr.eq(bus.awaddr)]
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += [has_wdata.eq(1), wdata.eq(bus.wdata), wstrb.eq(bus.wstrb)]
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += [has_raddr.eq(1), raddr.eq(bus.araddr)]
        with m.If(bus.bready):
            m.d.sync += bus.bvalid.eq(0)
        with m.If(bus.rready):
            m.d.sync += bus.rvalid.eq(0)

        can_write = has_waddr & has_wdata & ~bus.bvalid
        can_read = has_raddr & ~bus.rvalid
        wrote = Signal()
        m.d.comb += self.access.p.value.eq(wdata)
        with m.FSM():
            with m.State("IDLE"):
                with m.If(can_write & ~(wrote & can_read)):
                    m.next = "WRITE"
                with m.Elif(can_read):
                    m.next = "READ"

            with m.State("WRITE"):
                whole = wstrb.all()
                m.d.comb += [
                    self.access.valid.eq(whole),
                    self.access.p.write.eq(1),
                    self.access.p.address.eq(waddr),
                ]
                with m.If(self.access.ready | ~whole):
                    m.d.sync += [
                        has_waddr.eq(0),
                        has_wdata.eq(0),
                        bus.bvalid.eq(1),
                        bus.bresp.eq(Mux(self.refused | ~whole, Response.SLVERR, Response.OKAY)),
                        wrote.eq(1),
                    ]
                    m.next = "IDLE"

            with m.State("READ"):
                m.d.comb += [self.access.valid.eq(1), self.access.p.address.eq(raddr)]
                with m.If(self.access.ready):
                    m.d.sync += [
                        has_raddr.eq(0),
                        bus.rvalid.eq(1),
                        bus.rdata.eq(self.value),
                        bus.rresp.eq(Mux(self.refused, Response.SLVERR, Response.OKAY)),
                        wrote.eq(0),
                    ]
                    m.next = "IDLE"

        return m
