"""Claims about the queues of the DMA engine, which share nothing but grants of the memory."""

from dataclasses import replace

from amaranth import Cat, Const, Mux, Signal
from amaranth.hdl import Assert

from intarsia.dma.local import LocalQueue
from intarsia.dma.remote import RemoteQueue
from intarsia.isa.config import config
from intarsia.isa.instruction import LocalOp, RemoteOp
from intarsia.isa.packet import PacketKind
from intarsia.memory.arbiter import RoundRobin
from tests.formal.proof import Proof

SMALL = replace(config("tiny"), lanes=16, link_bytes=16)

#: Cycles that a job of one vector may take: for the local queue, which may lose every other grant;
#: and for the remote one, whose far side answers at once.
LOCAL_CYCLES, REMOTE_CYCLES = 8, 12

#: Cycles after a reset in which no node can be asked.
FORGETTING = 18


def _share(proof, m, clients):
    """A memory that grants one read and one write a cycle, in turn, and says anything."""
    for kind in ("read", "write"):
        ports = [client[kind] for client in clients]
        m.submodules[f"{kind}_turns"] = turns = RoundRobin(clients=len(ports))
        m.d.comb += turns.requests.eq(Cat(port.request.valid for port in ports))
        for n, port in enumerate(ports):
            m.d.comb += port.request.ready.eq(turns.grants[n])
            if kind == "read":
                asked = Signal(2, name=f"asked{n}")
                m.d.sync += asked.eq(Cat(port.request.valid & port.request.ready, asked))
                m.d.comb += [
                    port.data.valid.eq(asked[1]),
                    port.data.p.bytes.eq(proof.anything(8 * SMALL.lanes, f"bytes{n}")),
                ]


def _ports(queue):
    return {"read": queue.read, "write": queue.write}


def _another(proof, m, queue):
    """Ports like those of `queue`, of a queue that asks whenever it likes."""
    ports = {kind: port.signature.create() for kind, port in _ports(queue).items()}
    for kind, port in ports.items():
        m.d.comb += port.request.valid.eq(proof.anything(1, f"other_{kind}s"))
    return ports


def _send(m, engine, begins, opcode, **fields):
    """Gives one job to an engine, when it `begins`; returns the cycles that it takes."""
    begun, over = Signal(), Signal()
    age = Signal(5)
    m.d.comb += [
        engine.job.valid.eq(~begun & begins),
        engine.job.p.opcode.eq(opcode),
        *(engine.job.p.descriptor[name].eq(value) for name, value in fields.items()),
    ]
    with m.If(engine.job.valid & engine.job.ready):
        m.d.sync += begun.eq(1)
    with m.Elif(begun & ~over):
        m.d.sync += [age.eq(age + 1), over.eq(engine.done)]
    return age


class LocalWaitsForNoRemote(Proof):
    """A local job takes few cycles, whatever the remote queue does, and the nodes that it asks."""

    depth = 13

    def describe(self, m):
        m.submodules.local = local = LocalQueue(config=SMALL)
        _share(self, m, [_ports(local), _another(self, m, local)])
        rows = dict(row_bytes=4, rows=1, source_pitch=0, destination_pitch=0)
        age = _send(m, local.engine, self.anything(1, "begins"), LocalOp.COPY.value, **rows)
        m.d.comb += Assert(age <= LOCAL_CYCLES)


class RemoteWaitsForNoLocal(Proof):
    """A remote job takes few cycles, whatever the local queue wants, as long as nodes answer."""

    depth = 34

    def describe(self, m):
        m.submodules.remote = remote = RemoteQueue(config=SMALL)
        _share(self, m, [_another(self, m, remote), _ports(remote)])

        # Nodes can be asked once it is forgotten who was dead.
        cycle = Signal(range(FORGETTING + 1))
        with m.If(cycle != FORGETTING):
            m.d.sync += cycle.eq(cycle + 1)
        rows = dict(row_bytes=4, rows=1, remote_pitch=4, local_pitch=4)
        age = _send(m, remote.engine, cycle == FORGETTING, RemoteOp.READ.value, **rows)

        # The far side: a look-up hits, a request is taken, and answered by a head and a beat.
        looked, asked, step = Signal(), Signal(), Signal(2)
        entry = remote.lookup.result.p
        m.d.sync += looked.eq(remote.lookup.request.valid)
        m.d.comb += [
            remote.lookup.request.ready.eq(1),
            remote.lookup.result.valid.eq(looked),
            entry.hit.eq(1),
            entry.size.eq(64),
            entry.permissions.read.eq(1),
            entry.node.eq(Const(1, 16)),
            entry.replica.eq(Const(1, 16)),
            remote.request.ready.eq(1),
        ]
        with m.If(remote.request.valid & remote.request.p.last):
            m.d.sync += asked.eq(1)
        header = dict(kind=PacketKind.READ_REPLY.value, length=4, source=1)
        with m.If(asked & (step != 2) & remote.reply.ready):
            m.d.sync += step.eq(step + 1)
        m.d.comb += [
            remote.reply.valid.eq(asked & (step != 2)),
            remote.reply.p.first.eq(step == 0),
            remote.reply.p.last.eq(step == 1),
            remote.reply.p.data.eq(Mux(step == 0, _header(**header), 0)),
            Assert(age <= REMOTE_CYCLES),
        ]


def _header(*, kind, length, source):
    """The bits of a header."""
    return kind << 16 | length << 21 | source << 32
