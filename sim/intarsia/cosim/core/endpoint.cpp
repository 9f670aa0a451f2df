#include "endpoint.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace cosim {

using isa::FaultCode;
using isa::PacketKind;
namespace address = isa::logical_address;
namespace detail = isa::error_detail;
Endpoint::Endpoint(uint16_t node, size_t size, unsigned link_bytes, unsigned latency)
    : node_(node),
      end_("node " + std::to_string(node), link_bytes),
      latency_(latency),
      memory_(size),
      home_(node, [this](Packet packet) { schedule(now_ + latency_, std::move(packet)); }) {}

void Endpoint::place(uint64_t data_id, uint16_t fragment, Region region) {
    regions_[{data_id, fragment}] = region;
}

void Endpoint::transfer(bool write, uint16_t node, const uint8_t* logical_address, uint64_t local,
                        uint64_t size) {
    check(local, size);
    split(write, node, logical_address, local, size, isa::PAYLOAD_MAX, std::nullopt);
}

size_t Endpoint::send(Errand errand) {
    check(errand.local, errand.size);
    return errands_.add(std::move(errand));
}

void Endpoint::check(uint64_t local, uint64_t size) const {
    if (local > memory_.size() || size > memory_.size() - local)
        throw std::runtime_error("a transfer leaves the memory of node " + std::to_string(node_));
}

void Endpoint::split(bool write, uint16_t node, const uint8_t* logical_address, uint64_t local,
                     uint64_t size, uint64_t part, std::optional<size_t> errand) {
    const uint64_t first = get(logical_address, address::OFFSET);
    for (uint64_t done = 0; done < size;) {
        const uint64_t length = std::min<uint64_t>(size - done, part);
        Packet packet;
        packet.destination = node;
        packet.source = node_;
        packet.kind = write ? PacketKind::WRITE : PacketKind::READ;
        packet.length = static_cast<uint16_t>(length);
        std::memcpy(packet.extension.data(), logical_address, packet.extension.size());
        set(packet.extension.data(), address::OFFSET, first + done);
        Request request{std::move(packet), local + done, errand};
        if (errand) {
            trickling_[*errand].push_back(std::move(request));
        } else {
            queued_.push_back(std::move(request));
            ++pending_;
        }
        done += length;
    }
}

void Endpoint::abandon() {
    errands_.give_up(now_);
    trickling_.clear();
    queued_.clear();
    waiting_.clear();
    pending_ = 0;
}

size_t Endpoint::begin(size_t number, const Errand& errand) {
    if (errand.kind != Errand::UPDATE) {
        const bool write = errand.kind == Errand::WRITE;
        const uint64_t part = errand.gentle ? PART : isa::PAYLOAD_MAX;
        split(write, errand.node, errand.address.data(), errand.local, errand.size, part, number);
        const size_t packets = trickling_[number].size();
        for (size_t n = 0; n < (errand.gentle ? TRICKLE : FLOW); ++n) trickle(number);
        return packets;
    }
    Packet packet;
    packet.destination = errand.node;
    packet.source = node_;
    packet.kind = PacketKind::MAP_UPDATE;
    packet.length = ENTRY_BYTES;
    packet.extension = errand.address;
    packet.payload = errand.entry;
    queued_.push_back({packet, 0, number});
    packet.destination = errand.backup;
    if (errand.backup == errand.node) return 1;
    queued_.push_back({std::move(packet), 0, number});
    return 2;
}

void Endpoint::trickle(size_t number) {
    const auto found = trickling_.find(number);
    if (found == trickling_.end()) return;
    if (!found->second.empty()) {
        queued_.push_back(std::move(found->second.front()));
        found->second.pop_front();
    }
    if (found->second.empty()) trickling_.erase(found);
}

void Endpoint::run(uint64_t now, unsigned cycles, const std::vector<const Token*>& in,
                   const std::vector<Token*>& out) {
    for (unsigned cycle = 0; cycle < cycles; ++cycle) {
        out[0][cycle] = end_.step(in[0][cycle]);
        now_ = now + cycle;
        if (!errands_.idle())
            errands_.start(now_, [this](size_t number, const Errand& errand) {
                return begin(number, errand);
            });
        if (!queued_.empty()) issue();
        if (home_.busy()) home_.step(now_);
        serve(now_);
    }
}

void Endpoint::issue() {
    while (!queued_.empty() && waiting_.size() < IN_FLIGHT) {
        Request request = std::move(queued_.front());
        queued_.pop_front();
        Packet& packet = request.packet;
        packet.transaction = next_transaction_++;
        if (packet.kind == PacketKind::WRITE) {
            const auto from = memory_.begin() + static_cast<std::ptrdiff_t>(request.local);
            packet.payload.assign(from, from + packet.length);
        }
        const uint16_t transaction = packet.transaction;
        post(packet);
        waiting_[transaction] = std::move(request);
    }
}

void Endpoint::post(Packet packet) {
    if (packet.destination == node_) own_.push_back(std::move(packet));
    else end_.push(std::move(packet));
}

void Endpoint::take(const Packet& packet, uint64_t now) {
    switch (packet.message_class()) {
        case isa::MessageClass::REPLY:
            if (packet.kind == PacketKind::MAP_INVALIDATED) home_.invalidated(packet);
            else finish(packet, now);
            break;
        case isa::MessageClass::FORWARD:
            hear(packet, now);
            break;
        default:
            perform(packet, now);
    }
}

