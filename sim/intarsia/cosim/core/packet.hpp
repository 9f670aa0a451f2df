// Packets, as nodes that are models handle them: header fields, extension, payload.
#pragma once

#include <array>
#include <cstring>
#include <vector>

#include "bits.hpp"
#include "isa.hpp"

namespace cosim {

struct Packet {
    uint16_t destination = 0, source = 0, transaction = 0;
    isa::PacketKind kind = isa::PacketKind::CREDIT;
    uint16_t length = 0;
    std::array<uint8_t, isa::EXTENSION_BYTES> extension{};
    std::vector<uint8_t> payload;

    bool extended() const {
        for (auto other : isa::EXTENDED)
            if (other == kind) return true;
        return false;
    }

    isa::MessageClass message_class() const {
        return static_cast<isa::MessageClass>(static_cast<unsigned>(kind) >> 3);
    }

    /// Beats on a link of `link_bytes` bytes a beat.
    size_t beats(unsigned link_bytes) const {
        const auto whole = [&](size_t bytes) { return (bytes + link_bytes - 1) / link_bytes; };
        return isa::HEADER_BYTES / link_bytes + (extended() ? whole(isa::EXTENSION_BYTES) : 0) +
               (kind == isa::PacketKind::READ ? 0 : whole(length));
    }

    /// All beats, with link fields and CRC zero.
    std::vector<uint8_t> encode(unsigned link_bytes) const {
        using namespace isa::packet_header;
        std::vector<uint8_t> bytes(beats(link_bytes) * link_bytes);
        set(bytes.data(), DESTINATION, destination);
        set(bytes.data(), SOURCE, source);
        set(bytes.data(), KIND, static_cast<unsigned>(kind));
        set(bytes.data(), LENGTH, length);
        set(bytes.data(), TRANSACTION, transaction);
        set(bytes.data(), LINK_FORMAT, isa::LINK_FORMAT);
        size_t at = isa::HEADER_BYTES;
        if (extended()) {
            std::memcpy(&bytes[at], extension.data(), extension.size());
            at += (extension.size() + link_bytes - 1) / link_bytes * link_bytes;
        }
        if (!payload.empty()) std::memcpy(&bytes[at], payload.data(), payload.size());
        return bytes;
    }

    /// The packet that `header` begins, without what follows the header.
    static Packet begin(const uint8_t* header) {
        using namespace isa::packet_header;
        Packet packet;
        packet.destination = static_cast<uint16_t>(get(header, DESTINATION));
        packet.source = static_cast<uint16_t>(get(header, SOURCE));
        packet.kind = static_cast<isa::PacketKind>(get(header, KIND));
        packet.length = static_cast<uint16_t>(get(header, LENGTH));
        packet.transaction = static_cast<uint16_t>(get(header, TRANSACTION));
        return packet;
    }

    /// The packet in `bytes`, which hold all of its beats.
    static Packet decode(const std::vector<uint8_t>& bytes, unsigned link_bytes) {
        Packet packet = begin(bytes.data());
        size_t at = isa::HEADER_BYTES;
        if (packet.extended()) {
            std::memcpy(packet.extension.data(), &bytes[at], packet.extension.size());
            at += (packet.extension.size() + link_bytes - 1) / link_bytes * link_bytes;
        }
        if (packet.kind != isa::PacketKind::READ)
            packet.payload.assign(bytes.begin() + at, bytes.begin() + at + packet.length);
        return packet;
    }
};

}  // namespace cosim
