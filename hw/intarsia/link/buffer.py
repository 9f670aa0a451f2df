"""Packets of one class that have come in, until they are taken."""

from amaranth import *
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import PacketBeat

__all__ = ["Buffer"]


class Buffer(wiring.Component):
    """Keeps beats as they come in, and offers them once their packet was found good.

    The first beat of a packet of two beats or more is offered in the cycle after its last one, that
    of a packet of one beat a cycle later; the others follow, one per cycle. A packet that is not
    good by its last beat leaves no trace; of one that has no room, nothing is overwritten.

    Parameters
    ----------
    link_bytes, capacity : int
        Bytes of a beat; beats, a power of two.
    eager : bool
        Else all packets are offered a cycle later, as those of one beat are. Where logic is slow,
        that lets the clock be faster.

    Members
    -------
    arriving : In(1)
        A beat of a packet of this class is there.
    begins, last : In(1), In(1)
        It is the first one, the last one.
    data : In(8 * link_bytes)
    good : In(1)
        The packet is good; with its last beat.
    fits : Out(1)
        There was room for all of the packet so far. Counts with `arriving`.
    out : Out(stream.Signature(PacketBeat(link_bytes)))
    held : Out(range(capacity + 1))
        Beats of good packets, without the one that is offered.
    freed : Out(1)
        One of them leaves, to be offered.
    awake : Out(1)
        Where it is low, registers change with `arriving` at most.
    """

    def __init__(self, *, link_bytes, capacity, eager=True):
        self.link_bytes = link_bytes
        self.capacity = capacity
        self.eager = eager
        super().__init__({
            "arriving": In(1),
            "begins": In(1),
            "last": In(1),
            "data": In(8 * link_bytes),
            "good": In(1),
            "fits": Out(1),
            "out": Out(stream.Signature(PacketBeat(link_bytes))),
            "held": Out(range(capacity + 1)),
            "freed": Out(1),
            "awake": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        out = self.out

        m.submodules.beats = beats = memory.Memory(
            shape=8 * self.link_bytes + 1,
            depth=self.capacity,
            init=[],
            attrs={"no_rw_check": 1},  # No beat is read in the cycle in which it is written.
        )
        write = beats.write_port()
        read = beats.read_port()

        # Positions count beyond the buffer, so that full and empty differ. Beats up to `good_end`
        # may leave; those up to `end` belong to the packet that comes in.
        begin, end, good_end, here = (
            Signal(range(2 * self.capacity), name=name)
            for name in ("begin", "end", "good_end", "here")
        )
        space = Signal()
        overflow = Signal()
        accepted = Signal()
        m.d.comb += write.data.eq(Cat(self.data, self.last))
        with m.If(self.arriving | (not self.eager)):
            m.d.comb += [
                here.eq(Mux(self.begins, good_end, end)),
                space.eq((here ^ begin != self.capacity) & (self.begins | ~overflow)),
                write.addr.eq(here),
            ]
        with m.If(self.arriving):
            m.d.comb += [write.en.eq(space), accepted.eq(self.good)]
            m.d.sync += [end.eq(here + 1), overflow.eq(~space)]
            with m.If(accepted):
                m.d.sync += good_end.eq(here + 1)

        # Where nothing else waits, the first beat is read before it is known whether the packet is
        # good: that is known by the time that it has been read.
        free = Signal()
        early = Signal()
        m.d.comb += [
            free.eq(~out.valid | out.ready),
            read.addr.eq(begin),
            read.en.eq(((begin != good_end) & free) | early),
            self.freed.eq(((begin != good_end) & free) | (early & accepted)),
            self.held.eq(good_end - begin),
            self.fits.eq(space),
            self.awake.eq((begin != good_end) | out.valid),
        ]
        if self.eager:
            ends = self.arriving & self.last & ~self.begins
            m.d.comb += early.eq(ends & (begin == good_end) & free)
        first = Signal(init=1)
        m.d.comb += [Cat(out.p.data, out.p.last).eq(read.data), out.p.first.eq(first)]
        with m.If(self.freed):
            m.d.sync += [out.valid.eq(1), begin.eq(begin + 1)]
        with m.Elif(out.ready):
            m.d.sync += out.valid.eq(0)
        with m.If(out.valid & out.ready):
            m.d.sync += first.eq(out.p.last)

        return m
