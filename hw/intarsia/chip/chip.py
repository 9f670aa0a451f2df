"""The chip."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from intarsia.atu.cache import Atu
from intarsia.atu.port import MapPort
from intarsia.chip.joints import Joints
from intarsia.chip.vigil import Vigil
from intarsia.common.lookup import MapCommand
from intarsia.common.packets import PacketMerge, PacketSplit
from intarsia.common.share import ReadShare, WriteShare
from intarsia.conv.engine import ConvEngine
from intarsia.dma.herald import Herald
from intarsia.dma.local import LocalQueue
from intarsia.dma.remote import RemoteQueue
from intarsia.dma.responder import Responder
from intarsia.home.agent import Home
from intarsia.isa.address import CONTEXT
from intarsia.isa.counters import Activity, CounterBank
from intarsia.isa.instruction import Stream
from intarsia.isa.packet import PacketKind
from intarsia.isa.registers import INTERRUPTS
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

__all__ = ["Chip", "sleepers"]

#: Engines that sleep when they have no job.
ENGINES = ("conv", "vector", "dma_local")

#: Packets that have a way of their own, by class: to the home, and to the ATU.
SPLITS = {
    "request": (PacketKind.MAP_UPDATE,),
    "forward": (PacketKind.MAP_LOOKUP,),
    "reply": (PacketKind.MAP_REPLY, PacketKind.MAP_INVALIDATED),
}


class Chip(wiring.Component):
    """Everything, connected.

    Parameters
    ----------
    config : ChipConfig

    Attributes
    ----------
    blocks : dict
        Blocks, by name.
    sleepers : tuple of str
        See :func:`sleepers`. Each is in a clock domain of its own, with the block's name. All these
        clocks are the chip's; but a simulator may leave out edges while the block is not `awake`.

    Members
    -------
    axil : In(AxiLite())
        Registers, see :mod:`intarsia.isa.registers`.
    irq : Out(2)
        Interrupts, levels: NOTIFY, fault.
    tick : In(1)
        Timebase: one cycle high in 1,024.
    rx0, tx0, rx1, … : In(LinkPins(link_bytes)), Out(LinkPins(link_bytes))
        Link ports.
    trace_start, trace_done : Out(len(Stream))
        By stream: an instruction starts, is done. Never both in one cycle.
    trace_layer0, trace_context0, trace_layer1, … : Out(16), Out(CONTEXT)
        By stream: layer and context of the instruction that starts.
    trace_activity : Out(data.ArrayLayout(Activity, len(Stream)))
        By stream: what is counted in this cycle.
    awake : Out(len(sleepers))
        By sleeper: where it is low, the block needs no clock, unless for `tick` or, in a link port,
        a beat that comes in.
    """

    def __init__(self, *, config):
        self.config = config
        self.blocks = _blocks(config)
        self.sleepers = sleepers(config)
        self._joints = Joints(config)
        ports = range(config.link_ports)
        super().__init__({
            "axil": In(AxiLite()),
            "irq": Out(len(INTERRUPTS)),
            "tick": In(1),
            **{f"rx{p}": In(LinkPins(config.link_bytes)) for p in ports},
            **{f"tx{p}": Out(LinkPins(config.link_bytes)) for p in ports},
            "trace_start": Out(len(Stream)),
            "trace_done": Out(len(Stream)),
            **{f"trace_layer{of.value}": Out(16) for of in Stream},
            **{f"trace_context{of.value}": Out(CONTEXT) for of in Stream},
            "trace_activity": Out(data.ArrayLayout(Activity, len(Stream))),
            "awake": Out(len(self.sleepers)),
        })

    def elaborate(self, platform):
        m = Module()
        for name, block in self.blocks.items():
            if name in self.sleepers:
                m.submodules[name] = DomainRenamer(name)(block)
            else:
                m.submodules[name] = block

        self._connect_host(m, **self.blocks)
        self._connect_engines(m, **self.blocks)
        self._connect_memory(m, **self.blocks)
        self._connect_packets(m, **self.blocks)
        self._connect_reports(m, **self.blocks)
        self._wake(m)
        return m

    def _wake(self, m):
        awake = [self.blocks[name].awake for name in _links(self.config)]
        for name in ENGINES:
            engine = self.blocks[name].engine
            m.submodules[f"{name}_vigil"] = vigil = Vigil()
            m.d.comb += vigil.busy.eq(engine.job.valid | (engine.activity != Activity.IDLE))
            awake.append(vigil.awake)
        m.d.comb += self.awake.eq(Cat(awake))

    def _connect_host(self, m, *, registers, sequencer, counters, router, atu, home, **blocks):
        connect(m, host=flipped(self.axil), registers=registers.axil)
        for name in ("start", "stop", "ring", "slot"):
            self._joints.tell(m, getattr(registers, name), getattr(sequencer, name))
        connect(m, sequencer=sequencer.notify, registers=registers.notify)
        self._joints.tell(m, sequencer.fault, registers.fault)
        connect(m, registers=registers.route, router=router.route)
        self._joints.relay(m, "command", MapCommand, registers.command, atu.command)
        connect(m, registers=registers.home, port=blocks["map_port"].home)
        # Who is fenced is of interest to all three. The responder takes a while; if it must, again.
        fence, remote = registers.fence, blocks["dma_remote"].fence
        responder = blocks["dma_responder"].fence
        taken = fence.valid & remote.ready & home.fence.ready & responder.ready
        for taker in (remote, home.fence):
            m.d.comb += [taker.p.eq(fence.p), taker.valid.eq(taken)]
        m.d.comb += [responder.p.eq(fence.p), responder.valid.eq(fence.valid)]
        m.d.comb += [
            fence.ready.eq(taken),
            self.irq.eq(registers.irq),
            sequencer.tick.eq(self.tick),
            atu.tick.eq(self.tick),
            blocks["dma_remote"].tick.eq(self.tick),
            home.tick.eq(self.tick),
            home.base.eq(registers.home_base),
            home.size.eq(registers.home_size),
            sequencer.limit.eq(registers.limit),
            registers.running.eq(sequencer.running),
            registers.faulted.eq(sequencer.faulted),
            blocks["sync"].running.eq(sequencer.running),
            counters.index.eq(registers.counter_index),
            registers.counter.eq(counters.value),
            blocks["dma_remote"].owners.eq(registers.owners),
            *(
                blocks[name].node.eq(registers.node)
                for name in ("dma_remote", "dma_responder", "sync", "map_port")
            ),
            router.node.eq(registers.node),
            atu.node.eq(registers.node),
            home.node.eq(registers.node),
        ]

    def _connect_engines(self, m, *, sequencer, conv, vector, dma_local, dma_remote, sync, **_):
        self._joints.employ(m, sequencer.conv, conv.engine)
        self._joints.employ(m, sequencer.vector, vector.engine)
        self._joints.employ(m, sequencer.local, dma_local.engine)
        self._joints.employ(m, sequencer.remote, dma_remote.engine)
        connect(m, conv=conv.chain, vector=vector.chain)
        m.d.comb += [
            sequencer.delivers.eq(conv.delivers),
            sequencer.deliverer.eq(conv.deliverer),
            conv.forsaken.eq(sequencer.forsaken),
        ]
        connect(m, sequencer=sequencer.sync, port=sync.sync)
        connect(m, sequencer=sequencer.declare, port=sync.declare)
        self._joints.tell(m, sync.done, sequencer.sync_done)
        for of in Stream:
            n = of.value
            m.d.comb += [
                self.trace_start[n].eq(sequencer.trace_start[n]),
                self.trace_done[n].eq(sequencer.trace_done[n]),
                getattr(self, f"trace_layer{n}").eq(sequencer.trace_layer[n]),
                getattr(self, f"trace_context{n}").eq(sequencer.trace_context[n]),
                self.trace_activity[n].eq(sequencer.activity[n]),
            ]

    def _connect_memory(self, m, *, memory, home, dma_responder, **blocks):
        # The home has little to say; it shares ports with the responder.
        for kind in ("read", "write"):
            share = blocks[f"{kind}_share"]
            connect(m, home=getattr(home, kind), share=share.first)
            connect(m, responder=getattr(dma_responder, kind), share=share.second)
        reads, writes = _clients(blocks)
        for kind, clients in (("read", reads), ("write", writes)):
            for n, client in enumerate(clients):
                connect(m, client=client, memory=getattr(memory, f"{kind}{n}"))

    def _connect_packets(self, m, *, router, dma_remote, dma_responder, sync, **blocks):
        self._connect_map(m, router=router, responder=dma_responder, **blocks)
        self._joints.look_up(m, "requester", dma_remote.lookup, blocks["atu"].requester)
        herald, sequencer = blocks["herald"], blocks["sequencer"]
        connect(m, remote=dma_remote.ahead, herald=herald.names)
        connect(m, herald=herald.ahead, atu=blocks["atu"].ahead)
        m.d.comb += [
            herald.comes.eq(sequencer.comes),
            herald.job.eq(sequencer.remote.job.p),
            herald.owners.eq(dma_remote.owners),
        ]
        self._joints.packets(m, "source_request", dma_remote.request, router.source_request)
        self._joints.packets(m, "source_control", sync.send, router.source_control)
        self._joints.packets(m, "sink_control", router.sink_control, sync.take)
        self._joints.packets(m, "reply_rest", blocks["reply_split"].rest, dma_remote.reply)
        for p in range(self.config.link_ports):
            port = blocks[f"link{p}"]
            m.d.comb += port.tick.eq(self.tick)
            connect(m, port=port.tx, pins=flipped(getattr(self, f"tx{p}")))
            connect(m, pins=flipped(getattr(self, f"rx{p}")), port=port.rx)
            for name in CLASSES:
                router_out = getattr(router, f"send{p}_{name}")
                router_in = getattr(router, f"take{p}_{name}")
                sends, takes = (getattr(port, f"{way}_{name}") for way in ("send", "take"))
                self._joints.packets(m, f"send{p}_{name}", router_out, sends)
                self._joints.packets(m, f"take{p}_{name}", takes, router_in)

    def _connect_map(self, m, *, router, responder, atu, map_port, home, **blocks):
        """Packets about the map part from those of the DMA engine, and join them, by class."""
        self._joints.look_up(m, "responder", responder.lookup, atu.responder)
        # A result may be on its way to the responder.
        m.d.comb += atu.quiet.eq(responder.quiet & ~atu.responder.result.valid)
        for name in ("question", "invalidated"):
            connect(m, atu=getattr(atu, name), port=getattr(map_port, name))
        for name in ("answer", "invalidation"):
            connect(m, port=getattr(map_port, name), atu=getattr(atu, name))

        parts = {
            "request": (home.update, responder.request),
            "forward": (home.lookup, map_port.orders),
            "reply": (map_port.answers, home.invalidated),
        }
        for name, sinks in parts.items():
            split = blocks[f"{name}_split"]
            sink = getattr(router, f"sink_{name}")
            self._joints.packets(m, f"sink_{name}", sink, split.packet)
            for n, (out, sink) in enumerate(zip(split.sinks, sinks, strict=False)):
                self._joints.packets(m, f"{name}{n}", out, sink)
        joined = {
            "forward": (map_port.asks, home.invalidate),
            "reply": (responder.reply, home.reply, map_port.reports),
        }
        for name, sources in joined.items():
            merge = blocks[f"{name}_merge"]
            for into, source in zip(merge.sources, sources, strict=True):
                connect(m, source=source, merge=into)
            self._joints.packets(
                m, f"source_{name}", merge.packet, getattr(router, f"source_{name}")
            )

    def _connect_reports(self, m, *, sequencer, counters, dma_responder, sync, router, **blocks):
        self._joints.show(m, blocks["atu"].activity, counters.activity[CounterBank.ATU.value])
        links = [blocks[name] for name in _links(self.config)]
        for n, block in enumerate((dma_responder, sync, router, blocks["home"], *links)):
            self._joints.tell(m, block.fault, getattr(sequencer, f"fault{n}"))
        for of in Stream:
            self._joints.show(m, sequencer.activity[of.value], counters.activity[of.value])
        errors = counters.activity[CounterBank.LINK_ERRORS.value]
        with m.If(Cat(link.damaged for link in links).any()):
            m.d.comb += errors.eq(Activity.LINK)
        with m.Elif(Cat(link.repeated for link in links).any()):
            m.d.comb += errors.eq(Activity.BUSY)
        # Of several links, the first that does something is counted.
        answers = counters.activity[CounterBank.RESPONDER.value]
        self._joints.show(m, dma_responder.activity, answers)
        for bank, name in ((CounterBank.LINK_TX, "tx"), (CounterBank.LINK_RX, "rx")):
            busiest = Signal(Activity, name=f"{name}_activity")
            for link in reversed(links):
                activity = getattr(link, f"{name}_activity")
                with m.If(activity.as_value().any()):
                    m.d.comb += busiest.eq(activity)
            self._joints.show(m, busiest, counters.activity[bank.value])


def _blocks(config):
    """All blocks, by the names that they have in the chip."""
    blocks = {
        "registers": Registers(config=config),
        "counters": Counters(),
        "conv": ConvEngine(config=config),
        "vector": VectorEngine(config=config),
        "dma_local": LocalQueue(config=config),
        "dma_remote": RemoteQueue(config=config),
        "herald": Herald(contexts=config.contexts),
        "dma_responder": Responder(config=config),
        "atu": Atu(config=config),
        "map_port": MapPort(link_bytes=config.link_bytes),
        "home": Home(config=config),
        "read_share": ReadShare(lanes=config.lanes, parked=config.relays),
        "write_share": WriteShare(lanes=config.lanes, parked=config.relays),
        **{
            f"{name}_split": PacketSplit(kinds, link_bytes=config.link_bytes)
            for name, kinds in SPLITS.items()
        },
        **{
            f"{name}_merge": PacketMerge(sources=sources, link_bytes=config.link_bytes)
            for name, sources in (("forward", 2), ("reply", 3))
        },
        "sync": SyncPort(config=config),
        "router": Router(link_bytes=config.link_bytes, ports=config.link_ports),
        **{
            name: LinkPort(link_bytes=config.link_bytes, port=p, relays=config.relays)
            for p, name in enumerate(_links(config))
        },
        # The responder's, the sync port's, the router's, the home's, and those of links.
        "sequencer": Sequencer(config=config, faults=4 + config.link_ports),
    }
    reads, writes = _clients(blocks)
    blocks["memory"] = Memory(
        config=config, readers=len(reads), writers=len(writes), spread=int(config.packs)
    )
    return blocks


def sleepers(config):
    """Names of the blocks that can do without a clock for a time; link ports come first."""
    return (*_links(config), *ENGINES)


def _links(config):
    """Names of the link ports."""
    return tuple(f"link{p}" for p in range(config.link_ports))


def _clients(blocks):
    """Clients of the memory."""
    conv, vector = blocks["conv"], blocks["vector"]
    movers = [blocks[name] for name in ("dma_local", "dma_remote")]
    reads = [conv.input_read, *conv.weight_reads, vector.a_read, vector.b_read]
    reads += [blocks["sequencer"].port, *(mover.read for mover in movers)]
    reads += [blocks["read_share"].port]
    writes = [conv.output_write, vector.output_write, *(mover.write for mover in movers)]
    writes += [blocks["write_share"].port]
    return reads, writes
