"""The mutants, by the part of the project that they break."""

from tests.mutants.accounts import ACCOUNTS
from tests.mutants.boards import BOARDS
from tests.mutants.chains import CHAINS
from tests.mutants.coherence import COHERENCE
from tests.mutants.packets import PACKETS
from tests.mutants.pools import POOLS
from tests.mutants.proofs import PROOFS
from tests.mutants.remote import REMOTE
from tests.mutants.runner import Mutant
from tests.mutants.stripes import STRIPES
from tests.mutants.sums import SUMS
from tests.mutants.survival import SURVIVAL
from tests.mutants.tiles import TILES
from tests.mutants.windows import WINDOWS

__all__ = ["MUTANTS"]

CONV = "tests/hw/conv/test_engine.py::test_engine[tiny]"
PADDING = (
    Mutant(
        "padding: zeros instead of the zero point",
        "hw/intarsia/conv/feeder.py",
        "vector.bytes[lane].eq(self.zero_point)",
        "vector.bytes[lane].eq(0)",
        CONV,
    ),
    Mutant(
        "padding: rows above the map are taken for stored",
        "hw/intarsia/conv/walker.py",
        "row_stored.eq((walk.y >= 0) & (walk.y < job.in_height))",
        "row_stored.eq(walk.y < job.in_height)",
        CONV,
    ),
    Mutant(
        "padding: one row below the map is taken for stored",
        "hw/intarsia/conv/walker.py",
        "(walk.y < job.in_height))",
        "(walk.y <= job.in_height))",
        CONV,
    ),
    Mutant(
        "padding: the last byte of a row is taken for padding",
        "hw/intarsia/conv/walker.py",
        "left.eq(job.row_bytes - walk.position)",
        "left.eq(job.row_bytes - walk.position - 1)",
        CONV,
    ),
)
ENGINE = (
    Mutant(
        "conv: sums of the pass before are not forgotten",
        "hw/intarsia/conv/accumulator.py",
        "with m.If(update.first):",
        "with m.If(0):",
        CONV,
    ),
    Mutant(
        "conv: the next row begins a pixel late",
        "hw/intarsia/conv/drain.py",
        "row_address.eq(row_address + job.out_row_step)",
        "row_address.eq(address + job.out_row_step)",
        CONV,
    ),
)

REQUANTIZER_TEST = "tests/hw/common/test_requantizer.py::test_requantizer[2-48]"
REQUANTIZER = (
    Mutant(
        "requantizer: the first rounding takes ties up",
        "hw/intarsia/common/requantizer.py",
        "up = lost[-1] & (lost[:-1].any() | kept[0])",
        "up = lost[-1]",
        REQUANTIZER_TEST,
    ),
    Mutant(
        "requantizer: the second rounding forgets what was lost",
        "hw/intarsia/common/requantizer.py",
        "sticky = lane.x[: last - 1].any() | (long & lane.x[last - 1])",
        "sticky = lane.x[: last - 1].any()",
        REQUANTIZER_TEST,
    ),
    Mutant(
        "requantizer: double rounding takes negative ties towards zero",
        "hw/intarsia/common/requantizer.py",
        "~stage.double | lane.lost | ~lane.sign",
        "~stage.double | ~lane.sign",
        REQUANTIZER_TEST,
    ),
    Mutant(
        "requantizer: one more than the upper bound passes",
        "hw/intarsia/common/requantizer.py",
        "lane.x > stage.high)",
        "lane.x > stage.high + 1)",
        REQUANTIZER_TEST,
    ),
)

MEMORY_TEST = "tests/hw/memory/test_memory.py::test_memory[tiny-straight]"
MEMORY = (
    Mutant(
        "memory: an unaligned vector stays in its row",
        "hw/intarsia/memory/memory.py",
        "bank.read_next.eq((1 << offset) - 1)",
        "bank.read_next.eq(0)",
        MEMORY_TEST,
    ),
    Mutant(
        "memory: the arbiter favours the first client",
        "hw/intarsia/memory/arbiter.py",
        "Mux(first.any(), _lowest(first), _lowest(asking))",
        "_lowest(asking)",
        MEMORY_TEST,
    ),
    Mutant(
        "memory: parity is stored odd",
        "hw/intarsia/memory/memory.py",
        "bank.write_parity.eq(_odd(bank.write_bytes))",
        "bank.write_parity.eq(~_odd(bank.write_bytes))",
        MEMORY_TEST,
    ),
)

ENTRIES_TEST = "tests/hw/atu/test_entries.py::test_entries[tiny]"
ATU_TEST = "tests/hw/atu/test_cache.py::test_atu[tiny]"
ATU = (
    Mutant(
        "atu: fragments of one tensor are mixed up",
        "hw/intarsia/atu/entries.py",
        "& (read.data.fragment == self.key.fragment)",
        "",
        ENTRIES_TEST,
    ),
    Mutant(
        "atu: a full set always loses the same way",
        "hw/intarsia/atu/entries.py",
        "victim.eq(Mux(victim == ways - 1, 0, victim + 1))",
        "victim.eq(0)",
        ENTRIES_TEST,
    ),
    Mutant(
        "atu: removing all leaves the last set",
        "hw/intarsia/atu/entries.py",
        "m.d.sync += used.eq(0)",
        "m.d.sync += used.eq(used & (1 << (sets - 1)))",
        ENTRIES_TEST,
    ),
    Mutant(
        "atu: what a home said before a removal is believed",
        "hw/intarsia/atu/cache.py",
        "with m.If(change.operation != MapOperation.FILL):",
        "with m.If(0):",
        ATU_TEST,
    ),
    Mutant(
        "atu: answers count for whoever waits",
        "hw/intarsia/atu/cache.py",
        "& Cat(number == answer.p.number for number in misses.numbers)",
        "",
        ATU_TEST,
    ),
    Mutant(
        "atu: a port that waits holds up the other one",
        "hw/intarsia/atu/cache.py",
        "free = Cat(asker.request.valid & ~held[n] for n, asker in enumerate(self._askers))",
        "free = Cat(asker.request.valid & ~held.any() for asker in self._askers)",
        ATU_TEST,
    ),
    Mutant(
        "packets: those of several sources are mixed",
        "hw/intarsia/common/packets.py",
        "holding.eq(~(self.packet.ready & self.packet.p.last))",
        "holding.eq(0)",
        "tests/hw/common/test_packets.py::test_merge[4]",
    ),
)

