// Shell of a verilated crossing: makes packets of all classes, and checks those that arrive.
//
// What a packet consists of depends on its source, destination, class, and number alone: so who
// receives one knows every byte that it ought to have. The build defines PORTS, LINK_BYTES,
// FOR_PORTS(M), PREVIOUS(clock) as for a chip, and FOR_CLASSES(M) as M(0, control) M(1, reply) …

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "Vchip.h"
#include "Vchip___024root.h"
#include "exported.hpp"
#include "packet.hpp"
#include "verilated.h"
#include "wire.hpp"

#define PIN(port, name) port##___05F##name

namespace {

namespace isa = cosim::isa;
using cosim::Packet;
using cosim::Random;
using cosim::Token;
using isa::PacketKind;

constexpr unsigned CLASSES = 4, CONTROL = 0, REPLY = 1, FORWARD = 2, REQUEST = 3;

/// Replies that may wait to be sent before requests are no longer taken.
constexpr size_t MOST_REPLIES = 4;

/// What is written, by address.
enum Setting : uint32_t {
    NODE, SEED, ROUTE, PEER, LOAD, LENGTH, LIMIT, STALLS, ANSWERS, LOSSES, SETTINGS
};

/// What is read, by address.
enum Figure : uint32_t {
    BYTES, BYTES_HIGH, PACKETS, WRONG, LOST, SENT, WAITING, FAULTS, LAST_FAULT, FIGURES
};

struct Beat {
    uint32_t words[LINK_BYTES / 4 + 1];  // data, and in the last word: first, last
};

class Crossing {
public:
    Crossing() {
        context_.threads(1);
        context_.randReset(0);
        model_ = std::make_unique<Vchip>(&context_, "chip");
        model_->rst = 1;
        for (int n = 0; n < 3; ++n) clock();
        model_->rst = 0;
    }

