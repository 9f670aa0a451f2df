// Hub: passes packets on by their destination, each as soon as it has arrived and been checked.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "link_end.hpp"
#include "node.hpp"

namespace cosim {

class Hub : public Node {
public:
    /// Adds the next port, with the given width. Its link leads to `node`.
    void attach(uint16_t node, unsigned link_bytes);

    /// Packets to `node` leave by `port` from now on.
    void route(uint16_t node, unsigned port);

    void run(uint64_t now, unsigned cycles, const std::vector<const Token*>& in,
             const std::vector<Token*>& out) override;
    unsigned ports() const override { return static_cast<unsigned>(ends_.size()); }
    std::vector<std::string> faults() const override;

    const LinkEnd& end(unsigned port) const { return *ends_[port]; }

    /// Packets that its link ends have sent more than once, and that came to them damaged.
    uint64_t repeated() const;
    uint64_t damaged() const;

private:
    void forward();

    std::vector<std::unique_ptr<LinkEnd>> ends_;
    std::map<uint16_t, unsigned> routes_;
    std::vector<std::string> faults_;
};

}  // namespace cosim
