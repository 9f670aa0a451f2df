#include "map.hpp"

namespace cosim {

using isa::FaultCode;
using isa::PacketKind;
namespace address = isa::logical_address;
namespace detail = isa::error_detail;
namespace entry = isa::fragment_entry;

namespace {

/// Data ID and fragment that a packet is about.
std::pair<uint64_t, uint16_t> subject(const Packet& packet) {
    const uint8_t* extension = packet.extension.data();
    return {get(extension, address::DATA_ID),
            static_cast<uint16_t>(get(extension, address::FRAGMENT))};
}

}  // namespace

void MapHome::keep(const uint8_t* bytes) {
    const auto fragment = static_cast<uint16_t>(get(bytes, entry::FRAGMENT));
    entries_[{get(bytes, entry::DATA_ID), fragment}].bytes.assign(bytes, bytes + ENTRY_BYTES);
}

Packet MapHome::message(uint16_t destination, PacketKind kind, uint16_t transaction) const {
    Packet packet;
    packet.destination = destination;
    packet.source = node_;
    packet.kind = kind;
    packet.transaction = transaction;
    return packet;
}

void MapHome::look_up(const Packet& question) {
    Packet reply = message(question.source, PacketKind::MAP_REPLY, question.transaction);
    reply.length = ENTRY_BYTES;
    const auto found = entries_.find(subject(question));
    if (found == entries_.end()) {
        reply.payload.assign(ENTRY_BYTES, 0);  // an entry that is not in use
    } else {
        reply.payload = found->second.bytes;
        found->second.sharers.set(question.source % SHARERS);
    }
    send_(std::move(reply));
}

void MapHome::update(const Packet& request) { updates_.push_back(request); }

void MapHome::begin(uint64_t now) {
    const Packet& request = updates_.front();
    begun_ = true;
    deadline_ = now + PATIENCE;
    ++number_;
    waiting_.reset();
    if (request.length != ENTRY_BYTES) return finish(FaultCode::LINK_PROTOCOL);

    Entry& changed = entries_[subject(request)];
    waiting_ = changed.sharers;
    for (uint64_t node = get(request.extension.data(), address::OFFSET) & 0x7F; node-- > 0;)
        if (node < SHARERS) waiting_.set(node);
    waiting_ &= ~fenced_;
    changed = {request.payload, {}};
    if (get(request.payload.data(), entry::ENTRY_FORMAT) == 0) entries_.erase(subject(request));
    for (size_t node = 0; node < SHARERS; ++node) {
        if (!waiting_[node]) continue;
        Packet order =
            message(static_cast<uint16_t>(node), PacketKind::MAP_INVALIDATE, number_);
        order.extension = request.extension;
        set(order.extension.data(), address::OFFSET, 0);
        send_(std::move(order));
    }
}

void MapHome::invalidated(const Packet& reply) {
    if (begun_ && reply.transaction == number_) waiting_.reset(reply.source % SHARERS);
}

void MapHome::step(uint64_t now) {
    if (!begun_) begin(now);
    if (!begun_) return;
    waiting_ &= ~fenced_;
    if (waiting_.none()) return finish(FaultCode::NONE);
    if (now < deadline_) return;
    const auto [data_id, fragment] = subject(updates_.front());
    for (size_t node = 0; node < SHARERS; ++node)
        if (waiting_[node])
            silent_.push_back("node " + std::to_string(node) + " has not told node " +
                              std::to_string(node_) + " that it has forgotten fragment " +
                              std::to_string(fragment) + " of data ID " +
                              std::to_string(data_id));
    finish(FaultCode::NODE_DEAD);
}

void MapHome::finish(FaultCode fault) {
    const Packet request = std::move(updates_.front());
    updates_.pop_front();
    begun_ = false;
    const bool failed = fault != FaultCode::NONE;
    Packet reply = message(request.source, failed ? PacketKind::ERROR : PacketKind::MAP_UPDATED,
                           request.transaction);
    if (failed) {
        const auto [data_id, fragment] = subject(request);
        set(reply.extension.data(), detail::DATA_ID, data_id);
        set(reply.extension.data(), detail::FRAGMENT, fragment);
        set(reply.extension.data(), detail::FAULT, static_cast<unsigned>(fault));
    }
    send_(std::move(reply));
}

}  // namespace cosim