LINK_TEST = "tests/hw/link/test_port.py::test_port[4-False]"
LINK = (
    Mutant(
        "link: damaged packets are kept",
        "hw/intarsia/link/receiver.py",
        'summed.eq(crc.crc == found["crc"])',
        "summed.eq(1)",
        "tests/hw/link/test_errors.py::test_errors[16]",
    ),
    Mutant(
        "link: repeated packets are kept",
        "hw/intarsia/link/receiver.py",
        'is_next.eq(proper & ~noticed & found["next"])',
        'is_next.eq(proper & ~noticed & ~found["ahead"])',
        "tests/hw/link/test_receiver.py::test_receiver[16]",
    ),
    Mutant(
        "link: packets are sent without credit",
        "hw/intarsia/link/collector.py",
        "(balance[name] >= geometry.demand(name))",
        "(balance[name] >= 0)",
        LINK_TEST,
    ),
)

DMA_LOCAL = "tests/hw/dma/test_local.py::test_local_queue[tiny]"
DMA_REMOTE = "tests/hw/dma/test_remote.py::test_remote_queue[tiny]"
DMA_RESPONDER = "tests/hw/dma/test_responder.py::test_responder[tiny]"
DMA = (
    Mutant(
        "dma: the local queue is done before its last write",
        "hw/intarsia/dma/local.py",
        "with m.If(written & coming.last):",
        "with m.If(target.last):",
        DMA_LOCAL,
    ),
    Mutant(
        "dma: rows are copied with the pitch of the other side",
        "hw/intarsia/dma/local.py",
        "to_row.eq(to_row + descriptor.destination_pitch)",
        "to_row.eq(to_row + descriptor.source_pitch)",
        DMA_LOCAL,
    ),
    Mutant(
        "dma: requests do not skip the gap of the other side",
        "hw/intarsia/dma/cutter.py",
        "Mux(row_ends, work.remote_pitch - record.row_bytes, 0)",
        "0",
        DMA_REMOTE,
    ),
    Mutant(
        "dma: the responder serves fragments of other nodes",
        "hw/intarsia/dma/responder.py",
        "elsewhere.eq(~holds)",
        "elsewhere.eq(0)",
        DMA_RESPONDER,
    ),
    Mutant(
        "dma: a write is acknowledged before it is done",
        "hw/intarsia/dma/responder.py",
        "with m.If(scatter.done):",
        "with m.If(1):",
        DMA_RESPONDER,
    ),
)

SEQUENCER = (
    Mutant(
        "sequencer: all contexts share one slot table",
        "hw/intarsia/sequencer/slots.py",
        "read.addr.eq(self.read.context * slots + self.read.slot)",
        "read.addr.eq(self.read.slot)",
        "tests/hw/sequencer/test_sequencer.py::test_sequencer[straight]",
    ),
)

COMPILER = (
    Mutant(
        "compiler: inner edges are padded too",
        "sw/intarsia/compiler/windows.py",
        "pad_top = top - (box.top * window.stride[0] - window.padding[0])",
        "pad_top = window.padding[0]",
        "tests/sw/compiler/test_windows.py",
    ),
    Mutant(
        "compiler: the last halo row is not fetched",
        "sw/intarsia/compiler/needs.py",
        "(window.kernel[0] - 1) * window.dilation[0] + 1)",
        "(window.kernel[0] - 1) * window.dilation[0])",
        "tests/sw/compiler/test_compile.py",
    ),
    Mutant(
        "compiler: a reader does not wait for the writer",
        "sw/intarsia/compiler/schedule.py",
        "(a.write or b.write) and _overlap(a, b, places)",
        "(a.write and b.write) and _overlap(a, b, places)",
        "tests/sw/compiler/test_schedule.py",
    ),
)

DIGITS = (
    Mutant(
        "digits: calibration forgets the sign of the lower bound",
        "sw/intarsia/digits/quantize.py",
        "-128 - low / scale",
        "-128 + low / scale",
        "tests/sw/digits/test_quantize.py",
    ),
    Mutant(
        "digits: convolutions are not padded",
        "sw/intarsia/digits/quantize.py",
        "pads=[layer.kernel // 2] * 4",
        "pads=[0] * 4",
        "tests/sw/digits/test_quantize.py",
    ),
)

MUTANTS = (
    *PADDING,
    *ENGINE,
    *REQUANTIZER,
    *MEMORY,
    *ATU,
    *LINK,
    *PACKETS,
    *SUMS,
    *REMOTE,
    *COHERENCE,
    *DMA,
    *SEQUENCER,
    *COMPILER,
    *DIGITS,
    *PROOFS,
    *SURVIVAL,
    *ACCOUNTS,
    *BOARDS,
    *TILES,
    *WINDOWS,
    *STRIPES,
    *CHAINS,
    *POOLS,
)
