// The table of functions that a chip's library exports, made of the members of a class.
#pragma once

#include "chip.hpp"

namespace cosim {

/// `Model` has a member for each function of the table, with the function's name.
template <class Model>
constexpr ChipInterface interface_of(unsigned ports, unsigned link_bytes) {
    return {
        [] { return static_cast<void*>(new Model); },
        [](void* model) { delete static_cast<Model*>(model); },
        [](void* model, uint64_t now, unsigned cycles, const Token* const* in, Token* const* out) {
            static_cast<Model*>(model)->run(now, cycles, in, out);
        },
        [](void* model, int write, uint32_t address, uint32_t data) {
            static_cast<Model*>(model)->access(write != 0, address, data);
        },
        [](void* model, uint32_t* data, uint32_t* response, uint64_t* cycle) {
            return static_cast<int>(static_cast<Model*>(model)->accessed(*data, *response, *cycle));
        },
        [](void* model, uint64_t* since) { return static_cast<Model*>(model)->interrupts(*since); },
        [](void* model, const TraceEvent** events) {
            const auto& found = static_cast<Model*>(model)->events();
            *events = found.data();
            return found.size();
        },
        [](void* model) { static_cast<Model*>(model)->forget_events(); },
        [](void* model, uint64_t cycle, uint64_t* counts) {
            return static_cast<int>(static_cast<Model*>(model)->activities(cycle, counts));
        },
        [](void* model) { return static_cast<Model*>(model)->hash(); },
        [](void* model) { static_cast<Model*>(model)->reset(); },
        [](void* model, uint64_t cycle, uint64_t address, unsigned bit) {
            static_cast<Model*>(model)->flip(cycle, address, bit);
        },
        ports,
        link_bytes,
    };
}

}  // namespace cosim
