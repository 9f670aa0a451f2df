// What crosses a link in one cycle. Shared by the core and by the shells of verilated chips.
#pragma once

#include <cstdint>

namespace cosim {

struct Token {
    uint8_t valid = 0;
    uint8_t start = 0;
    uint32_t data[4] = {};
};

/// Something that a stream of a chip began or finished.
struct TraceEvent {
    uint64_t cycle;
    uint16_t layer;
    uint8_t stream;
    uint8_t context;
    uint8_t done;
};

}  // namespace cosim
