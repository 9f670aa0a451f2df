#include "link_end.hpp"

#include <algorithm>
#include <utility>

namespace cosim {

namespace header = isa::packet_header;
using isa::PacketKind;

/// Classes in the order in which they are sent.
static constexpr isa::MessageClass ORDER[] = {isa::MessageClass::CONTROL, isa::MessageClass::REPLY,
                                              isa::MessageClass::FORWARD,
                                              isa::MessageClass::REQUEST};

/// Packets that have arrived and are acknowledged at once, even if others wait to be sent; beats
/// of a packet for which that holds alone.
static constexpr unsigned PROMPT = 8, LONG = LinkEnd::RING / 4;

static unsigned index(isa::MessageClass message_class) {
    return static_cast<unsigned>(message_class);
}

static bool is_notice(PacketKind kind) {
    return std::find(std::begin(isa::NOTICES), std::end(isa::NOTICES), kind) !=
           std::end(isa::NOTICES);
}

LinkEnd::LinkEnd(std::string name, unsigned link_bytes)
    : name_(std::move(name)), link_bytes_(link_bytes) {
    std::fill(std::begin(returns_), std::end(returns_), 0);
}

void LinkEnd::push(Packet packet) {
    if (dead()) return drop(packet);
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
    const size_t beats = packet.beats(link_bytes_);
    held_[index(packet.message_class())] -= beats;
    if (up_) returns_[index(packet.message_class())] += beats;
}

Token LinkEnd::step(const Token& in) {
    if (in.valid) receive(in);
    if (cycle_++ % isa::TIMEBASE == 0) pulse();
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

/// Which packet goes next. A notice goes before others when it is due, and after them when not.
bool LinkEnd::choose() {
    if (again_) {
        again_ = false;
        next_ = 0;
    }
    if (!due_ && next_ == kept_.size()) fill();
    if (due_ || (owed_ && next_ == kept_.size())) return note(), true;
    if (next_ == kept_.size()) return false;
    Kept& kept = kept_[next_++];
    repeated_ += kept.times++ != 0;
    sending_ = kept.bytes;
    return true;
}

/// Takes in a packet, if the link may keep one more and one has its credits.
void LinkEnd::fill() {
    if (!up_ || kept_.size() >= WINDOW || kept_beats_ >= RING) return;
    for (auto message_class : ORDER) {
        auto& queue = outgoing_[index(message_class)];
        if (queue.empty()) continue;
        const size_t beats = queue.front().beats(link_bytes_);
        if (credits_[index(message_class)] < beats) continue;
        credits_[index(message_class)] -= beats;
        keep(queue.front());
        queue.pop_front();
        return;
    }
    for (auto amount : returns_)
        if (amount >= CAPACITY / 4) return keep(Packet{});
}

void LinkEnd::keep(const Packet& packet) {
    Kept kept{packet.encode(link_bytes_)};
    uint8_t* bytes = kept.bytes.data();
    set(bytes, header::SEQUENCE, oldest_ + kept_.size());
    set(bytes, header::EPOCH, life_);

    // Return credits of the class that has most to return, the next one in turn among equals.
    unsigned best = turn_ = (turn_ + 1) % CLASSES;
    for (unsigned n = 0; n < CLASSES; ++n)
        if (returns_[n] > returns_[best]) best = n;
    const uint64_t most = (uint64_t{1} << header::CREDITS.width) - 1;
    const uint64_t units = std::min(returns_[best] / isa::CREDIT_UNIT, most);
    returns_[best] -= units * isa::CREDIT_UNIT;
    set(bytes, header::CREDIT_CLASS, best);
    set(bytes, header::CREDITS, units);
    set(bytes, header::CRC, crc32(bytes, kept.bytes.size()));
    kept_beats_ += kept.bytes.size() / link_bytes_;
    kept_.push_back(std::move(kept));
}

void LinkEnd::note() {
    Packet notice;
    notice.kind = !up_ ? PacketKind::HELLO : retry_ ? PacketKind::RETRY : PacketKind::ACK;
    sending_ = notice.encode(link_bytes_);
    uint8_t* bytes = sending_.data();
    set(bytes, header::SEQUENCE, oldest_ + next_);
    set(bytes, header::ACKNOWLEDGE, expected_);
    set(bytes, header::CREDITS, other_);
    set(bytes, header::EPOCH, life_);
    set(bytes, header::CRC, crc32(bytes, sending_.size()));
    due_ = retry_ = false;
    owed_ = 0;
}

void LinkEnd::receive(const Token& in) {
    ++beats_received_;
    if (in.start) {
        if (!receiving_.empty()) missing();
        receiving_.clear();
        lost_ = false;
        uint8_t first[isa::HEADER_BYTES] = {};
        std::memcpy(first, in.data, link_bytes_);
        expected_bytes_ = Packet::begin(first).beats(link_bytes_) * link_bytes_;
    } else if (receiving_.empty()) {
        if (!lost_) missing();
        lost_ = true;
        return;
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
    if (crc32(bytes.data(), bytes.size()) != crc) {
        lost_ = true;
        ++damaged_;
        return missing();
    }
    if (get(bytes.data(), header::LINK_FORMAT) != isa::LINK_FORMAT)
        return fault("a packet is of an unknown format");
    const auto kind = static_cast<PacketKind>(get(bytes.data(), header::KIND));
    if (is_notice(kind)) return heed(bytes.data(), kind);
    if (!up_ || get(bytes.data(), header::EPOCH) != other_) return;
    const auto ahead = static_cast<int8_t>(get(bytes.data(), header::SEQUENCE) - expected_);
    if (ahead > 0) return missing();
    if (ahead < 0) return;
    asked_ = false;
    ++expected_;
    owed_ += 1;
    if (owed_ >= PROMPT || bytes.size() / link_bytes_ >= LONG) due_ = true;
    credits_[get(bytes.data(), header::CREDIT_CLASS)] +=
        get(bytes.data(), header::CREDITS) * isa::CREDIT_UNIT;
    Packet packet = Packet::decode(bytes, link_bytes_);
    if (packet.kind == PacketKind::CREDIT) return;
    held_[index(packet.message_class())] += packet.beats(link_bytes_);
    incoming_[index(packet.message_class())].push_back(std::move(packet));
}

/// What was sent before has not arrived, or not undamaged: asks for it, once.
void LinkEnd::missing() {
    if (!up_ || asked_) return;
    asked_ = due_ = retry_ = true;
}

void LinkEnd::heed(const uint8_t* notice, PacketKind kind) {
    const auto epoch = static_cast<uint8_t>(get(notice, header::EPOCH));
    const bool hello = kind == PacketKind::HELLO;
    const bool same = epoch == other_;
    if (hello || !up_) due_ = true;
    if (!up_) {
        other_ = epoch;
        if (get(notice, header::CREDITS) != life_) return;
        up_ = true;
        silence_ = 0;
        // What is free is announced.
        for (unsigned n = 0; n < CLASSES; ++n) returns_[n] = CAPACITY - held_[n];
        return;
    }
    if (hello && !same) {
        if (!kept_.empty())
            fault("the other end began anew, and " + std::to_string(kept_.size()) +
                  " packets under way are lost");
        restart();
        other_ = epoch;
        silence_ = 0;
        return;
    }
    if (hello || !same) return;
    take_acknowledge(static_cast<uint8_t>(get(notice, header::ACKNOWLEDGE)));
    if (kind == PacketKind::RETRY) again_ = due_ = true;
    if (static_cast<int8_t>(get(notice, header::SEQUENCE) - expected_) > 0) missing();
    else asked_ = false;
}

void LinkEnd::take_acknowledge(uint8_t acknowledge) {
    if (kept_.empty() || acknowledge != oldest_) silence_ = 0;
    while (oldest_ != acknowledge && !kept_.empty()) {
        kept_beats_ -= kept_.front().bytes.size() / link_bytes_;
        kept_.pop_front();
        ++oldest_;
        if (next_ > 0) --next_;
    }
}

/// The timebase: says something, and counts how long the other end has said nothing.
void LinkEnd::pulse() {
    due_ = true;
    asked_ = false;
    if (dead() || ++silence_ < isa::LINK_PATIENCE) return;
    if (up_) {
        fault("the other end is silent");
        restart();
    }
    give_up();
}

/// A new life: nothing is under way, and the other end has room for nothing.
void LinkEnd::restart() {
    life_ = life_ == 15 ? 1 : life_ + 1;
    up_ = retry_ = again_ = asked_ = false;
    due_ = true;
    kept_.clear();
    sending_.clear();
    kept_beats_ = next_ = sent_ = owed_ = 0;
    oldest_ = expected_ = 0;
    std::fill(std::begin(credits_), std::end(credits_), 0);
    std::fill(std::begin(returns_), std::end(returns_), 0);
}

void LinkEnd::give_up() {
    for (auto& queue : outgoing_)
        for (; !queue.empty(); queue.pop_front()) drop(queue.front());
}

void LinkEnd::drop(const Packet& packet) {
    fault("the link is dead, and a packet from node " + std::to_string(packet.source) +
          " to node " + std::to_string(packet.destination) + " is dropped");
}

void LinkEnd::fault(const std::string& what) { faults_.push_back(name_ + ": " + what); }

}  // namespace cosim
