#include "fabric.hpp"

#include <algorithm>
#include <iterator>

namespace cosim {

Fabric::Fabric(unsigned latency) : latency_(latency), idle_(latency), unheard_(latency) {
    if (latency == 0) throw std::runtime_error("links have a latency of at least one cycle");
}

unsigned Fabric::add_wire(unsigned link_bytes) {
    wires_.emplace_back(latency_);
    widths_.push_back(link_bytes);
    return static_cast<unsigned>(wires_.size() - 1);
}

void Fabric::attach(Node& node, uint16_t number, unsigned link_bytes) {
    const std::vector<unsigned> open(node.ports(), NONE);
    attached_.push_back({&node, number, link_bytes, open, open, Wire::NEVER});
}

Fabric::Attached& Fabric::attached(uint16_t node) {
    for (auto& attached : attached_)
        if (attached.number == node) return attached;
    throw std::runtime_error("there is no node " + std::to_string(node));
}

Fabric::Attached& Fabric::open(uint16_t node, unsigned port) {
    Attached& found = attached(node);
    if (port >= found.in.size() || found.in[port] != NONE)
        throw std::runtime_error("node " + std::to_string(node) + " has no open port " +
                                 std::to_string(port));
    return found;
}

void Fabric::join(uint16_t node, unsigned port, uint16_t other, unsigned other_port) {
    if (node == HUB) return join(other, other_port, node, port);
    Attached& near = open(node, port);
    if (other == HUB) {
        if (other_port != hub_in_.size())
            throw std::runtime_error("the hub's next port is " + std::to_string(hub_in_.size()));
        hub_.attach(node, near.link_bytes);
        hub_out_.push_back(near.in[port] = add_wire(near.link_bytes));
        hub_in_.push_back(near.out[port] = add_wire(near.link_bytes));
        return;
    }
    Attached& far = open(other, other_port);
    if (near.link_bytes != far.link_bytes)
        throw std::runtime_error("links of nodes " + std::to_string(node) + " and " +
                                 std::to_string(other) + " differ in width");
    near.in[port] = far.out[other_port] = add_wire(near.link_bytes);
    near.out[port] = far.in[other_port] = add_wire(near.link_bytes);
    direct_.insert(direct_.end(), {near.in[port], near.out[port]});
}

uint16_t Fabric::add_chip(const std::string& library) {
    const auto number = static_cast<uint16_t>(chips_.size());
    chips_.push_back(std::make_unique<Chip>(library));
    attach(*chips_.back(), number, chips_.back()->interface().link_bytes);
    return number;
}

Endpoint& Fabric::add_endpoint(uint16_t node, size_t size, unsigned link_bytes, unsigned latency) {
    endpoints_.emplace_back(node, std::make_unique<Endpoint>(node, size, link_bytes, latency));
    attach(*endpoints_.back().second, node, link_bytes);
    return *endpoints_.back().second;
}

Chip& Fabric::chip(unsigned n) {
    if (n >= chips_.size()) throw std::runtime_error("there is no chip " + std::to_string(n));
    return *chips_[n];
}

Endpoint& Fabric::endpoint(uint16_t node) {
    for (auto& [number, endpoint] : endpoints_)
        if (number == node) return *endpoint;
    throw std::runtime_error("node " + std::to_string(node) + " is no memory");
}

void Fabric::disturb(const Faults& faults) {
    for (unsigned wire = 0; wire < wires_.size(); ++wire)
        wires_[wire].disturb(faults, widths_[wire], wire);
    faulty_ = true;
}

void Fabric::cut(uint16_t node, uint64_t cycle) {
    const Attached& found = attached(node);
    for (const auto* wires : {&found.in, &found.out})
        for (auto wire : *wires)
            if (wire != NONE) wires_[wire].cut(cycle);
    faulty_ = true;
}

void Fabric::kill(uint16_t node, uint64_t cycle) { attached(node).dead_from = cycle; }

bool Fabric::killed(uint16_t node) const {
    for (const auto& attached : attached_)
        if (attached.number == node) return attached.dead_from <= now_;
    return false;
}

void Fabric::step() {
    std::vector<const Token*> in;
    std::vector<Token*> out;
    const auto run = [&](Node& node, const std::vector<unsigned>& from,
                         const std::vector<unsigned>& to, uint64_t dead_from) {
        in.clear();
        out.clear();
        for (auto wire : from)
            in.push_back(wire == NONE ? idle_.data() : wires_[wire].arriving(turn_));
        for (auto wire : to)
            out.push_back(wire == NONE ? unheard_.data() : wires_[wire].leaving(turn_));
        const uint64_t left = dead_from > now_ ? dead_from - now_ : 0;
        const auto cycles = static_cast<unsigned>(std::min<uint64_t>(latency_, left));
        if (cycles) node.run(now_, cycles, in, out);
        for (auto* tokens : out) std::fill(tokens + cycles, tokens + latency_, Token{});
    };
    for (auto& attached : attached_)
        run(*attached.node, attached.in, attached.out, attached.dead_from);
    run(hub_, hub_in_, hub_out_, Wire::NEVER);
    for (auto wire : direct_) {
        const Token* tokens = wires_[wire].leaving(turn_);
        for (unsigned n = 0; n < latency_; ++n) crossed_ += tokens[n].valid * widths_[wire];
    }
    if (faulty_)
        for (auto& wire : wires_)
            if (wire.faulty()) wire.spoil(now_, turn_);
    turn_ ^= 1;
    now_ += latency_;
}

uint64_t Fabric::crossed() const {
    uint64_t bytes = crossed_;
    for (unsigned port = 0; port < hub_.ports(); ++port) {
        const LinkEnd& end = hub_.end(port);
        bytes += (end.beats_sent() + end.beats_received()) * end.link_bytes();
    }
    return bytes;
}

uint64_t Fabric::repeated() const {
    uint64_t sum = hub_.repeated();
    for (const auto& [number, endpoint] : endpoints_) sum += endpoint->end().repeated();
    return sum;
}

uint64_t Fabric::damaged() const {
    uint64_t sum = hub_.damaged();
    for (const auto& [number, endpoint] : endpoints_) sum += endpoint->end().damaged();
    return sum;
}

std::vector<std::string> Fabric::faults() const {
    std::vector<std::string> all = all_faults(), fresh;
    if (all.size() == heeded_.size()) return {};
    std::sort(all.begin(), all.end());
    std::set_difference(all.begin(), all.end(), heeded_.begin(), heeded_.end(),
                        std::back_inserter(fresh));
    for (const auto& begin : written_off_)
        std::erase_if(fresh, [&](const auto& fault) { return fault.starts_with(begin); });
    return fresh;
}

void Fabric::write_off(uint16_t node) {
    const std::string name = "node " + std::to_string(node) + ": ";
    written_off_.insert(written_off_.end(), {name, "hub, port of " + name});
}

void Fabric::heed() {
    heeded_ = all_faults();
    std::sort(heeded_.begin(), heeded_.end());
}

std::vector<std::string> Fabric::all_faults() const {
    std::vector<std::string> all = hub_.faults();
    for (const auto& attached : attached_)
        for (auto& fault : attached.node->faults()) all.push_back(std::move(fault));
    return all;
}

}  // namespace cosim
