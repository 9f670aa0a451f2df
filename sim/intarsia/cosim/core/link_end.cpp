#include "link_end.hpp"

#include <algorithm>
#include <utility>

namespace cosim {

namespace header = isa::packet_header;

/// Classes in the order in which they are sent.
static constexpr isa::MessageClass ORDER[] = {isa::MessageClass::CONTROL, isa::MessageClass::REPLY,
                                              isa::MessageClass::FORWARD,
                                              isa::MessageClass::REQUEST};

static unsigned index(isa::MessageClass message_class) {
    return static_cast<unsigned>(message_class);
}

LinkEnd::LinkEnd(std::string name, unsigned link_bytes)
    : name_(std::move(name)), link_bytes_(link_bytes) {
    std::fill(std::begin(returns_), std::end(returns_), CAPACITY);
    // Chips have no buffers for the class FORWARD yet, and so no credits for it.
    returns_[index(isa::MessageClass::FORWARD)] = 0;
}

void LinkEnd::push(Packet packet) {
    outgoing_[index(packet.message_class())].push_back(std::move(packet));
}

const Packet* LinkEnd::front(isa::MessageClass message_class) const {
    const auto& queue = incoming_[index(message_class)];
    return queue.empty() ? nullptr : &queue.front();
}

Packet LinkEnd::pop(isa::MessageClass message_class) {
    auto& queue = incoming_[index(message_class)];
    Packet packet = std::move(queue.front());
    queue.pop_front();
    return packet;
}

void LinkEnd::release(const Packet& packet) {
    returns_[index(packet.message_class())] += packet.beats(link_bytes_);
}

bool LinkEnd::quiet() const {
    for (unsigned n = 0; n < CLASSES; ++n)
        if (!outgoing_[n].empty() || !incoming_[n].empty()) return false;
    return sending_.empty() && receiving_.empty();
}

Token LinkEnd::step(const Token& in) {
    if (in.valid) receive(in);
    Token out;
    if (sending_.empty() && !choose()) return out;
    out.valid = 1;
    out.start = sent_ == 0;
    std::memcpy(out.data, &sending_[sent_], link_bytes_);
    sent_ += link_bytes_;
    ++beats_sent_;
    if (sent_ == sending_.size()) {
        sending_.clear();
        sent_ = 0;
    }
    return out;
}

bool LinkEnd::choose() {
    for (auto message_class : ORDER) {
        auto& queue = outgoing_[index(message_class)];
        if (queue.empty()) continue;
        const size_t beats = queue.front().beats(link_bytes_);
        if (credits_[index(message_class)] < beats) continue;
        credits_[index(message_class)] -= beats;
        load(queue.front());
        queue.pop_front();
        return true;
    }
    for (auto amount : returns_)
        if (amount >= CAPACITY / 4) {
            load(Packet{});
            return true;
        }
    return false;
}

void LinkEnd::load(const Packet& packet) {
    sending_ = packet.encode(link_bytes_);
    uint8_t* bytes = sending_.data();
    set(bytes, header::SEQUENCE, sequence_);
    set(bytes, header::ACKNOWLEDGE, acknowledge_);
    if (packet.kind != isa::PacketKind::CREDIT) ++sequence_;

    // Return credits of the class that has most to return, the next one in turn among equals.
    unsigned best = turn_ = (turn_ + 1) % CLASSES;
    for (unsigned n = 0; n < CLASSES; ++n)
        if (returns_[n] > returns_[best]) best = n;
    const uint64_t most = (uint64_t{1} << header::CREDITS.width) - 1;
    const uint64_t units = std::min(returns_[best] / isa::CREDIT_UNIT, most);
    returns_[best] -= units * isa::CREDIT_UNIT;
    set(bytes, header::CREDIT_CLASS, best);
    set(bytes, header::CREDITS, units);
    set(bytes, header::CRC, crc32(bytes, sending_.size()));
}

void LinkEnd::receive(const Token& in) {
    ++beats_received_;
    if (in.start) {
        if (!receiving_.empty()) fault("a packet was cut short");
        receiving_.clear();
        uint8_t first[isa::HEADER_BYTES] = {};
        std::memcpy(first, in.data, link_bytes_);
        expected_bytes_ = Packet::begin(first).beats(link_bytes_) * link_bytes_;
    } else if (receiving_.empty()) {
        return fault("a beat belongs to no packet");
    }
    const size_t at = receiving_.size();
    receiving_.resize(at + link_bytes_);
    std::memcpy(&receiving_[at], in.data, link_bytes_);
    if (receiving_.size() == expected_bytes_) accept();
}

void LinkEnd::accept() {
    std::vector<uint8_t> bytes = std::exchange(receiving_, {});
    const auto crc = static_cast<uint32_t>(get(bytes.data(), header::CRC));
    set(bytes.data(), header::CRC, 0);
    if (crc32(bytes.data(), bytes.size()) != crc) return fault("a packet was damaged");
    if (get(bytes.data(), header::LINK_FORMAT) != isa::LINK_FORMAT)
        return fault("a packet is of an unknown format");
    credits_[get(bytes.data(), header::CREDIT_CLASS)] +=
        get(bytes.data(), header::CREDITS) * isa::CREDIT_UNIT;
    Packet packet = Packet::decode(bytes, link_bytes_);
    if (packet.kind == isa::PacketKind::CREDIT) return;
    const auto sequence = static_cast<uint8_t>(get(bytes.data(), header::SEQUENCE));
    if (sequence != expected_) return fault("a packet is out of sequence");
    acknowledge_ = expected_++;
    incoming_[index(packet.message_class())].push_back(std::move(packet));
}

void LinkEnd::fault(const std::string& what) { faults_.push_back(name_ + ": " + what); }

}  // namespace cosim
