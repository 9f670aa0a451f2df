"""Reads ahead, as far as there is room."""

from amaranth import *
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from intarsia.common.ports import MemoryRead, ReadRequest
from intarsia.isa.address import LOCAL

__all__ = ["Reader", "Tagged"]


class Tagged(data.StructLayout):
    """Bytes that were read, and what the request said about them."""

    def __init__(self, lanes, tag):
        super().__init__({"bytes": data.ArrayLayout(signed(8), lanes), "tag": tag})


class Reader(wiring.Component):
    """Turns requests into vectors, in order, one per cycle.

    A request may bring its vector along; then none of those before it may be on its way any more.

    A request is accepted when there is room for its vector. Vectors come after four cycles at the
    earliest. One that is damaged does not come; it's reported on ``damaged``, once.

    Parameters
    ----------
    lanes : int
        Bytes of a vector.
    tag : ShapeLike
        What a request carries along.
    depth : int
        Vectors asked for or held; at least 5 for one per cycle.
    gifted : bool
        Whether requests may bring their vectors along.

    Members
    -------
    request : In(stream.Signature(data.StructLayout({"read": ReadRequest(lanes), "tag": tag})))
    given : In(1)
        The request's vector is ``gift``; no memory is asked. Not there unless `gifted`.
    gift : In(data.ArrayLayout(8, lanes))
    memory : Out(MemoryRead(lanes))
    o : Out(stream.Signature(Tagged(lanes, tag)))
    damaged : Out(1)
        The vector at ``address`` is damaged.
    address : Out(24)
    idle : Out(1)
        No request waits for the memory, and no data are to come.
    empty : Out(1)
        There is no vector either.
    """

    def __init__(self, *, lanes, tag, depth=8, gifted=False):
        self.lanes = lanes
        self.depth = depth
        self._tag = tag
        self._gifted = gifted
        gift = {"given": In(1), "gift": In(data.ArrayLayout(8, lanes))} if gifted else {}
        request = data.StructLayout({"read": ReadRequest(lanes), "tag": tag})
        super().__init__({
            "request": In(stream.Signature(request)),
            **gift,
            "memory": Out(MemoryRead(lanes)),
            "o": Out(stream.Signature(Tagged(lanes, tag))),
            "damaged": Out(1),
            "address": Out(LOCAL),
            "idle": Out(1),
            "empty": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        held = Tagged(self.lanes, self._tag)
        m.submodules.vectors = vectors = fifo.SyncFIFO(width=held.size, depth=self.depth)
        port = self.memory

        # What is known about a request, until its data arrive.
        waiting = Signal.like(self.request.p, reset_less=True)
        about = [Cat(waiting.read.address, waiting.tag)]
        coming = [Signal(name="accepted")]
        m.d.comb += coming[0].eq(port.request.valid & port.request.ready)
        for age in (1, 2):
            coming.append(Signal(name=f"coming_{age}"))
            about.append(Signal(len(about[0]), name=f"about_{age}", reset_less=True))
            m.d.sync += coming[age].eq(coming[age - 1])
            with m.If(coming[age - 1]):
                m.d.sync += about[age].eq(about[age - 1])

        used = Signal(range(self.depth + 1))
        asked = Signal()
        taken = Signal()
        m.d.comb += [
            asked.eq(self.request.valid & self.request.ready),
            taken.eq(self.o.valid & self.o.ready),
            self.request.ready.eq(
                (used != self.depth) & (~port.request.valid | port.request.ready)
            ),
            port.request.p.eq(waiting.read),
        ]
        m.d.sync += used.eq(used + asked - taken)
        given = self.given if self._gifted else Const(0)
        with m.If(asked & ~given):
            m.d.sync += [waiting.eq(self.request.p), port.request.valid.eq(1)]
        with m.Elif(coming[0]):
            m.d.sync += port.request.valid.eq(0)

        arrived = port.data
        m.d.comb += [
            self.damaged.eq(arrived.valid & arrived.p.damaged),
            self.address.eq(about[-1][: len(self.address)]),
            vectors.w_en.eq((arrived.valid & ~arrived.p.damaged) | (asked & given)),
            vectors.w_data.eq(Cat(arrived.p.bytes, about[-1][len(self.address) :])),
            self.o.valid.eq(vectors.r_rdy),
            self.o.p.eq(vectors.r_data),
            vectors.r_en.eq(self.o.ready),
            self.empty.eq(used == 0),
            self.idle.eq(~port.request.valid & ~Cat(coming[1:]).any()),
        ]
        if self._gifted:
            with m.If(given):
                m.d.comb += vectors.w_data.eq(Cat(self.gift, self.request.p.tag))
        return m
