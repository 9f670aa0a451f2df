"""A chip on a ULX3S with an LFE5U-85F."""

from amaranth import *
from amaranth.lib import cdc, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.board.bridge import Bridge
from intarsia.board.uart import UartReceiver, UartTransmitter
from intarsia.board.wire import WirePins, WireReceiver, WireTransmitter
from intarsia.chip.top import Top

__all__ = ["BAUD", "CLOCK", "LANES", "TIMEBASE", "Ulx3s"]

#: The board's clock, which is the chip's, in Hz.
CLOCK = 25_000_000

#: Bits per second of the serial line.
BAUD = 1_000_000

#: Data pins of a link, each way.
LANES = 4

#: Cycles between two pulses of the timebase. A link over few pins is slow: a full window of packets
#: must not take longer than what it is given up after, which is 7 pulses.
TIMEBASE = 1 << 14

#: Cycles of reset after power-up, and after the button.
RESET = 16


class Ulx3s(wiring.Component):
    """Chip, serial port, and links, as ``constraints/ulx3s.lpf`` connects them.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    clk_25mhz : In(1)
    button : In(1)
        Resets the chip.
    ftdi_txd, ftdi_rxd : In(1), Out(1)
        The serial line, by the names that it has at the other end. See :mod:`intarsia.isa.serial`.
    led : Out(3)
        From the lowest: interrupts, as in IRQ; an instruction has begun.
    wire_rx{p}, wire_tx{p} : In(WirePins), Out(WirePins)
        Links.
    """

    def __init__(self, *, config):
        self.config = config
        self.chip = Top(config=config)
        ports = range(config.link_ports)
        super().__init__({
            "clk_25mhz": In(1),
            "button": In(1),
            "ftdi_txd": In(1),
            "ftdi_rxd": Out(1),
            "led": Out(3),
            **{f"wire_rx{p}": In(WirePins(LANES)) for p in ports},
            **{f"wire_tx{p}": Out(WirePins(LANES)) for p in ports},
        })

    def elaborate(self, platform):
        m = Module()
        m.domains.start = ClockDomain(reset_less=True)
        m.domains.board = ClockDomain()
        m.d.comb += [
            ClockSignal("start").eq(self.clk_25mhz),
            ClockSignal("board").eq(self.clk_25mhz),
        ]
        m.submodules.chip = chip = self.chip

        button = Signal()
        held = Signal(range(RESET + 1), init=RESET)
        m.submodules.button = cdc.FFSynchronizer(self.button, button, o_domain="start")
        with m.If(button):
            m.d.start += held.eq(RESET)
        with m.Elif(held != 0):
            m.d.start += held.eq(held - 1)
        m.d.start += ResetSignal("board").eq(held != 0)
        m.d.comb += [chip.clk.eq(self.clk_25mhz), chip.rst.eq(ResetSignal("board"))]

        board = DomainRenamer("board")
        divisor = CLOCK // BAUD
        pause = 16 * 10 * divisor
        m.submodules.bridge = bridge = board(Bridge(patience=pause))
        m.submodules.receiver = receiver = board(UartReceiver(divisor=divisor))
        m.submodules.transmitter = transmitter = board(UartTransmitter(divisor=divisor))
        connect(m, receiver=receiver.o, bridge=bridge.i)
        connect(m, bridge=bridge.o, transmitter=transmitter.i)
        connect(m, bridge=bridge.axil, chip=chip.axil)
        m.d.comb += [
            receiver.rx.eq(self.ftdi_txd),
            self.ftdi_rxd.eq(transmitter.tx),
            bridge.irq.eq(chip.irq),
        ]

        sizes = {"link_bytes": self.config.link_bytes, "lanes": LANES}
        for p in range(self.config.link_ports):
            m.submodules[f"out{p}"] = out = board(WireTransmitter(**sizes))
            m.submodules[f"into{p}"] = into = board(WireReceiver(**sizes))
            connect(m, chip=getattr(chip, f"tx{p}"), out=out.link)
            connect(m, into=into.link, chip=getattr(chip, f"rx{p}"))
            connect(m, out=out.pins, pins=flipped(getattr(self, f"wire_tx{p}")))
            connect(m, pins=flipped(getattr(self, f"wire_rx{p}")), into=into.pins)

        time = Signal(range(TIMEBASE))
        tick = Signal()
        m.d.comb += chip.tick.eq(tick)
        m.d.board += [
            time.eq(time + 1),
            tick.eq(time == 0),
            self.led.eq(Cat(chip.irq, chip.trace_start.any())),
        ]
        return m