    void run(uint64_t now, unsigned cycles, const Token* const* in, Token* const* out) {
        for (unsigned n = 0; n < cycles; ++n) {
            Vchip& chip = *model_;
            if (chip.rst && resetting_-- == 0) chip.rst = 0;
#define SEND(p)                                                 \
    out[p][n].valid = chip.PIN(tx##p, valid);                   \
    if (out[p][n].valid) {                                      \
        out[p][n].start = chip.PIN(tx##p, start);               \
        std::memcpy(out[p][n].data, &chip.PIN(tx##p, data), LINK_BYTES); \
    }                                                           \
    chip.PIN(rx##p, valid) = in[p][n].valid;                    \
    chip.PIN(rx##p, start) = in[p][n].start;                    \
    std::memcpy(&chip.PIN(rx##p, data), in[p][n].data, LINK_BYTES); \
    if (chip.PIN(fault##p, valid)) fault(chip.PIN(fault##p, payload));
            FOR_PORTS(SEND)
#undef SEND
            if (chip.PIN(fault, valid)) fault(chip.PIN(fault, payload));
            chip.tick = (now + n) % isa::TIMEBASE == 0;
            chip.PIN(route, valid) = !routes_.empty();
            if (!routes_.empty()) {
                chip.PIN(route, payload) = routes_.front();
                routes_.pop_front();
            }
            if (!chip.rst) exchange();
            clock();
        }
        now_ = now + cycles;
    }

    /// Sets what is at `address`, or asks for it. There is an answer at once.
    void access(bool write, uint32_t address, uint32_t value) {
        if (!write) {
            asked_ = figure(address);
            return;
        }
        if (address == NODE) model_->node = value;
        if (address == ROUTE) routes_.push_back(value);
        if (address == PEER) peers_.push_back(static_cast<uint16_t>(value));
        if (address == SEED) random_ = Random(value);
        if (address < SETTINGS) settings_[address] = value;
    }

    bool accessed(uint32_t& data, uint32_t& response, uint64_t& cycle) const {
        data = asked_;
        response = 0;
        cycle = now_;
        return true;
    }

    // Of the rest of what chips do, crossings know nothing.
    int interrupts(uint64_t&) const { return 0; }
    const std::vector<cosim::TraceEvent>& events() const { return events_; }
    void forget_events() {}
    bool activities(uint64_t, uint64_t*) const { return false; }
    uint64_t hash() const { return 0; }
    void flip(uint64_t, uint64_t, unsigned) {}

    uint32_t figure(uint32_t address) const {
        if (address == BYTES) return static_cast<uint32_t>(bytes_);
        if (address == BYTES_HIGH) return static_cast<uint32_t>(bytes_ >> 32);
        if (address != WAITING) return address < FIGURES ? figures_[address] : 0;
        size_t waiting = replies_.size();
        for (const auto& source : sources_) waiting += !source.beats.empty();
        return static_cast<uint32_t>(waiting);
    }

    void reset() {
        model_->rst = 1;
        resetting_ = 2;
        // What was being handed over is lost, at both sides.
#define REST(n, name)                                     \
    model_->PIN(source_##name, valid) = 0;                \
    model_->PIN(sink_##name, ready) = 0;                  \
    sources_[n].beats.clear();                            \
    sinks_[n].clear();
        FOR_CLASSES(REST)
#undef REST
    }

private:
    struct Source {
        std::vector<Beat> beats;
        size_t next = 0;
    };

    void clock() {
        model_->clk = 1;
        model_->eval();
        model_->clk = model_->rootp->PREVIOUS(clk) = 0;
    }

    /// One cycle of all streams of packets.
    void exchange() {
        Vchip& chip = *model_;
#define OFFER(n, name)                                                            \
    if (sources_[n].beats.empty()) fill(n);                                       \
    chip.PIN(source_##name, valid) = !sources_[n].beats.empty();                  \
    if (!sources_[n].beats.empty())                                               \
        std::memcpy(&chip.PIN(source_##name, payload),                            \
                    &sources_[n].beats[sources_[n].next], sizeof(Beat));          \
    chip.PIN(sink_##name, ready) = takes(n);
        FOR_CLASSES(OFFER)
#undef OFFER
        chip.eval();  // handshakes of this cycle depend on what was just driven
#define PASS(n, name)                                                             \
    if (chip.PIN(source_##name, valid) && chip.PIN(source_##name, ready)) {       \
        Source& source = sources_[n];                                             \
        if (++source.next == source.beats.size()) {                               \
            source.beats.clear();                                                 \
            ++figures_[SENT];                                                     \
        }                                                                         \
    }                                                                             \
    if (chip.PIN(sink_##name, valid) && chip.PIN(sink_##name, ready)) {           \
        Beat beat;                                                                \
        std::memcpy(&beat, &chip.PIN(sink_##name, payload), sizeof beat);         \
        take(n, beat);                                                            \
    }
        FOR_CLASSES(PASS)
#undef PASS
    }

    bool takes(unsigned of) {
        if (settings_[ANSWERS] && (of == REQUEST || of == FORWARD) &&
            replies_.size() >= MOST_REPLIES)
            return false;
        return settings_[STALLS] == 0 || (random_.next() & 0xFF) >= settings_[STALLS];
    }

    /// The next packet of a class: a reply that is owed, or one of our own.
    void fill(unsigned of) {
        uint16_t to;
        if (of == REPLY && !replies_.empty()) {
            to = replies_.front();
            replies_.pop_front();
        } else {
            if (!(settings_[LOAD] >> of & 1) || peers_.empty() || made_ >= settings_[LIMIT]) return;
            to = peers_[random_.next() % peers_.size()];
            ++made_;
        }
        const auto number = numbers_[{to, of}]++;
        const Packet packet = make(static_cast<uint16_t>(settings_[NODE]), to, of, number);
        const std::vector<uint8_t> bytes = packet.encode(LINK_BYTES);
        Source& source = sources_[of];
        source.next = 0;
        source.beats.resize(bytes.size() / LINK_BYTES);
        for (size_t n = 0; n < source.beats.size(); ++n) {
            std::memcpy(source.beats[n].words, &bytes[n * LINK_BYTES], LINK_BYTES);
            source.beats[n].words[LINK_BYTES / 4] =
                (n == 0) | (n + 1 == source.beats.size()) << 1;
        }
    }

    /// Packet `number` of a class between two nodes.
    Packet make(uint16_t from, uint16_t to, unsigned of, uint64_t number) const {
        Random random(number << 40 ^ uint64_t{from} << 24 ^ uint64_t{to} << 8 ^ of);
        const uint64_t choice = random.next();
        Packet packet;
        packet.source = from;
        packet.destination = to;
        packet.transaction = static_cast<uint16_t>(number);
        uint32_t length = settings_[LENGTH];
        if (length == 0) length = choice & 2 ? 1 + (choice >> 8) % isa::PAYLOAD_MAX : 16;
        if (of == CONTROL) packet.kind = PacketKind::SYNC_ARRIVE;
        if (of == FORWARD) packet.kind = PacketKind::MAP_LOOKUP;
        if (of == REPLY) packet.kind = PacketKind::READ_REPLY;
        if (of == REQUEST) packet.kind = choice & 1 ? PacketKind::READ : PacketKind::WRITE;
        if (of == REQUEST && settings_[LENGTH]) packet.kind = PacketKind::WRITE;
        if (of == REPLY || of == REQUEST) packet.length = static_cast<uint16_t>(length);
        fill_with(random, packet.extension.data(), packet.extension.size());
        if (of == REPLY || packet.kind == PacketKind::WRITE) {
            packet.payload.resize(length);
            fill_with(random, packet.payload.data(), length);
        }
        return packet;
    }

    static void fill_with(Random& random, uint8_t* bytes, size_t size) {
        for (size_t n = 0; n < size; n += 8) {
            const uint64_t value = random.next();
            std::memcpy(bytes + n, &value, std::min<size_t>(8, size - n));
        }
    }

    void take(unsigned of, const Beat& beat) {
        auto& bytes = sinks_[of];
        const uint32_t marks = beat.words[LINK_BYTES / 4];
        if ((marks & 1) != bytes.empty()) ++figures_[WRONG];
        if (marks & 1) bytes.clear();
        bytes.insert(bytes.end(), reinterpret_cast<const uint8_t*>(beat.words),
                     reinterpret_cast<const uint8_t*>(beat.words) + LINK_BYTES);
        if (!(marks >> 1 & 1)) return;
        check(of, bytes);
        bytes.clear();
    }

    /// Every byte but those of the link, and the packet's place among those of its source.
    void check(unsigned of, std::vector<uint8_t>& bytes) {
        bytes.resize(std::max<size_t>(bytes.size(), isa::HEADER_BYTES));
        const Packet header = Packet::begin(bytes.data());
        uint64_t& next = expected_[{header.source, of}];
        const auto ahead = static_cast<uint16_t>(header.transaction - next);
        if (ahead != 0 && settings_[LOSSES] && ahead < 0x8000) {
            figures_[LOST] += ahead;
            next += ahead;
        }
        const auto here = static_cast<uint16_t>(settings_[NODE]);
        const Packet wanted = make(header.source, here, of, next++);
        const std::vector<uint8_t> right = wanted.encode(LINK_BYTES);
        constexpr size_t LINK_FIELDS = isa::packet_header::CRC.offset / 8;
        const size_t from = isa::HEADER_BYTES;
        if (bytes.size() != right.size() || std::memcmp(&bytes[0], &right[0], LINK_FIELDS) != 0 ||
            std::memcmp(bytes.data() + from, right.data() + from, right.size() - from) != 0)
            ++figures_[WRONG];
        ++figures_[PACKETS];
        bytes_ += wanted.payload.size();
        if (settings_[ANSWERS] && (of == REQUEST || of == FORWARD))
            replies_.push_back(header.source);
    }

    template <class Report>
    void fault(const Report& report) {
        ++figures_[FAULTS];
        uint8_t bytes[sizeof report];
        std::memcpy(bytes, &report, sizeof report);
        figures_[LAST_FAULT] = static_cast<uint32_t>(cosim::get(bytes, isa::fault_report::CODE));
    }

    VerilatedContext context_;
    std::unique_ptr<Vchip> model_;
    int resetting_ = 0;
    uint32_t asked_ = 0;  // what was asked for
    uint64_t now_ = 0;
    const std::vector<cosim::TraceEvent> events_;
    uint32_t settings_[SETTINGS] = {}, figures_[FIGURES] = {};
    std::deque<uint32_t> routes_;
    std::vector<uint16_t> peers_;
    std::deque<uint16_t> replies_;
    Random random_{0};
    Source sources_[CLASSES];
    std::vector<uint8_t> sinks_[CLASSES];
    uint64_t made_ = 0, bytes_ = 0;
    std::map<std::pair<uint16_t, unsigned>, uint64_t> numbers_, expected_;  // by node and class
};

}  // namespace

extern "C" {
__attribute__((visibility("default"))) extern const cosim::ChipInterface chip_interface;
}

const cosim::ChipInterface chip_interface = cosim::interface_of<Crossing>(PORTS, LINK_BYTES);
