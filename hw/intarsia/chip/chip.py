"""A chip: its blocks, and the wires between them."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.atu.cache import Atu
from intarsia.conv.engine import ConvEngine
from intarsia.dma.local import LocalQueue
from intarsia.dma.remote import RemoteQueue
from intarsia.dma.responder import Responder
from intarsia.isa.address import CONTEXT
from intarsia.isa.counters import Activity, CounterBank
from intarsia.isa.instruction import Stream
from intarsia.link.geometry import CLASSES
from intarsia.link.port import LinkPins, LinkPort
from intarsia.link.router import Router
from intarsia.memory.memory import Memory
from intarsia.sequencer.axi import AxiLite
from intarsia.sequencer.counters import Counters
from intarsia.sequencer.registers import Registers
from intarsia.sequencer.sequencer import Sequencer
from intarsia.sync.port import SyncPort
from intarsia.vector.engine import VectorEngine

__all__ = ["Chip"]


class Chip(wiring.Component):
    """One chip.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    axil : In(AxiLite())
        Control port; see :mod:`intarsia.isa.registers`.
    irq : Out(1)
        Level: the register IRQ isn't zero.
    tick : In(1)
        Timebase: one cycle high in every :data:`intarsia.isa.counters.TIMEBASE`.
    rx0, rx1, … : In(LinkPins(link_bytes))
    tx0, tx1, … : Out(LinkPins(link_bytes))
        Links.
    trace_start, trace_done : Out(len(Stream))
        By stream, an instruction has started, or is complete.
    trace_layer0, … : Out(16)
        By stream, layer of the instruction that starts.
    trace_context0, … : Out(4)
        By stream, its context.
    """

    def __init__(self, *, config):
        self.config = config
        pins = LinkPins(config.link_bytes)
        super().__init__({
            "axil": In(AxiLite()),
            "irq": Out(1),
            "tick": In(1),
            **{f"rx{n}": In(pins) for n in range(config.link_ports)},
            **{f"tx{n}": Out(pins) for n in range(config.link_ports)},
            "trace_start": Out(len(Stream)),
            "trace_done": Out(len(Stream)),
            **{f"trace_layer{of.value}": Out(16) for of in Stream},
            **{f"trace_context{of.value}": Out(CONTEXT) for of in Stream},
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config

        m.submodules.conv = conv = ConvEngine(config=config)
        m.submodules.vector = vector = VectorEngine(config=config)
        m.submodules.local = local = LocalQueue(config=config)
        m.submodules.remote = remote = RemoteQueue(config=config)
        m.submodules.responder = responder = Responder(config=config)
        m.submodules.atu = atu = Atu(config=config)
        m.submodules.sync = sync = SyncPort(config=config)
        m.submodules.router = router = Router(link_bytes=config.link_bytes, ports=config.link_ports)
        m.submodules.registers = registers = Registers(config=config)
        m.submodules.counters = counters = Counters()
        ports = []
        for n in range(config.link_ports):
            m.submodules[f"port{n}"] = port = LinkPort(link_bytes=config.link_bytes, port=n)
            ports.append(port)
        reporters = [responder, sync, router, *ports]
        m.submodules.sequencer = sequencer = Sequencer(config=config, faults=len(reporters))

        self._connect_memory(
            m,
            [
                conv.input_read,
                conv.weight_read,
                vector.a_read,
                vector.b_read,
                local.read,
                remote.read,
                responder.read,
                sequencer.port,
            ],
            [
                conv.output_write,
                vector.output_write,
                local.write,
                remote.write,
                responder.write,
            ],
        )

        connect(m, engine=conv.engine, sequencer=sequencer.conv)
        connect(m, engine=vector.engine, sequencer=sequencer.vector)
        connect(m, engine=local.engine, sequencer=sequencer.local)
        connect(m, engine=remote.engine, sequencer=sequencer.remote)
        for n, reporter in enumerate(reporters):
            connect(m, block=reporter.fault, sequencer=getattr(sequencer, f"fault{n}"))

        connect(m, remote=remote.lookup, atu=atu.requester)
        connect(m, responder=responder.lookup, atu=atu.responder)
        connect(m, registers=registers.command, atu=atu.command)

        connect(m, sequencer=sequencer.sync, port=sync.sync)
        connect(m, sequencer=sequencer.declare, port=sync.declare)
        connect(m, port=sync.done, sequencer=sequencer.sync_done)

        self._connect_registers(m, registers, sequencer, counters)
        self._connect_links(m, router, ports, remote, responder, sync)
        connect(m, registers=registers.route, router=router.route)
        m.d.comb += [block.node.eq(registers.node) for block in (remote, responder, sync, router)]
        m.d.comb += remote.owners.eq(registers.owners)

        self._count(m, counters, sequencer, responder, ports[0])
        m.d.comb += [
            self.trace_start.eq(sequencer.trace_start),
            self.trace_done.eq(sequencer.trace_done),
        ]
        for of in Stream:
            m.d.comb += [
                getattr(self, f"trace_layer{of.value}").eq(sequencer.trace_layer[of.value]),
                getattr(self, f"trace_context{of.value}").eq(sequencer.trace_context[of.value]),
            ]
        return m

    def _connect_memory(self, m, readers, writers):
        m.submodules.memory = memory = Memory(
            config=self.config, readers=len(readers), writers=len(writers)
        )
        for n, reader in enumerate(readers):
            connect(m, client=reader, memory=getattr(memory, f"read{n}"))
        for n, writer in enumerate(writers):
            connect(m, client=writer, memory=getattr(memory, f"write{n}"))

    def _connect_registers(self, m, registers, sequencer, counters):
        connect(m, host=flipped(self.axil), registers=registers.axil)
        for name in ("start", "stop", "ring", "slot"):
            connect(m, registers=getattr(registers, name), sequencer=getattr(sequencer, name))
        connect(m, sequencer=sequencer.notify, registers=registers.notify)
        connect(m, sequencer=sequencer.fault, registers=registers.fault)
        m.d.comb += [
            self.irq.eq(registers.irq),
            sequencer.limit.eq(registers.limit),
            sequencer.tick.eq(self.tick),
            registers.running.eq(sequencer.running),
            registers.faulted.eq(sequencer.faulted),
            counters.index.eq(registers.counter_index),
            registers.counter.eq(counters.value),
        ]

    def _connect_links(self, m, router, ports, remote, responder, sync):
        connect(m, remote=remote.request, router=router.source_request)
        connect(m, responder=responder.reply, router=router.source_reply)
        connect(m, sync=sync.send, router=router.source_control)
        connect(m, router=router.sink_request, responder=responder.request)
        connect(m, router=router.sink_reply, remote=remote.reply)
        connect(m, router=router.sink_control, sync=sync.take)
        for n, port in enumerate(ports):
            for name in CLASSES:
                send, take = f"send{n}_{name}", f"take{n}_{name}"
                connect(m, router=getattr(router, send), port=getattr(port, f"send_{name}"))
                connect(m, port=getattr(port, f"take_{name}"), router=getattr(router, take))
            connect(m, port=port.tx, pins=flipped(getattr(self, f"tx{n}")))
            connect(m, pins=flipped(getattr(self, f"rx{n}")), port=port.rx)

    def _count(self, m, counters, sequencer, responder, port):
        activities = {
            **{CounterBank[of.name]: sequencer.activity[of.value] for of in Stream},
            CounterBank.RESPONDER: responder.activity,
            CounterBank.LINK_TX: port.tx_activity,
            CounterBank.LINK_RX: port.rx_activity,
        }
        for bank, activity in activities.items():
            m.d.comb += counters.activity[bank.value].eq(activity)
        assert set(activities) == set(CounterBank)
        assert Activity.IDLE.value == 0
