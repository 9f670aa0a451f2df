#include "hub.hpp"

#include <stdexcept>

namespace cosim {

void Hub::attach(uint16_t node, unsigned link_bytes) {
    ends_.push_back(
        std::make_unique<LinkEnd>("hub, port of node " + std::to_string(node), link_bytes));
}

void Hub::route(uint16_t node, unsigned port) {
    if (port >= ends_.size())
        throw std::runtime_error("the hub has no port " + std::to_string(port));
    routes_[node] = port;
}

void Hub::run(uint64_t, unsigned cycles, const std::vector<const Token*>& in,
              const std::vector<Token*>& out) {
    for (unsigned cycle = 0; cycle < cycles; ++cycle) {
        for (unsigned port = 0; port < ends_.size(); ++port)
            out[port][cycle] = ends_[port]->step(in[port][cycle]);
        forward();
    }
}

void Hub::forward() {
    for (unsigned from = 0; from < ends_.size(); ++from)
        for (unsigned n = 0; n < 4; ++n) {
            auto& end = ends_[from];
            const auto message_class = static_cast<isa::MessageClass>(n);
            while (end->front(message_class)) {
                Packet packet = end->pop(message_class);
                end->release(packet);
                const auto port = routes_.find(packet.destination);
                if (port == routes_.end() || port->second == from)
                    faults_.push_back("hub: no way to node " + std::to_string(packet.destination) +
                                      ", which node " + std::to_string(packet.source) +
                                      " sends to");
                else
                    ends_[port->second]->push(std::move(packet));
            }
        }
}

uint64_t Hub::repeated() const {
    uint64_t sum = 0;
    for (const auto& end : ends_) sum += end->repeated();
    return sum;
}

uint64_t Hub::damaged() const {
    uint64_t sum = 0;
    for (const auto& end : ends_) sum += end->damaged();
    return sum;
}

std::vector<std::string> Hub::faults() const {
    std::vector<std::string> all = faults_;
    for (const auto& end : ends_)
        all.insert(all.end(), end->faults().begin(), end->faults().end());
    return all;
}

}  // namespace cosim
