// The C interface that Python calls through ctypes, once per transaction or event, never per cycle:
// fabric and chips. See also api_nodes.cpp.

#include "fabric.hpp"
#include "guarded.hpp"

using cosim::Fabric;
using cosim::guarded;

namespace {

thread_local std::string text;

/// Why `cosim_run` came back.
enum Reason : int { ENDED = 0, INTERRUPT = 1, ACCESSED = 2, TRANSFERRED = 3, FAULT = 4 };

/// What `cosim_run` waits for.
enum Wanted : unsigned { WANT_INTERRUPT = 1, WANT_ACCESS = 2, WANT_TRANSFERS = 4, WANT_REST = 8 };

}  // namespace

extern "C" {

API const char* cosim_error() { return cosim::error.c_str(); }

API Fabric* cosim_create(unsigned latency) {
    return guarded<>(static_cast<Fabric*>(nullptr), [&] { return new Fabric(latency); });
}

API void cosim_destroy(Fabric* fabric) { delete fabric; }

API int cosim_add_chip(Fabric* fabric, const char* library) {
    return guarded(-1, [&] { return static_cast<int>(fabric->add_chip(library)); });
}

/// Links two ports. The hub is node 0xFFFF; its ports are joined in order.
API int cosim_join(Fabric* fabric, uint16_t node, unsigned port, uint16_t other,
                   unsigned other_port) {
    return guarded(-1, [&] {
        fabric->join(node, port, other, other_port);
        return 0;
    });
}

/// The hub sends packets to `node` by its `port`.
API int cosim_route(Fabric* fabric, uint16_t node, unsigned port) {
    return guarded(-1, [&] {
        fabric->route(node, port);
        return 0;
    });
}

/// From now on, bits are flipped and packets dropped on all links, with these probabilities.
API int cosim_disturb(Fabric* fabric, double bit_errors, double drops, uint64_t seed) {
    return guarded(-1, [&] {
        fabric->disturb({bit_errors, drops, seed});
        return 0;
    });
}

/// From `cycle` on, nothing crosses the links of `node`.
API int cosim_cut(Fabric* fabric, uint16_t node, uint64_t cycle) {
    return guarded(-1, [&] {
        fabric->cut(node, cycle);
        return 0;
    });
}

/// From `cycle` on, `node` does nothing any more.
API int cosim_kill(Fabric* fabric, uint16_t node, uint64_t cycle) {
    return guarded(-1, [&] {
        fabric->kill(node, cycle);
        return 0;
    });
}

/// In `cycle`, a bit of a byte of a chip's memory changes; bit 8 is its parity bit.
API int cosim_flip(Fabric* fabric, uint16_t chip, uint64_t cycle, uint64_t address, unsigned bit) {
    return guarded(-1, [&] {
        auto& target = fabric->chip(chip);
        target.interface().flip(target.model(), cycle, address, bit);
        return 0;
    });
}

/// Resets a chip; its memory stays.
API int cosim_reset(Fabric* fabric, uint16_t chip) {
    return guarded(-1, [&] {
        auto& target = fabric->chip(chip);
        target.interface().reset(target.model());
        return 0;
    });
}

/// Faults so far are known, and end no run any more.
API void cosim_heed(Fabric* fabric) { fabric->heed(); }

/// What is reported of `node` ends no run any more.
API void cosim_write_off(Fabric* fabric, uint16_t node) { fabric->write_off(node); }

API uint64_t cosim_now(const Fabric* fabric) { return fabric->now(); }

/// Runs whole quanta, at most `cycles` cycles, until something that is `wanted` has happened at
/// `node`, or a fault anywhere; what rests is not woken by faults.
API int cosim_run(Fabric* fabric, uint64_t cycles, unsigned wanted, uint16_t node) {
    return guarded(-1, [&]() -> int {
        const uint64_t end = fabric->now() + cycles;
        while (fabric->now() < end) {
            fabric->step();
            if (!(wanted & WANT_REST) && !fabric->faults().empty()) return FAULT;
            if (wanted & WANT_INTERRUPT)
                for (unsigned n = 0; n < fabric->chips(); ++n) {
                    uint64_t since;
                    auto& chip = fabric->chip(n);
                    if (fabric->killed(static_cast<uint16_t>(n))) continue;
                    if (chip.interface().interrupts(chip.model(), &since)) return INTERRUPT;
                }
            if (wanted & WANT_ACCESS) {
                auto& chip = fabric->chip(node);
                uint32_t data, response;
                uint64_t cycle;
                if (chip.interface().accessed(chip.model(), &data, &response, &cycle))
                    return ACCESSED;
            }
            if (wanted & WANT_TRANSFERS && fabric->endpoint(node).pending() == 0)
                return TRANSFERRED;
        }
        return ENDED;
    });
}

API int cosim_access(Fabric* fabric, uint16_t chip, int write, uint32_t address, uint32_t data) {
    return guarded(-1, [&] {
        auto& target = fabric->chip(chip);
        target.interface().access(target.model(), write, address, data);
        return 0;
    });
}

API int cosim_accessed(Fabric* fabric, uint16_t chip, uint32_t* data, uint32_t* response,
                       uint64_t* cycle) {
    return guarded(-1, [&] {
        auto& target = fabric->chip(chip);
        return target.interface().accessed(target.model(), data, response, cycle);
    });
}

/// Interrupts that are up, a bit each, and the cycle in which the last of them rose.
API int cosim_interrupts(Fabric* fabric, uint16_t chip, uint64_t* since) {
    return guarded(-1, [&] {
        auto& target = fabric->chip(chip);
        if (fabric->killed(chip)) return 0;
        return target.interface().interrupts(target.model(), since);
    });
}

API int64_t cosim_events(Fabric* fabric, uint16_t chip, const cosim::TraceEvent** events) {
    return guarded(int64_t{-1}, [&] {
        auto& target = fabric->chip(chip);
        return static_cast<int64_t>(target.interface().events(target.model(), events));
    });
}

API int cosim_forget_events(Fabric* fabric, uint16_t chip) {
    return guarded(-1, [&] {
        auto& target = fabric->chip(chip);
        target.interface().forget_events(target.model());
        return 0;
    });
}

/// For how many cycles before `cycle`, one of the last 65,536, each stream of a chip was at each
/// activity. A chip that is dead is idle.
API int cosim_activities(Fabric* fabric, uint16_t chip, uint64_t cycle, uint64_t* counts) {
    return guarded(-1, [&] {
        auto& target = fabric->chip(chip);
        if (!target.interface().activities(target.model(), cycle, counts))
            throw std::runtime_error("activities of chip " + std::to_string(chip) + " in cycle " +
                                     std::to_string(cycle) + " are forgotten");
        return 0;
    });
}

/// Bytes that crossed links, both ways, headers included.
API uint64_t cosim_link_bytes(const Fabric* fabric) { return fabric->crossed(); }

/// Packets that models have sent more than once, or have received damaged.
API uint64_t cosim_repeated(const Fabric* fabric) { return fabric->repeated(); }
API uint64_t cosim_damaged(const Fabric* fabric) { return fabric->damaged(); }

/// Faults since they were last heeded, a line each.
API const char* cosim_faults(const Fabric* fabric) {
    text.clear();
    for (const auto& fault : fabric->faults()) text += fault + '\n';
    return text.c_str();
}

/// Of everything that all chips have put on their pins.
API uint64_t cosim_hash(Fabric* fabric) {
    uint64_t hash = fabric->now();
    for (unsigned n = 0; n < fabric->chips(); ++n) {
        auto& chip = fabric->chip(n);
        hash = hash * 0x9E3779B97F4A7C15u + chip.interface().hash(chip.model());
    }
    return hash;
}

}  // extern "C"
