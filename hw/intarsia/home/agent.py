"""The home of a part of the fragment map."""

from amaranth import *
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from intarsia.common.messages import Message
from intarsia.common.ports import MemoryRead, MemoryWrite, PacketBeat
from intarsia.home.keys import KeyMatch
from intarsia.home.recall import GROUP_BITS, SHARERS, SLOT, Recall
from intarsia.home.replies import ReplyHead
from intarsia.isa.address import LOCAL, NODE, LogicalAddress
from intarsia.isa.faults import HOME, FaultCode, FaultReport
from intarsia.isa.fragment import ENTRY_BYTES, HOME_WAYS, home_set
from intarsia.isa.registers import FenceWord

__all__ = ["Home"]

#: Bytes of those who share an entry.
SHARER_BYTES = SHARERS // 8


class Home(wiring.Component):
    """Keeps entries of the map in this chip's memory, says what they are, and changes them.

    The table has ``size / 32`` entries at `base` (a multiple of ``2 * size``), in sets of eight;
    who shares each, in eight bytes, lies behind all entries. An entry lies in the set that its data
    ID and fragment are folded to (`home_set`), wherever there was room. README, «The table».

    MAP_LOOKUP is answered by MAP_REPLY, and who asked shares the entry from then on. MAP_UPDATE
    replaces an entry, or puts it in; look-ups that come later find it. When all who shared the
    earlier one have forgotten it (:class:`Recall`), it is answered by MAP_UPDATED. One update is
    under way at a time, the next one waits; look-ups are answered meanwhile.

    An update is answered by ERROR and changes nothing where its length is wrong (LINK_PROTOCOL), or
    its set is full (HOME_FULL). It is answered by ERROR when a sharer did not acknowledge
    (NODE_DEAD), which is reported, too.

    What can't be read from the memory is reported as PARITY. An entry with a damaged byte is not
    found, or is answered as one that nobody can keep; damaged sharers are taken for all.

    Look-ups wait for nothing but the memory and the leaving of replies; an update, for look-ups,
    for packets of class FORWARD to leave, and for replies.

    Parameters
    ----------
    config : ChipConfig

    Members
    -------
    node : In(16)
        This node.
    base, size : In(24)
        HOME_BASE and HOME_SIZE. A table of size 0 holds nothing.
    fence, tick : In(stream.Signature(FenceWord)), In(1)
        See :class:`Recall`.
    lookup, update, invalidated : In(stream.Signature(PacketBeat(link_bytes)))
        MAP_LOOKUP (class FORWARD), MAP_UPDATE (REQUEST), MAP_INVALIDATED (REPLY), and none else.
    invalidate, reply : Out(stream.Signature(PacketBeat(link_bytes)))
        Packets of class FORWARD, and of class REPLY.
    read, write : Out(MemoryRead(lanes)), Out(MemoryWrite(lanes))
    fault : Out(stream.Signature(FaultReport, always_ready=True))
    """

    def __init__(self, *, config):
        self.config = config
        beat = stream.Signature(PacketBeat(config.link_bytes))
        super().__init__({
            "node": In(NODE),
            "base": In(LOCAL),
            "size": In(LOCAL),
            "fence": In(stream.Signature(FenceWord)),
            "tick": In(1),
            "lookup": In(beat),
            "update": In(beat),
            "invalidated": In(beat),
            "invalidate": Out(beat),
            "reply": Out(beat),
            "read": Out(MemoryRead(config.lanes)),
            "write": Out(MemoryWrite(config.lanes)),
            "fault": Out(stream.Signature(FaultReport, always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()
        width = self.config.link_bytes
        m.submodules.recall = recall = Recall(link_bytes=width)
        connect(m, recall.invalidate, flipped(self.invalidate))
        connect(m, flipped(self.fence), recall.fence)
        connect(m, flipped(self.invalidated), recall.invalidated)
        m.d.comb += [
            recall.node.eq(self.node),
            recall.tick.eq(self.tick),
        ]

        # The packet that is worked on, and what the table has of its entry.
        shape = Message(LogicalAddress)
        head_beats = shape.beats(width)
        entry_words = ENTRY_BYTES // width
        words = Signal(head_beats * 8 * width, reset_less=True)
        asked = Signal(shape)
        updates = Signal()
        ended = Signal()
        found = Signal()
        room = Signal()
        tainted = Signal()
        way = Signal(range(HOME_WAYS))
        free = Signal(range(HOME_WAYS))
        place = Signal(range(max(head_beats, entry_words)))
        word = Signal(8 * width, reset_less=True)
        source = Signal(PacketBeat(width))
        m.d.comb += asked.eq(words)

        # Where it lies.
        sharing = Signal()
        grouping = Signal()
        slot = Signal(SLOT)
        address = Signal(LOCAL)
        sets = 1 << len(slot) - len(way)
        mask = (self.size - 1) >> exact_log2(HOME_WAYS * ENTRY_BYTES)
        own = Cat(way, (home_set(asked.extension.data_id, asked.extension.fragment, sets)) & mask)
        group = Mux(grouping, recall.wanted.p, (asked.header.source >> GROUP_BITS)[:GROUP_BITS])
        m.d.comb += [
            slot.eq(Mux(grouping, recall.done.p.slot, own)),
            address.eq(
                self.base
                | Mux(
                    sharing,
                    self.size | slot * SHARER_BYTES | group,
                    slot * ENTRY_BYTES | place * width,
                )
            ),
        ]
        reads, writes = self.read.request, self.write.request
        content, coming = self.read.data.p.bytes.as_value()[: 8 * width], self.read.data.valid
        damaged = Signal()
        m.d.comb += [
            damaged.eq(coming & self.read.data.p.damaged),
            *(port.p.address.eq(address) for port in (reads, writes)),
            *(port.p.mask.eq(Mux(sharing, 1, (1 << width) - 1)) for port in (reads, writes)),
            writes.p.bytes.eq(word),
        ]

        # Of a key that comes in two words, the upper one is read first.
        m.submodules.key = key = KeyMatch(link_bytes=width)
        halves = key.halves
        m.d.comb += [
            key.asked.eq(asked.extension),
            key.content.eq(content),
            key.coming.eq(coming & ~damaged),
            key.last.eq(place == 0),
        ]

        change = recall.begin.p
        wrong = Signal(FaultCode)
        m.d.comb += [
            change.data_id.eq(asked.extension.data_id),
            change.fragment.eq(asked.extension.fragment),
            change.slot.eq(slot),
            change.below.eq(asked.extension.offset),
            change.node.eq(asked.header.source),
            change.transaction.eq(asked.header.transaction),
            change.fault.eq(wrong),
            recall.sharers.p.eq(word),
        ]
        sharers = Mux(damaged, (1 << 8) - 1, content[:8])
        with m.If(ended | (asked.header.length != ENTRY_BYTES)):
            m.d.comb += wrong.eq(FaultCode.LINK_PROTOCOL)
        with m.Elif(~found & ~room):
            m.d.comb += wrong.eq(FaultCode.HOME_FULL)

        closes = Signal()
        says = Signal()
        tells = Signal()
        last_word = place == entry_words - 1
        m.submodules.head = head = ReplyHead(link_bytes=width)
        m.d.comb += [
            head.node.eq(self.node),
            head.asked.eq(asked.header),
            head.change.eq(recall.done.p),
            head.closes.eq(closes),
            head.place.eq(place),
        ]
        self._report(m, recall, damaged, address)
        m.d.comb += self.reply.valid.eq(says | tells)
        with m.If(tells):
            m.d.comb += [self.reply.p.data.eq(word), self.reply.p.last.eq(last_word)]
        with m.Elif(says):
            m.d.comb += [
                self.reply.p.data.eq(head.data),
                self.reply.p.first.eq(place == 0),
                self.reply.p.last.eq(head.ends & closes),
            ]

        def advance():
            """The next way."""
            m.d.sync += [way.eq(way + 1), place.eq(halves - 1)]
            m.next = "SCAN"
            with m.If(way == HOME_WAYS - 1):
                m.next = "RESOLVE"

        turn = Signal()
        packet = self.lookup.valid | (self.update.valid & recall.begin.ready)
        with m.FSM():
            with m.State("REST"):
                m.d.sync += [
                    place.eq(0),
                    way.eq(0),
                    found.eq(0),
                    room.eq(0),
                    tainted.eq(0),
                    closes.eq(0),
                ]
                # Packets, and what the recall needs, in turn.
                with m.If((recall.wanted.valid | recall.done.valid) & (turn | ~packet)):
                    m.d.sync += [turn.eq(0), closes.eq(recall.done.valid)]
                    m.next = "GROUP"
                    with m.If(recall.done.valid):
                        m.next = "SAY"
                with m.Elif(packet):
                    m.d.sync += [turn.eq(1), updates.eq(~self.lookup.valid)]
                    m.next = "HEAD"
            with m.State("HEAD"):
                m.d.comb += source.eq(Mux(updates, self.update.p, self.lookup.p))
                m.d.comb += [self.lookup.ready.eq(~updates), self.update.ready.eq(updates)]
                with m.If(Mux(updates, self.update.valid, self.lookup.valid)):
                    m.d.sync += [
                        words.word_select(place, 8 * width).eq(source.data),
                        place.eq(place + 1),
                    ]
                    with m.If(place == head_beats - 1):
                        m.d.sync += [place.eq(halves - 1), ended.eq(source.last)]
                        m.next = "SCAN"
                        with m.If(self.size == 0):
                            m.next = "RESOLVE"

            # Which entry of the set it is.
            with m.State("SCAN"):
                m.d.comb += reads.valid.eq(1)
                with m.If(reads.ready):
                    m.next = "COMPARE"
            with m.State("COMPARE"):
                with m.If(coming):
                    with m.If(key.found):
                        m.d.sync += found.eq(1)
                        m.next = "RESOLVE"
                    with m.Elif(key.promising):
                        m.d.sync += place.eq(0)
                        m.next = "SCAN"
                    with m.Else():
                        advance()
                    with m.If(key.empty & ~room):
                        m.d.sync += [room.eq(1), free.eq(way)]
            with m.State("RESOLVE"):
                m.d.sync += place.eq(0)
                with m.If(updates):
                    with m.If(~found):
                        m.d.sync += way.eq(free)
                    m.next = "STORE"
                    with m.If(ended):
                        m.next = "BEGIN"
                with m.Elif(found):
                    m.next = "MARK"
                with m.Else():
                    m.next = "SAY"

            # A look-up: who asks shares the entry; then it is told.
            with m.State("MARK"):
                m.d.comb += [sharing.eq(1), reads.valid.eq(1)]
                with m.If(reads.ready):
                    m.next = "MARKED"
            with m.State("MARKED"):
                sharer = 1 << asked.header.source[:GROUP_BITS]
                m.d.sync += word.eq(sharers | sharer)
                m.d.comb += sharing.eq(1)
                with m.If(coming):
                    m.next = "SHARE"
            with m.State("SHARE"):
                m.d.comb += [sharing.eq(1), writes.valid.eq(1)]
                with m.If(writes.ready):
                    m.next = "SAY"
            with m.State("SAY"):
                m.d.comb += says.eq(1)
                with m.If(self.reply.ready):
                    m.d.sync += place.eq(place + 1)
                    with m.If(head.ends):
                        m.d.sync += [place.eq(0), word.eq(0)]
                        m.d.comb += recall.done.ready.eq(closes)
                        with m.If(closes):
                            m.next = "REST"
                        with m.Elif(found):
                            m.next = "FETCH"
                        with m.Else():
                            m.next = "TELL"
            with m.State("FETCH"):
                m.d.comb += reads.valid.eq(1)
                with m.If(reads.ready):
                    m.next = "FETCHED"
            with m.State("FETCHED"):
                # Nobody keeps an entry whose last bits are not zero.
                spoilt = last_word & (tainted | damaged)
                m.d.sync += word.eq(content | spoilt << len(word) - 1)
                with m.If(coming):
                    m.d.sync += tainted.eq(tainted | damaged)
                    m.next = "TELL"
            with m.State("TELL"):
                m.d.comb += tells.eq(1)
                with m.If(self.reply.ready):
                    m.d.sync += place.eq(place + 1)
                    with m.If(last_word):
                        m.next = "REST"
                    with m.Elif(found):
                        m.next = "FETCH"

            # An update: it is stored, or refused; then the recall begins.
            with m.State("STORE"):
                m.d.comb += [
                    writes.valid.eq(self.update.valid & (wrong == FaultCode.NONE)),
                    writes.p.bytes.eq(self.update.p.data),
                    self.update.ready.eq(writes.ready | (wrong != FaultCode.NONE)),
                ]
                with m.If(self.update.valid & self.update.ready):
                    m.d.sync += place.eq(place + 1)
                    with m.If(self.update.p.last):
                        m.next = "BEGIN"
            with m.State("BEGIN"):
                m.d.comb += recall.begin.valid.eq(1)
                m.next = "REST"

            # The recall wants to know eight of the sharers, who are forgotten with that.
            with m.State("GROUP"):
                m.d.comb += [sharing.eq(1), grouping.eq(1), reads.valid.eq(1)]
                m.d.comb += recall.wanted.ready.eq(reads.ready)
                with m.If(reads.ready):
                    m.next = "GROUPED"
            with m.State("GROUPED"):
                m.d.comb += [sharing.eq(1), grouping.eq(1)]
                m.d.sync += word.eq(sharers)
                with m.If(coming):
                    m.next = "FORGET"
            with m.State("FORGET"):
                m.d.comb += [sharing.eq(1), grouping.eq(1), writes.valid.eq(1)]
                m.d.comb += writes.p.bytes.eq(0)
                with m.If(writes.ready):
                    m.d.comb += recall.sharers.valid.eq(1)
                    m.next = "REST"
        return m

    def _report(self, m, recall, damaged, address):
        """Damage, and sharers that are silent."""
        report, silent = self.fault.p, recall.silent
        m.d.comb += [
            self.fault.valid.eq(damaged | silent.valid),
            silent.ready.eq(~damaged),
            report.engine.eq(HOME),
        ]
        with m.If(damaged):
            m.d.comb += [report.code.eq(FaultCode.PARITY), report.address.eq(address)]
        with m.Else():
            m.d.comb += [
                report.code.eq(FaultCode.NODE_DEAD),
                report.node.eq(silent.p),
                report.data_id.eq(recall.done.p.data_id),
                report.info.eq(recall.done.p.fragment),
            ]
