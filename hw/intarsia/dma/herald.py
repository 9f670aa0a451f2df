"""The fragment that the next job of the remote queue is about, before that job may start."""

from amaranth import *
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.lookup import FragmentKey
from intarsia.common.ports import Job
from intarsia.dma.validity import is_one_of
from intarsia.isa.address import OWNER_BITS, TENSOR_BITS
from intarsia.isa.instruction import RemoteOp
from intarsia.isa.transfer import RemoteDescriptor

__all__ = ["Herald"]

#: Jobs that say themselves what they are about.
PLAIN = (RemoteOp.READ, RemoteOp.WRITE, RemoteOp.ACCUMULATE)


class Herald(wiring.Component):
    """Names the fragment of the job that waits in front of the remote queue, once.

    So its home is asked while the job waits for its tokens. What the queue itself names goes first.

    Parameters
    ----------
    contexts : int

    Members
    -------
    comes : In(1)
        A job waits, for tokens or for the queue; there is at least one cycle between two of them.
    job : In(Job(RemoteDescriptor))
        That job.
    owners : In(data.ArrayLayout(12, contexts))
        Owner whose tensors each context may use.
    names : In(stream.Signature(FragmentKey))
        Of the queue.
    ahead : Out(stream.Signature(FragmentKey))
    """

    def __init__(self, *, contexts):
        super().__init__({
            "comes": In(1),
            "job": In(Job(RemoteDescriptor)),
            "owners": In(data.ArrayLayout(OWNER_BITS, contexts)),
            "names": In(stream.Signature(FragmentKey)),
            "ahead": Out(stream.Signature(FragmentKey)),
        })

    def elaborate(self, platform):
        m = Module()
        work = self.job.descriptor
        told, full = Signal(), Signal()
        key = Signal(FragmentKey, reset_less=True)
        wanted, room = Signal(), Signal()
        m.d.comb += [
            room.eq(~full | self.ahead.ready),
            wanted.eq(
                self.comes
                & ~told
                & is_one_of(self.job.opcode, PLAIN)
                & (self.owners[self.job.context] == work.data_id[TENSOR_BITS:])
            ),
            self.ahead.valid.eq(full),
            self.ahead.p.eq(key),
            self.names.ready.eq(room),
        ]
        with m.If(room & (full | self.names.valid | wanted)):
            m.d.sync += full.eq(self.names.valid | wanted)
            with m.If(self.names.valid):
                m.d.sync += key.eq(self.names.p)
            with m.Elif(wanted):
                m.d.sync += [
                    key.data_id.eq(work.data_id),
                    key.fragment.eq(work.fragment),
                    told.eq(1),
                ]
        with m.If(~self.comes):
            m.d.sync += told.eq(0)
        return m
