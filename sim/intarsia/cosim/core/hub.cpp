#include "hub.hpp"

namespace cosim {

void Hub::attach(uint16_t node, unsigned link_bytes) {
    ports_[node] = static_cast<unsigned>(ends_.size());
    ends_.push_back(
        std::make_unique<LinkEnd>("hub, port of node " + std::to_string(node), link_bytes));
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
    for (auto& end : ends_)
        for (unsigned n = 0; n < 4; ++n) {
            const auto message_class = static_cast<isa::MessageClass>(n);
            while (end->front(message_class)) {
                Packet packet = end->pop(message_class);
                end->release(packet);
                const auto port = ports_.find(packet.destination);
                if (port == ports_.end())
                    faults_.push_back("hub: no node " + std::to_string(packet.destination) +
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
