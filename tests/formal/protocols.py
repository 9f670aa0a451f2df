"""Claims about the control port, and about tokens."""

from amaranth import Cat, Mux, Signal, Value
from amaranth.hdl import Assert, Assume

from intarsia.isa.instruction import TOKEN_MAX, Stream
from intarsia.sequencer.axi import Response, Target
from intarsia.sequencer.tokens import Tokens
from tests.formal.proof import Proof


def _target(proof, m):
    """A target with a manager that does as AXI4-Lite says [AXI4, A3.2.1], and a free far side."""
    m.submodules.dut = dut = Target()
    bus = dut.bus
    for channel, content in (("aw", ("awaddr",)), ("w", ("wdata", "wstrb")), ("ar", ("araddr",))):
        valid = getattr(bus, f"{channel}valid")
        m.d.comb += valid.eq(proof.anything(1, f"{channel}_valid"))
        waiting = Signal(name=f"{channel}_waits")
        m.d.sync += waiting.eq(valid & ~getattr(bus, f"{channel}ready"))
        with m.If(waiting):
            m.d.comb += Assume(valid)
        for name in content:
            signal = getattr(bus, name)
            before = Signal.like(signal, name=f"{name}_before")
            m.d.comb += signal.eq(proof.anything(len(signal), f"any_{name}"))
            m.d.sync += before.eq(signal)
            with m.If(waiting):
                m.d.comb += Assume(signal == before)
    m.d.comb += [
        bus.bready.eq(proof.anything(1, "b_ready")),
        bus.rready.eq(proof.anything(1, "r_ready")),
        dut.access.ready.eq(proof.anything(1, "accepts")),
        dut.value.eq(proof.anything(32, "value")),
        dut.refused.eq(proof.anything(1, "refuses")),
    ]
    return dut


class AnswersMatchTransactions(Proof):
    """Each write and each read on the control port is answered once; answers wait unchanged."""

    depth = 12

    def describe(self, m):
        dut = _target(self, m)
        bus = dut.bus
        counts = {}
        for channel in ("aw", "w", "b", "ar", "r"):
            counts[channel] = count = Signal(5, name=f"{channel}_count")
            happens = getattr(bus, f"{channel}valid") & getattr(bus, f"{channel}ready")
            m.d.sync += count.eq(count + happens)
        m.d.comb += [
            Assert(counts["b"] + bus.bvalid <= counts["aw"]),
            Assert(counts["b"] + bus.bvalid <= counts["w"]),
            Assert(counts["r"] + bus.rvalid <= counts["ar"]),
        ]
        for channel, content in (("b", ("bresp",)), ("r", ("rresp", "rdata"))):
            valid = getattr(bus, f"{channel}valid")
            waiting = Signal(name=f"{channel}_waits")
            m.d.sync += waiting.eq(valid & ~getattr(bus, f"{channel}ready"))
            with m.If(waiting):
                m.d.comb += Assert(valid)
            for name in content:
                signal = Value.cast(getattr(bus, name))
                before = Signal(len(signal), name=f"{name}_before")
                m.d.sync += before.eq(signal)
                with m.If(waiting):
                    m.d.comb += Assert(signal == before)


class AnswersSayWhatHappened(Proof):
    """A write reaches its register as it was sent, or is refused; a read brings the value."""

    depth = 10

    def describe(self, m):
        dut = _target(self, m)
        bus, access = dut.bus, dut.access
        address, value, strobe = Signal(12), Signal(32), Signal(4)
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += address.eq(bus.awaddr)
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += [value.eq(bus.wdata), strobe.eq(bus.wstrb)]
        done, refused, found = Signal(2), Signal(), Signal(32)
        m.d.sync += done.eq(0)
        with m.If(access.valid):
            with m.If(access.p.write):
                m.d.comb += [
                    Assert(access.p.address == address),
                    Assert(access.p.value == value),
                    Assert(strobe == 0xF),
                ]
            with m.If(access.ready):
                m.d.sync += [
                    done.eq(Mux(access.p.write, 1, 2)),
                    refused.eq(dut.refused),
                    found.eq(dut.value),
                ]
        expected = Mux(refused, Response.SLVERR.value, Response.OKAY.value)
        with m.If(done[0]):
            m.d.comb += [Assert(bus.bvalid), Assert(Value.cast(bus.bresp) == expected)]
        with m.If(done[1]):
            m.d.comb += [Assert(bus.rvalid), Assert(bus.rdata == found)]
            m.d.comb += Assert(Value.cast(bus.rresp) == expected)


class TokensAreCounted(Proof):
    """A token is available exactly while more of it were given than taken since the last clear."""

    depth = 7

    def describe(self, m):
        givers = (Stream.CONV, Stream.VECTOR)
        m.submodules.dut = dut = Tokens(contexts=2, givers=givers, takers=2, askers=3)
        context = self.something(m, 1, "context")
        token = self.something(m, 3, "token")
        given = [dut.give0, dut.give1]
        taken = [dut.take0, dut.take1]
        for kind, ports in (("give", given), ("take", taken)):
            for n, port in enumerate(ports):
                change = self.anything(port.payload.shape(), f"{kind}{n}")
                m.d.comb += [
                    port.p.eq(change),
                    port.valid.eq(self.anything(1, f"{kind}s{n}")),
                    Assume(change.context < 2),
                ]
                if kind == "take":
                    there = dut.available[n]
                    m.d.comb += dut.asked[n].eq(change.context)
                    m.d.comb += Assume(~port.valid | ((change.mask & ~there) == 0))
        m.d.comb += [
            dut.clear.p.eq(self.anything(1, "cleared")),
            dut.clear.valid.eq(self.anything(1, "clears")),
        ]

        count = Signal(range(TOKEN_MAX + 2))
        changing = Signal()
        accepted = [port.valid & port.ready for port in (dut.clear, *given, *taken)]
        m.d.sync += changing.eq(Cat(accepted).any())

        def names(port):
            return (port.p.context == context) & port.p.mask.bit_select(token, 1)

        with m.If(accepted[0] & (dut.clear.p == context)):
            m.d.sync += count.eq(0)
        for sign, port, accepts in zip((1, 1, -1, -1), given + taken, accepted[1:], strict=True):
            with m.If(accepts & names(port)):
                m.d.sync += count.eq(count + sign)
        m.d.comb += dut.asked[2].eq(context)
        available = dut.available[2]
        with m.If(changing):
            m.d.comb += Assert(~Cat(accepted).any())
        with m.Else():
            m.d.comb += Assert(available.bit_select(token, 1) == (count != 0))
