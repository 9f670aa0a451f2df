// Shell of one kind of verilated chip: its pins as tokens, its control port as accesses.
//
// Compiled once per configuration, together with the verilated model. The build defines
//   PORTS, LINK_BYTES          the chip's link ports and their width
//   FOR_PORTS(M)               M(0) M(1) …
//   FOR_STREAMS(M)             the program streams that are traced
//   FOR_SLEEPERS(M)            M(0, name) … for each block with a clock of its own, ports first
//   SLEEPLESS                  whether such blocks are clocked in each cycle: 0 or 1
//   PREVIOUS(clock)            the model's record of a clock's last value
//   BANKS, LANES, ROWS         the chip's memory: macro-banks, bytes of a row, rows
//   FOR_BYTE_BANKS(M)          M(0, 0) M(0, 1) … for each macro-bank and lane

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "Vchip.h"
#include "Vchip___024root.h"
#include "activities.hpp"
#include "exported.hpp"
#include "verilated.h"

// A pin of a port: Verilator writes two underscores in a row as `___05F`.
#define PIN(port, name) port##___05F##name

// Words of a lane of a macro-bank: a byte and its parity bit each.
#define WORDS(bank, lane)                                                       \
    chip__DOT__chip__DOT__memory__DOT__bank##bank##__DOT__macro__DOT__lanes__BRA__##lane##__KET____DOT__words

namespace {

using cosim::Token;
using cosim::TraceEvent;

template <class Pin>
void put(Pin& pin, const uint32_t* words) {
    static_assert(sizeof(Pin) == LINK_BYTES);
    std::memcpy(&pin, words, sizeof pin);
}

template <class Pin>
void take(const Pin& pin, uint32_t* words) {
    static_assert(sizeof(Pin) == LINK_BYTES);
    std::memcpy(words, &pin, sizeof pin);
}

/// How many streams are traced.
#define COUNT(s) +1
constexpr size_t TRACED = 0 FOR_STREAMS(COUNT);
#undef COUNT

/// One access through the AXI4-Lite port: as it is asked for, and as it went.
struct Access {
    enum { NONE, WRITE, READ, DONE } state = NONE;
    bool address_taken = false, data_taken = false;
    uint32_t address = 0, data = 0, response = 0;
    uint64_t cycle = 0;
};

/// A bit of the chip's memory that changes in a cycle: `bit` 8 is the parity bit of the byte.
struct Flip {
    uint64_t cycle, address;
    unsigned bit;
};

class Shell {
public:
    Shell() {
        context_.threads(1);
        context_.randReset(0);
        model_ = std::make_unique<Vchip>(&context_, "chip");
        model_->rst = 1;
        for (int n = 0; n < 3; ++n) clock(ALL);
        model_->rst = 0;
        for (int n = 0; n < 2; ++n) clock(ALL);  // the chip registers its reset
    }

