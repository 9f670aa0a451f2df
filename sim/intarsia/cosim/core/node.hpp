// What the clock loop sees of a node.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "token.hpp"

namespace cosim {

class Node {
public:
    virtual ~Node() = default;

    /// Runs `cycles` cycles from `now` on. `in` and `out` hold, per port, one token per cycle.
    virtual void run(uint64_t now, unsigned cycles, const std::vector<const Token*>& in,
                     const std::vector<Token*>& out) = 0;

    /// Number of ports.
    virtual unsigned ports() const = 0;

    /// What went wrong, one line each.
    virtual std::vector<std::string> faults() const = 0;
};

}  // namespace cosim
