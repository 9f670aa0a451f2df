// A node that is memory: answers READ and WRITE, is the home of map entries, and sends requests of its own for the host.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "errands.hpp"
#include "link_end.hpp"
#include "map.hpp"
#include "node.hpp"
#include "performed.hpp"

namespace cosim {

/// Where a fragment lies in a node's memory.
struct Region {
    uint64_t base;
    uint64_t size;
    uint16_t version;
    uint8_t permissions;  // bits of isa::permissions
    bool gone = false;    // it lies elsewhere now
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

    /// The part of the map that this node is the home of.
    MapHome& home() { return home_; }

    /// Queues an operation that is done while time passes, after those of its lane. Returns its
    /// number. Throws std::runtime_error if it leaves this node's memory.
    size_t send(Errand errand);
    const Errands& errands() const { return errands_; }

    /// Queues a transfer between this node's memory and another node's fragment, in packets of
    /// at most 1,024 bytes. Throws std::runtime_error if it leaves this node's memory.
    void transfer(bool write, uint16_t node, const uint8_t* logical_address, uint64_t local,
                  uint64_t size);

    /// Forgets all transfers; all operations have failed. Replies that still come are not waited
    /// for.
    void abandon();

    /// Packets of transfers, not of operations, that are not answered.
    size_t pending() const { return pending_; }

    std::vector<uint8_t>& memory() { return memory_; }
    const LinkEnd& end() const { return end_; }

    /// Cycle in which the last byte of a WRITE from elsewhere was committed.
    uint64_t last_commit() const { return last_commit_; }

private:
    /// Requests of this node that may wait for replies at once.
    static constexpr size_t IN_FLIGHT = 16;

    /// Of one operation, and bytes of each, if it is gentle: small packets let those of chips pass
    /// between them; larger or more ones delay what chips exchange. Then, if it is not.
    static constexpr size_t TRICKLE = 2, FLOW = 8;
    static constexpr uint64_t PART = 256;

    /// A request of this node's own.
    struct Request {
        Packet packet;
        uint64_t local;  // address here
        std::optional<size_t> errand;  // number of the operation that it belongs to
    };

    struct Reply {
        uint64_t due;
        Packet packet;
    };

    void post(Packet packet);
    void take(const Packet& packet, uint64_t now);
    void hear(const Packet& question, uint64_t now);
    void perform(const Packet& request, uint64_t now);
    void serve(uint64_t now);
    void schedule(uint64_t due, Packet reply);
    Packet answer(const Packet& request, uint64_t now);
    isa::FaultCode judge(const Packet& request) const;
    void split(bool write, uint16_t node, const uint8_t* logical_address, uint64_t local,
               uint64_t size, uint64_t part, std::optional<size_t> errand);
    void check(uint64_t local, uint64_t size) const;
    size_t begin(size_t number, const Errand& errand);
    void trickle(size_t number);
    void finish(const Packet& reply, uint64_t now);
    void issue();

    uint16_t node_;
    LinkEnd end_;
    unsigned latency_;
    std::vector<uint8_t> memory_;
    std::map<std::pair<uint64_t, uint16_t>, Region> regions_;
    Performed performed_;
    MapHome home_;
    Errands errands_;
    uint64_t now_ = 0;
    size_t pending_ = 0;
    std::deque<Packet> own_;     // to this node itself
    std::deque<Reply> replies_;  // by the cycle in which they are due
    std::deque<Request> queued_;
    std::map<size_t, std::deque<Request>> trickling_;  // of operations under way, what comes next
    std::map<uint16_t, Request> waiting_;
    uint16_t next_transaction_ = 0;
    uint64_t free_at_ = 0, last_commit_ = 0;
    std::vector<std::string> faults_;
};

}  // namespace cosim
