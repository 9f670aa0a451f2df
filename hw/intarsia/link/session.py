"""Whether the two ends of a link know each other, and when they have lost each other."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from intarsia.isa.packet import LINK_PATIENCE

__all__ = ["Session"]


class Session(wiring.Component):
    """The life of one end of a link, and which life of the other end it talks to.

    A life begins with a reset, when the other end turns out to have begun anew, or when it has been
    silent for too long. An end that is not `up` says HELLO, and becomes `up` by a notice that shows
    that the other end has heard of its present life. So in one life an end that is up knows one
    life of the other; packets of all others are recognized by their epoch.

    Members
    -------
    tick : In(1)
        Timebase.
    heard, hello : In(1), In(1)
        An undamaged notice has come; it is a HELLO.
    epoch, seen : In(4), In(4)
        Of that notice: life of the other end, and life of this end that it has heard of.
    news : In(1)
        That notice acknowledges something, or there is nothing to acknowledge.
    life, other : Out(4), Out(4)
        Life of this end; latest life of the other end that was heard of, 0 if none.
    up : Out(1)
        Both ends know each other.
    dead : Out(1)
        The other end has been silent for too long.
    speak : Out(1)
        A notice is due.
    lost, renewed : Out(1), Out(1)
        With this cycle a life ends: the other end was silent, or has begun anew.
    awake : Out(1)
        Where it is low, registers change with `tick` or `heard` at most.
    """

    tick: In(1)
    heard: In(1)
    hello: In(1)
    epoch: In(4)
    seen: In(4)
    news: In(1)
    life: Out(4)
    other: Out(4)
    up: Out(1)
    dead: Out(1)
    speak: Out(1)
    lost: Out(1)
    renewed: Out(1)
    awake: Out(1)

    def elaborate(self, platform):
        m = Module()

        life = Signal(4, init=1, reset_less=True)
        was_reset = Signal(reset_less=True)
        silence = Signal(range(LINK_PATIENCE + 1))
        same = Signal()
        agreed = Signal()
        answered = Signal()
        m.d.comb += [
            self.life.eq(life),
            self.dead.eq(silence == LINK_PATIENCE),
            same.eq(self.epoch == self.other),
            agreed.eq(self.heard & ~self.up & (self.seen == life)),
            self.renewed.eq(self.heard & self.up & self.hello & ~same),
            answered.eq(self.heard & self.up & same & self.news),
            self.lost.eq(
                self.tick & self.up & (silence == LINK_PATIENCE - 1) & ~self.renewed & ~answered
            ),
            self.speak.eq(self.tick | (self.heard & (self.hello | ~self.up))),
            self.awake.eq(ResetSignal() | was_reset),
        ]

        m.d.sync += was_reset.eq(ResetSignal())
        with m.If((ResetSignal() & ~was_reset) | self.lost | self.renewed):
            m.d.sync += life.eq(Mux(life == 15, 1, life + 1))
        with m.If(self.heard & (self.hello | ~self.up)):
            m.d.sync += self.other.eq(self.epoch)
        with m.If(self.lost | self.renewed):
            m.d.sync += self.up.eq(0)
        with m.Elif(agreed):
            m.d.sync += self.up.eq(1)
        with m.If(agreed | self.renewed | answered):
            m.d.sync += silence.eq(0)
        with m.Elif(self.tick & ~self.dead):
            m.d.sync += silence.eq(silence + 1)

        return m