void Endpoint::hear(const Packet& question, uint64_t now) {
    if (question.kind == PacketKind::MAP_LOOKUP) return home_.look_up(question);
    // This node keeps no entries of others.
    Packet reply;
    reply.destination = question.source;
    reply.source = node_;
    reply.kind = PacketKind::MAP_INVALIDATED;
    reply.transaction = question.transaction;
    schedule(now + latency_, std::move(reply));
}

void Endpoint::perform(const Packet& request, uint64_t now) {
    const unsigned width = end_.link_bytes();
    free_at_ = now + (request.length + width - 1) / width;
    if (request.kind == PacketKind::MAP_UPDATE) return home_.update(request);
    schedule(free_at_ + latency_, answer(request, free_at_));
}

void Endpoint::serve(uint64_t now) {
    for (; !own_.empty(); own_.pop_front()) take(own_.front(), now);
    while (end_.front(isa::MessageClass::REPLY)) {
        const Packet reply = end_.pop(isa::MessageClass::REPLY);
        end_.release(reply);
        take(reply, now);
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
        take(question, now);
    }
    // One request at a time moves its bytes; replies follow each other by the latency.
    while (now >= free_at_ && end_.front(isa::MessageClass::REQUEST)) {
        const Packet request = end_.pop(isa::MessageClass::REQUEST);
        end_.release(request);
        take(request, now);
    }
    while (!replies_.empty() && replies_.front().due <= now) {
        Packet reply = std::move(replies_.front().packet);
        replies_.pop_front();
        post(std::move(reply));
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

    Packet reply;
    reply.destination = request.source;
    reply.source = node_;
    reply.transaction = request.transaction;

    const FaultCode fault = judge(request);
    if (fault != FaultCode::NONE) {
        reply.kind = PacketKind::ERROR;
        set(reply.extension.data(), detail::DATA_ID, data_id);
        set(reply.extension.data(), detail::FRAGMENT, fragment);
        set(reply.extension.data(), detail::OFFSET, offset);
        set(reply.extension.data(), detail::FAULT, static_cast<unsigned>(fault));
        return reply;
    }
    const uint64_t base = regions_.at({data_id, fragment}).base;
    const auto at = memory_.begin() + static_cast<std::ptrdiff_t>(base + offset);
    if (request.kind == PacketKind::READ) {
        reply.kind = PacketKind::READ_REPLY;
        reply.length = request.length;
        reply.payload.assign(at, at + request.length);
        return reply;
    }
    if (request.kind == PacketKind::WRITE)
        std::copy(request.payload.begin(), request.payload.end(), at);
    else if (!performed_.repeated(request.source, request.transaction)) {
        for (size_t sum = 0; sum < request.length; sum += sizeof(uint32_t)) {
            uint32_t there, more;
            std::memcpy(&there, &at[static_cast<std::ptrdiff_t>(sum)], sizeof there);
            std::memcpy(&more, &request.payload[sum], sizeof more);
            there += more;
            std::memcpy(&at[static_cast<std::ptrdiff_t>(sum)], &there, sizeof there);
        }
    }
    last_commit_ = now;
    reply.kind = PacketKind::WRITE_ACK;
    return reply;
}

FaultCode Endpoint::judge(const Packet& request) const {
    const uint8_t* extension = request.extension.data();
    const auto found = regions_.find({get(extension, address::DATA_ID),
                                      static_cast<uint16_t>(get(extension, address::FRAGMENT))});
    if (found == regions_.end()) return FaultCode::ATU_MISS;
    const Region& region = found->second;
    const bool sums = request.kind == PacketKind::ACCUMULATE;
    const bool write = sums || request.kind == PacketKind::WRITE;
    const auto permitted = [&](Field field) { return region.permissions >> field.offset & 1; };
    if (!permitted(sums ? isa::permissions::ACCUMULATE
                        : write ? isa::permissions::WRITE : isa::permissions::READ))
        return FaultCode::PERMISSION;
    const bool moves = write && permitted(isa::permissions::MOVING);
    if (region.gone || moves || region.version != get(extension, address::VERSION))
        return FaultCode::VERSION;
    const uint64_t offset = get(extension, address::OFFSET);
    if (offset + request.length > region.size) return FaultCode::BOUNDS;
    if (!sums) return FaultCode::NONE;
    if ((offset | request.length) % sizeof(uint32_t)) return FaultCode::BOUNDS;
    return FaultCode::NONE;
}

void Endpoint::finish(const Packet& reply, uint64_t now) {
    const auto found = waiting_.find(reply.transaction);
    if (found == waiting_.end()) {
        faults_.push_back("node " + std::to_string(node_) + ": a reply from node " +
                          std::to_string(reply.source) + " that nobody waits for");
        return;
    }
    const auto [request, local, errand] = std::move(found->second);
    waiting_.erase(found);
    std::string what;
    if (reply.kind == PacketKind::ERROR)
        what = "node " + std::to_string(reply.source) + " refused a transfer of node " +
               std::to_string(node_) + ": data ID " +
               std::to_string(get(request.extension.data(), address::DATA_ID)) + ", fault " +
               std::to_string(get(reply.extension.data(), detail::FAULT));
    else if (reply.kind == PacketKind::READ_REPLY)
        std::copy(reply.payload.begin(), reply.payload.end(),
                  memory_.begin() + static_cast<std::ptrdiff_t>(local));
    if (errand) {
        trickle(*errand);
        return errands_.ended(now, *errand, what);
    }
    --pending_;
    if (!what.empty()) faults_.push_back(what);
}

std::vector<std::string> Endpoint::faults() const {
    std::vector<std::string> all = faults_;
    all.insert(all.end(), end_.faults().begin(), end_.faults().end());
    return all;
}

}  // namespace cosim
