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

    /// Number by which `join` knows the hub.
    static constexpr uint16_t HUB = 0xFFFF;

    /// Adds a chip as the next node from 0 on. Returns its node.
    uint16_t add_chip(const std::string& library);

    /// Adds a node that is memory.
    Endpoint& add_endpoint(uint16_t node, size_t size, unsigned link_bytes, unsigned latency);

    /// Links a port of a node to a port of another one, or to the hub's next port.
    void join(uint16_t node, unsigned port, uint16_t other, unsigned other_port);

    /// The hub sends packets to `node` by its `port`.
    void route(uint16_t node, unsigned port) { hub_.route(node, port); }

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
    /// What has gone wrong in nodes and links since it was last heeded, one line each.
    std::vector<std::string> faults() const;
    void heed();

    /// What is reported of `node` is heeded from now on.
    void write_off(uint16_t node);

    /// Bytes that have crossed links, both ways, headers included.
    uint64_t crossed() const;

    /// Packets that link ends of models have sent more than once, and that came to them damaged.
    uint64_t repeated() const;
    uint64_t damaged() const;

private:
    struct Attached {
        Node* node;
        uint16_t number;
        unsigned link_bytes;
        std::vector<unsigned> in, out;  // wires, by port; NONE where nothing is joined
        uint64_t dead_from = Wire::NEVER;
    };

    static constexpr unsigned NONE = ~0u;

    std::vector<std::string> all_faults() const;

    unsigned add_wire(unsigned link_bytes);
    void attach(Node& node, uint16_t number, unsigned link_bytes);
    Attached& attached(uint16_t node);
    Attached& open(uint16_t node, unsigned port);

    unsigned latency_;
    uint64_t now_ = 0;
    unsigned turn_ = 0;
    std::vector<Wire> wires_;
    std::vector<unsigned> widths_;   // bytes of a beat, by wire
    std::vector<unsigned> direct_;   // wires that touch no hub: what crosses them is counted here
    uint64_t crossed_ = 0;
    std::vector<Token> idle_, unheard_;  // what comes to open ports, and what they say
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
