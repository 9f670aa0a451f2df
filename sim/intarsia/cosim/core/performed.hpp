// Which transactions have been performed, so that none is performed twice.
#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "isa.hpp"

namespace cosim {

/// Remembers, for each place of each source, which transaction was performed last; like the
/// gateware's `dma/performed.py`.
class Performed {
public:
    /// Whether transaction `number` of `source` comes again, and was performed. If not, it is now.
    bool repeated(uint16_t source, uint16_t number) {
        namespace bits = isa::transaction_number;
        const auto part = [&](Field field) {
            return static_cast<uint16_t>(number >> field.offset & ((1u << field.width) - 1));
        };
        const auto count = part(bits::COUNT);
        const auto key = std::make_pair(source % SOURCES, part(bits::PLACE));
        const auto found = latest_.find(key);
        if (part(bits::REPEATED) && found != latest_.end() && found->second == count) return true;
        latest_[key] = count;
        return false;
    }

private:
    static constexpr unsigned SOURCES = 64;

    std::map<std::pair<unsigned, uint16_t>, uint16_t> latest_;
};

}  // namespace cosim
