// A node that is memory: answers READ and WRITE, is the home of map entries, and sends requests of its own for the host.
#pragma once

#include <deque>
#include <map>
#include <utility>

#include "link_end.hpp"
#include "node.hpp"

namespace cosim {

/// Where a fragment lies in a node's memory.
struct Region {
    uint64_t base;
    uint64_t size;
    uint16_t version;
    uint8_t permissions;  // bit 0 read, bit 1 write
};

class Endpoint : public Node {
public:
    /// `latency` cycles pass from a request's turn to its reply; then `link_bytes` bytes a cycle.
    Endpoint(uint16_t node, size_t size, unsigned link_bytes, unsigned latency);

    void run(uint64_t now, unsigned cycles, const std::vector<const Token*>& in,
             const std::vector<Token*>& out) override;
    unsigned ports() const override { return 1; }
    std::vector<std::string> faults() const override;

    /// Puts a fragment on the map of this node, or moves it.
    void place(uint64_t data_id, uint16_t fragment, Region region);

    /// Keeps the map entry `bytes` of 32 bytes for whoever asks, in place of an earlier one.
    void keep(const uint8_t* bytes);

    /// Queues a transfer between this node's memory and another node's fragment, in packets of
    /// at most 1,024 bytes. Throws std::runtime_error if it leaves this node's memory.
    void transfer(bool write, uint16_t node, const uint8_t* logical_address, uint64_t local,
                  uint64_t size);

    /// Forgets all transfers. Replies that still come are not waited for.
    void abandon();

    /// Transfers that are not complete.
    size_t pending() const { return waiting_.size() + queued_.size(); }

    std::vector<uint8_t>& memory() { return memory_; }
    const LinkEnd& end() const { return end_; }

    /// Cycle in which the last byte of a WRITE from elsewhere was committed.
    uint64_t last_commit() const { return last_commit_; }

private:
    /// Requests of this node that may wait for replies at once.
    static constexpr size_t IN_FLIGHT = 16;

    struct Reply {
        uint64_t due;
        Packet packet;
    };

    void serve(uint64_t now);
    void schedule(uint64_t due, Packet reply);
    Packet answer(const Packet& request, uint64_t now);
    Packet look_up(const Packet& request) const;
    void finish(const Packet& reply);
    void issue();

    uint16_t node_;
    LinkEnd end_;
    unsigned latency_;
    std::vector<uint8_t> memory_;
    std::map<std::pair<uint64_t, uint16_t>, Region> regions_;
    std::map<std::pair<uint64_t, uint16_t>, std::vector<uint8_t>> entries_;
    std::deque<Reply> replies_;  // by the cycle in which they are due
    std::deque<std::pair<Packet, uint64_t>> queued_;   // request, address here
    std::map<uint16_t, std::pair<Packet, uint64_t>> waiting_;
    uint16_t next_transaction_ = 0;
    uint64_t free_at_ = 0, last_commit_ = 0;
    std::vector<std::string> faults_;
};

}  // namespace cosim
