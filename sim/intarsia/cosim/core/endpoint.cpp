#include "endpoint.hpp"

#include <algorithm>
#include <stdexcept>

namespace cosim {

using isa::FaultCode;
using isa::PacketKind;
namespace address = isa::logical_address;
namespace detail = isa::error_detail;
namespace entry = isa::fragment_entry;

constexpr size_t ENTRY_BYTES = entry::BITS / 8;

Endpoint::Endpoint(uint16_t node, size_t size, unsigned link_bytes, unsigned latency)
    : node_(node),
      end_("node " + std::to_string(node), link_bytes),
      latency_(latency),
      memory_(size) {}

void Endpoint::place(uint64_t data_id, uint16_t fragment, Region region) {
    regions_[{data_id, fragment}] = region;
}

void Endpoint::keep(const uint8_t* bytes) {
    const auto fragment = static_cast<uint16_t>(get(bytes, entry::FRAGMENT));
    entries_[{get(bytes, entry::DATA_ID), fragment}].assign(bytes, bytes + ENTRY_BYTES);
}

void Endpoint::transfer(bool write, uint16_t node, const uint8_t* logical_address, uint64_t local,
                        uint64_t size) {
    if (local > memory_.size() || size > memory_.size() - local)
        throw std::runtime_error("a transfer leaves the memory of node " + std::to_string(node_));
    const uint64_t first = get(logical_address, address::OFFSET);
    for (uint64_t done = 0; done < size;) {
        const uint64_t length = std::min<uint64_t>(size - done, isa::PAYLOAD_MAX);
        Packet packet;
        packet.destination = node;
        packet.source = node_;
        packet.kind = write ? PacketKind::WRITE : PacketKind::READ;
        packet.length = static_cast<uint16_t>(length);
        std::memcpy(packet.extension.data(), logical_address, packet.extension.size());
        set(packet.extension.data(), address::OFFSET, first + done);
        queued_.emplace_back(std::move(packet), local + done);
        done += length;
    }
}

void Endpoint::abandon() {
    queued_.clear();
    waiting_.clear();
}

void Endpoint::run(uint64_t now, unsigned cycles, const std::vector<const Token*>& in,
                   const std::vector<Token*>& out) {
    for (unsigned cycle = 0; cycle < cycles; ++cycle) {
        out[0][cycle] = end_.step(in[0][cycle]);
        if (!queued_.empty()) issue();
        serve(now + cycle);
    }
}

void Endpoint::issue() {
    while (!queued_.empty() && waiting_.size() < IN_FLIGHT) {
        auto [packet, local] = std::move(queued_.front());
        queued_.pop_front();
        packet.transaction = next_transaction_++;
        if (packet.kind == PacketKind::WRITE)
            packet.payload.assign(memory_.begin() + local, memory_.begin() + local + packet.length);
        waiting_[packet.transaction] = {packet, local};
        end_.push(std::move(packet));
    }
}

void Endpoint::serve(uint64_t now) {
    while (end_.front(isa::MessageClass::REPLY)) {
        const Packet reply = end_.pop(isa::MessageClass::REPLY);
        end_.release(reply);
        finish(reply);
    }
    while (end_.front(isa::MessageClass::CONTROL)) {
        const Packet packet = end_.pop(isa::MessageClass::CONTROL);
        end_.release(packet);
        faults_.push_back("node " + std::to_string(node_) + ": node " +
                          std::to_string(packet.source) +
                          " sent it a message for sync ports, and it has none");
    }
    // The map is no part of the memory: questions wait for no request.
    while (end_.front(isa::MessageClass::FORWARD)) {
        const Packet question = end_.pop(isa::MessageClass::FORWARD);
        end_.release(question);
        schedule(now + latency_, look_up(question));
    }
    // One request at a time moves its bytes; replies follow each other by the latency.
    while (now >= free_at_ && end_.front(isa::MessageClass::REQUEST)) {
        const Packet request = end_.pop(isa::MessageClass::REQUEST);
        end_.release(request);
        const unsigned width = end_.link_bytes();
        free_at_ = now + (request.length + width - 1) / width;
        schedule(free_at_ + latency_, answer(request, free_at_));
    }
    while (!replies_.empty() && replies_.front().due <= now) {
        end_.push(std::move(replies_.front().packet));
        replies_.pop_front();
    }
}

void Endpoint::schedule(uint64_t due, Packet reply) {
    const auto later = [](uint64_t cycle, const Reply& other) { return cycle < other.due; };
    const auto place = std::upper_bound(replies_.begin(), replies_.end(), due, later);
    replies_.insert(place, {due, std::move(reply)});
}

Packet Endpoint::answer(const Packet& request, uint64_t now) {
    const uint8_t* extension = request.extension.data();
    const uint64_t data_id = get(extension, address::DATA_ID);
    const auto fragment = static_cast<uint16_t>(get(extension, address::FRAGMENT));
    const uint64_t offset = get(extension, address::OFFSET);
    const bool write = request.kind == PacketKind::WRITE;

    Packet reply;
    reply.destination = request.source;
    reply.source = node_;
    reply.transaction = request.transaction;

    const auto region = regions_.find({data_id, fragment});
    FaultCode fault = FaultCode::NONE;
    if (region == regions_.end()) fault = FaultCode::ATU_MISS;
    else if (region->second.version != get(extension, address::VERSION)) fault = FaultCode::VERSION;
    else if (!(region->second.permissions >> (write ? 1 : 0) & 1)) fault = FaultCode::PERMISSION;
    else if (offset + request.length > region->second.size) fault = FaultCode::BOUNDS;
    if (fault != FaultCode::NONE) {
        reply.kind = PacketKind::ERROR;
        set(reply.extension.data(), detail::DATA_ID, data_id);
        set(reply.extension.data(), detail::FRAGMENT, fragment);
        set(reply.extension.data(), detail::OFFSET, offset);
        set(reply.extension.data(), detail::FAULT, static_cast<unsigned>(fault));
        return reply;
    }
    const auto at = memory_.begin() + static_cast<std::ptrdiff_t>(region->second.base + offset);
    if (write) {
        std::copy(request.payload.begin(), request.payload.end(), at);
        last_commit_ = now;
        reply.kind = PacketKind::WRITE_ACK;
    } else {
        reply.kind = PacketKind::READ_REPLY;
        reply.length = request.length;
        reply.payload.assign(at, at + request.length);
    }
    return reply;
}

Packet Endpoint::look_up(const Packet& request) const {
    const uint8_t* extension = request.extension.data();
    const auto fragment = static_cast<uint16_t>(get(extension, address::FRAGMENT));
    Packet reply;
    reply.destination = request.source;
    reply.source = node_;
    reply.transaction = request.transaction;
    reply.kind = PacketKind::MAP_REPLY;
    reply.length = ENTRY_BYTES;
    const auto found = entries_.find({get(extension, address::DATA_ID), fragment});
    // All zero: an entry that is not in use.
    reply.payload =
        found == entries_.end() ? std::vector<uint8_t>(ENTRY_BYTES) : found->second;
    return reply;
}

void Endpoint::finish(const Packet& reply) {
    const auto found = waiting_.find(reply.transaction);
    if (found == waiting_.end()) {
        faults_.push_back("node " + std::to_string(node_) + ": a reply from node " +
                          std::to_string(reply.source) + " that nobody waits for");
        return;
    }
    const auto [request, local] = std::move(found->second);
    waiting_.erase(found);
    if (reply.kind == PacketKind::ERROR)
        faults_.push_back("node " + std::to_string(reply.source) + " refused a transfer of node " +
                          std::to_string(node_) + ": data ID " +
                          std::to_string(get(request.extension.data(), address::DATA_ID)) +
                          ", fault " +
                          std::to_string(get(reply.extension.data(), detail::FAULT)));
    else if (reply.kind == PacketKind::READ_REPLY)
        std::copy(reply.payload.begin(), reply.payload.end(),
                  memory_.begin() + static_cast<std::ptrdiff_t>(local));
}

std::vector<std::string> Endpoint::faults() const {
    std::vector<std::string> all = faults_;
    all.insert(all.end(), end_.faults().begin(), end_.faults().end());
    return all;
}

}  // namespace cosim
