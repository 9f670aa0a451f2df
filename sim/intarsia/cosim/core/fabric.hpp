// The clock loop: nodes, the links between them, and time.
//
// A link has a latency of L cycles, so that every node may run L cycles (a quantum) on tokens that
// are already there. Nothing depends on the order in which nodes run within a quantum.
#pragma once

#include <memory>
#include <stdexcept>

#include "chip.hpp"
#include "endpoint.hpp"
#include "hub.hpp"
#include "wire.hpp"

namespace cosim {

class Fabric {
public:
    /// `latency` cycles pass on every link.
    explicit Fabric(unsigned latency);

    /// Adds a chip as the next node from 0 on; its port 0 goes to the hub. Returns its node.
    uint16_t add_chip(const std::string& library);

    /// Adds a node that is memory.
    Endpoint& add_endpoint(uint16_t node, size_t size, unsigned link_bytes, unsigned latency);

    /// From now on, `faults` happen on all links.
    void disturb(const Faults& faults);

    /// From `cycle` on, nothing crosses the links of `node`.
    void cut(uint16_t node, uint64_t cycle);

    /// From `cycle` on, `node` does nothing any more: it is silent for ever.
    void kill(uint16_t node, uint64_t cycle);

    /// Whether `node` has been killed.
    bool killed(uint16_t node) const;

    /// Runs one quantum.
    void step();

    uint64_t now() const { return now_; }
    unsigned latency() const { return latency_; }
    Chip& chip(unsigned n);
    unsigned chips() const { return static_cast<unsigned>(chips_.size()); }
    Endpoint& endpoint(uint16_t node);
    const Hub& hub() const { return hub_; }

    /// What has gone wrong in nodes and links since it was last heeded, one line each.
    std::vector<std::string> faults() const;
    void heed();

    /// What is reported of `node` is heeded from now on.
    void write_off(uint16_t node);

    /// Packets that link ends of models have sent more than once, and that came to them damaged.
    uint64_t repeated() const;
    uint64_t damaged() const;

private:
    struct Attached {
        Node* node;
        uint16_t number;
        unsigned link_bytes;
        std::vector<unsigned> in, out;  // wires, by port
        uint64_t dead_from = Wire::NEVER;
    };

    std::vector<std::string> all_faults() const;

    unsigned add_wire();
    Attached& attached(uint16_t node);
    void attach(Node& node, uint16_t number, unsigned link_bytes);

    unsigned latency_;
    uint64_t now_ = 0;
    unsigned turn_ = 0;
    std::vector<Wire> wires_;
    bool faulty_ = false;
    std::vector<std::string> heeded_;  // in order of the alphabet
    std::vector<std::string> written_off_;  // how lines begin that are heeded
    std::vector<Attached> attached_;
    Hub hub_;
    std::vector<unsigned> hub_in_, hub_out_;
    std::vector<std::unique_ptr<Chip>> chips_;
    std::vector<std::pair<uint16_t, std::unique_ptr<Endpoint>>> endpoints_;
};

}  // namespace cosim
