// What crosses a link in one cycle. Shared by the core and by the shells of verilated chips.
#pragma once

#include <cstdint>

#include "isa.hpp"

namespace cosim {

struct Token {
    uint8_t valid = 0;
    uint8_t start = 0;
    uint32_t data[4] = {};
};

/// Something that a stream of a chip began or finished, and for how many cycles the stream had been
/// at each activity before.
struct TraceEvent {
    uint64_t cycle;
    uint8_t stream;
    uint8_t context;
    uint16_t layer;
    bool done;
    uint64_t counts[isa::ACTIVITIES];
};

}  // namespace cosim
