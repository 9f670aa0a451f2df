// The home of a part of the fragment map, in a node that is a model.
#pragma once

#include <bitset>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "packet.hpp"

namespace cosim {

constexpr size_t ENTRY_BYTES = isa::fragment_entry::BITS / 8;

/// Does what hw/intarsia/home does: says what entries are, and changes them; one change at a time is
/// under way, and complete when all who share the entry have forgotten it.
class MapHome {
public:
    /// `send` takes packets that are to leave this node.
    MapHome(uint16_t node, std::function<void(Packet)> send)
        : node_(node), send_(std::move(send)) {}

    /// Keeps the map entry `bytes` of 32 bytes, in place of an earlier one. Nobody is told.
    void keep(const uint8_t* bytes);

    /// A node that is not to be waited for, or is again.
    void fence(uint16_t node, bool fenced) { fenced_[node % SHARERS] = fenced; }

    void look_up(const Packet& question);
    void update(const Packet& request);
    void invalidated(const Packet& reply);

    /// Begins and ends changes; called in each cycle in which there is one.
    void step(uint64_t now);
    bool busy() const { return !updates_.empty(); }

    /// Sharers that did not acknowledge, a line each.
    const std::vector<std::string>& silent() const { return silent_; }

private:
    static constexpr size_t SHARERS = 64;

    /// Cycles that sharers may take to acknowledge.
    static constexpr uint64_t PATIENCE = isa::SHARER_PATIENCE * isa::TIMEBASE;

    using Key = std::pair<uint64_t, uint16_t>;

    struct Entry {
        std::vector<uint8_t> bytes;
        std::bitset<SHARERS> sharers;
    };

    Packet message(uint16_t destination, isa::PacketKind kind, uint16_t transaction) const;
    void begin(uint64_t now);
    void finish(isa::FaultCode fault);

    uint16_t node_;
    std::function<void(Packet)> send_;
    std::map<Key, Entry> entries_;
    std::bitset<SHARERS> fenced_, waiting_;
    std::deque<Packet> updates_;  // the first one is under way once it has begun
    bool begun_ = false;
    uint64_t deadline_ = 0;
    uint8_t number_ = 0;
    std::vector<std::string> silent_;
};

}  // namespace cosim