    void run(uint64_t now, unsigned cycles, const Token* const* in, Token* const* out) {
        activities_.begin(now);
        for (unsigned n = 0; n < cycles; ++n) {
            Vchip& chip = *model_;
            uint32_t awake = SLEEPLESS ? ALL : chip.awake;
            // Pins hold what was driven in the cycle before; most cycles bring no beat.
#define DRIVE(p)                                              \
    if (in[p][n].valid || chip.PIN(rx##p, valid)) {         \
        chip.PIN(rx##p, valid) = in[p][n].valid;            \
        chip.PIN(rx##p, start) = in[p][n].start;            \
        put(chip.PIN(rx##p, data), in[p][n].data);          \
        awake |= 1u << p;                                     \
    }
            FOR_PORTS(DRIVE)
#undef DRIVE
            // The beat that leaves in this cycle is on the pins since the last edge.
#define SEND(p)                                               \
    out[p][n].valid = chip.PIN(tx##p, valid);               \
    if (out[p][n].valid) {                                    \
        out[p][n].start = chip.PIN(tx##p, start);           \
        take(chip.PIN(tx##p, data), out[p][n].data);        \
        mix(out[p][n].data[0] ^ uint64_t{p} << 60 ^ (now + n) << 16); \
    }
            FOR_PORTS(SEND)
#undef SEND
            chip.tick = (now + n) % cosim::isa::TIMEBASE == 0;
            if (chip.tick || resetting_) awake = ALL;
            if (access_.state == Access::WRITE || access_.state == Access::READ) drive(now + n);
            trace(now + n);
            activities_.note(chip.trace_activity);
            if (resetting_) chip.rst = --resetting_ != 0;
            clock(awake);
            while (!flips_.empty() && flips_.back().cycle <= now + n) flip_next();
            if (releasing_) release();
            if (chip.irq & ~interrupts_) since_ = now + n;
            interrupts_ = chip.irq;
        }
    }

    void access(bool write, uint32_t address, uint32_t data) {
        access_ = {};
        access_.state = write ? Access::WRITE : Access::READ;
        access_.address = address;
        access_.data = data;
    }

    /// Resets the chip, in the cycles that come. Its memory and what the pins bring stay.
    void reset() {
        resetting_ = RESET_CYCLES + 1;
        model_->rst = 1;
        access_ = {};
        release();
    }

    /// Remembers what is to change in the chip's memory.
    void flip(uint64_t cycle, uint64_t address, unsigned bit) {
        flips_.push_back({cycle, address, bit});
        std::stable_sort(flips_.begin(), flips_.end(),
                         [](const Flip& a, const Flip& b) { return a.cycle > b.cycle; });
    }

    /// Whether the last access is done; if so, how it went.
    bool accessed(uint32_t& data, uint32_t& response, uint64_t& cycle) const {
        data = access_.data;
        response = access_.response;
        cycle = access_.cycle;
        return access_.state == Access::DONE;
    }

    int interrupts(uint64_t& since) const { return since = since_, interrupts_; }
    const std::vector<TraceEvent>& events() const { return events_; }
    void forget_events() { events_.clear(); }
    bool activities(uint64_t cycle, uint64_t* counts) {
        return activities_.until(cycle, counts);
    }
    uint64_t hash() const { return hash_; }

private:
    /// One cycle, in which those blocks sleep that are not in `awake`. Nothing happens on the
    /// falling edge, so it is not evaluated.
    void clock(uint32_t awake) {
        Vchip& chip = *model_;
        chip.clk = 1;
#define RISE(n, name) chip.clk_##name = awake >> n & 1;
        FOR_SLEEPERS(RISE)
#undef RISE
        chip.eval();
        chip.clk = chip.rootp->PREVIOUS(clk) = 0;
#define FALL(n, name) chip.clk_##name = chip.rootp->PREVIOUS(clk_##name) = 0;
        FOR_SLEEPERS(FALL)
#undef FALL
    }

    /// Drives the control port for the cycle that comes, and sees what the chip makes of it.
    void drive(uint64_t cycle) {
        Vchip& chip = *model_;
        const bool write = access_.state == Access::WRITE;
        chip.PIN(axil, awvalid) = write && !access_.address_taken;
        chip.PIN(axil, wvalid) = write && !access_.data_taken;
        chip.PIN(axil, arvalid) = !write && !access_.address_taken;
        chip.PIN(axil, awaddr) = chip.PIN(axil, araddr) = access_.address;
        chip.PIN(axil, wdata) = access_.data;
        chip.PIN(axil, wstrb) = 0xF;
        chip.PIN(axil, bready) = chip.PIN(axil, rready) = 1;
        model_->eval();  // handshakes of this cycle depend on what was just driven

        if (write) {
            access_.address_taken |= chip.PIN(axil, awvalid) && chip.PIN(axil, awready);
            access_.data_taken |= chip.PIN(axil, wvalid) && chip.PIN(axil, wready);
        } else {
            access_.address_taken |= chip.PIN(axil, arvalid) && chip.PIN(axil, arready);
        }
        const bool answered = write ? chip.PIN(axil, bvalid) : chip.PIN(axil, rvalid);
        if (!answered) return;
        access_.response = write ? chip.PIN(axil, bresp) : chip.PIN(axil, rresp);
        if (!write) access_.data = chip.PIN(axil, rdata);
        access_.cycle = cycle;
        access_.state = Access::DONE;
        releasing_ = true;
    }

    /// Lets the control port rest once the edge has passed that ended an access.
    void release() {
        Vchip& chip = *model_;
        chip.PIN(axil, awvalid) = chip.PIN(axil, wvalid) = chip.PIN(axil, arvalid) = 0;
        chip.PIN(axil, bready) = chip.PIN(axil, rready) = 0;
        releasing_ = false;
    }

    void trace(uint64_t cycle) {
        Vchip& chip = *model_;
        if (!chip.trace_start && !chip.trace_done) return;
#define RECORD(s)                                                                            \
    if (chip.trace_done >> s & 1) record({cycle, s, 0, 0, true, {}});                        \
    if (chip.trace_start >> s & 1)                                                           \
        record({cycle, s, static_cast<uint8_t>(chip.trace_context##s),                       \
                static_cast<uint16_t>(chip.trace_layer##s), false, {}});
        FOR_STREAMS(RECORD)
#undef RECORD
    }

    void record(TraceEvent event) {
        std::copy_n(activities_.of(event.stream), cosim::isa::ACTIVITIES, event.counts);
        events_.push_back(event);
    }

    /// Changes the bit whose turn it is.
    void flip_next() {
        const Flip next = flips_.back();
        flips_.pop_back();
        auto* root = model_->rootp;
        uint16_t* const lanes[] = {
#define LANE(bank, lane) &root->WORDS(bank, lane)[0],
            FOR_BYTE_BANKS(LANE)
#undef LANE
        };
        const uint64_t row = next.address / LANES;
        lanes[row / ROWS % BANKS * LANES + next.address % LANES][row % ROWS] ^= 1u << next.bit;
    }

    void mix(uint64_t value) {
        hash_ = (hash_ ^ value) * 0x9E3779B97F4A7C15u;
        hash_ ^= hash_ >> 29;
    }

    VerilatedContext context_;
    std::unique_ptr<Vchip> model_;
    Access access_;
    /// All that may sleep.
    static constexpr uint32_t ALL = ~0u;
    /// Cycles that a reset lasts.
    static constexpr unsigned RESET_CYCLES = 3;

    bool releasing_ = false;
    unsigned resetting_ = 0;  // cycles until the reset has been taken back
    std::vector<Flip> flips_;  // the next one last
    int interrupts_ = 0;
    uint64_t since_ = 0, hash_ = 0;
    std::vector<TraceEvent> events_;
    cosim::Activities<TRACED> activities_;
};

}  // namespace

extern "C" {
__attribute__((visibility("default"))) extern const cosim::ChipInterface chip_interface;
}

const cosim::ChipInterface chip_interface = cosim::interface_of<Shell>(PORTS, LINK_BYTES);
