// The C interface that Python calls through ctypes: once per transaction or event, never per cycle.

#include <cstring>

#include "fabric.hpp"

using cosim::Fabric;

namespace {

thread_local std::string error;
thread_local std::string text;

/// Runs `body`; on an exception keeps its message for `cosim_error`, and returns `failed`.
template <class Body, class Result>
Result guarded(Result failed, Body body) {
    try {
        error.clear();
        return body();
    } catch (const std::exception& exception) {
        error = exception.what();
        return failed;
    }
}

/// Throws if bytes at `address` do not lie in `memory`.
void check(const std::vector<uint8_t>& memory, uint64_t address, uint64_t size) {
    if (address > memory.size() || size > memory.size() - address)
        throw std::runtime_error("beyond the node's memory");
}

/// Why `cosim_run` came back.
enum Reason : int { ENDED = 0, INTERRUPT = 1, ACCESSED = 2, TRANSFERRED = 3, FAULT = 4 };

/// What `cosim_run` waits for.
enum Wanted : unsigned { WANT_INTERRUPT = 1, WANT_ACCESS = 2, WANT_TRANSFERS = 4, WANT_REST = 8 };

}  // namespace

extern "C" {

#define API __attribute__((visibility("default")))

API const char* cosim_error() { return error.c_str(); }

API Fabric* cosim_create(unsigned latency) {
    return guarded<>(static_cast<Fabric*>(nullptr), [&] { return new Fabric(latency); });
}

API void cosim_destroy(Fabric* fabric) { delete fabric; }

API int cosim_add_chip(Fabric* fabric, const char* library) {
    return guarded(-1, [&] { return static_cast<int>(fabric->add_chip(library)); });
}

API int cosim_add_memory(Fabric* fabric, uint16_t node, uint64_t size, unsigned link_bytes,
                         unsigned latency) {
    return guarded(-1, [&] {
        fabric->add_endpoint(node, size, link_bytes, latency);
        return 0;
    });
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

/// Forgets all transfers of `node`, whether or not they have begun.
API int cosim_abandon(Fabric* fabric, uint16_t node) {
    return guarded(-1, [&] {
        fabric->endpoint(node).abandon();
        return 0;
    });
}

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

API int cosim_place(Fabric* fabric, uint16_t node, uint64_t data_id, uint16_t fragment,
                    uint64_t base, uint64_t size, uint16_t version, uint8_t permissions) {
    return guarded(-1, [&] {
        auto& endpoint = fabric->endpoint(node);
        const uint64_t room = endpoint.memory().size();
        if (base > room || size > room - base)
            throw std::runtime_error("a fragment leaves the memory of node " +
                                     std::to_string(node));
        endpoint.place(data_id, fragment, {base, size, version, permissions});
        return 0;
    });
}

/// Keeps a map entry of 32 bytes at its home.
API int cosim_keep(Fabric* fabric, uint16_t node, const uint8_t* entry) {
    return guarded(-1, [&] {
        fabric->endpoint(node).home().keep(entry);
        return 0;
    });
}

/// The home waits for `node` no more, or again.
API int cosim_fence(Fabric* fabric, uint16_t home, uint16_t node, int fenced) {
    return guarded(-1, [&] {
        fabric->endpoint(home).home().fence(node, fenced != 0);
        return 0;
    });
}

/// Queues an operation of `from`; see `Errand`. Returns its number.
API int64_t cosim_errand(Fabric* fabric, uint16_t from, int kind, unsigned lane, unsigned group,
                         uint64_t earliest, uint16_t node, uint16_t backup, const uint8_t* address,
                         uint64_t local, uint64_t size, int gentle, const uint8_t* entry) {
    return guarded(int64_t{-1}, [&] {
        cosim::Errand errand{static_cast<cosim::Errand::Kind>(kind)};
        errand.lane = lane;
        errand.group = group;
        errand.earliest = earliest;
        errand.node = node;
        errand.backup = backup;
        std::memcpy(errand.address.data(), address, errand.address.size());
        errand.local = local;
        errand.size = size;
        errand.gentle = gentle != 0;
        errand.entry.assign(entry, entry + cosim::ENTRY_BYTES);
        return static_cast<int64_t>(fabric->endpoint(from).send(std::move(errand)));
    });
}

/// Queues for `from` that a fragment is put on the map of `node`, as `cosim_place` does; or is marked
/// as one that lies elsewhere now.
API int64_t cosim_errand_place(Fabric* fabric, uint16_t from, unsigned lane, unsigned group,
                               uint64_t earliest, uint16_t node, uint64_t data_id, uint16_t fragment, uint64_t base, uint64_t size,
                               uint16_t version, uint8_t permissions, int gone) {
    return guarded(int64_t{-1}, [&] {
        auto& holder = fabric->endpoint(node);
        check(holder.memory(), base, size);
        cosim::Errand errand{cosim::Errand::CALL};
        errand.lane = lane;
        errand.group = group;
        errand.earliest = earliest;
        errand.call = [&holder, data_id, fragment,
                       region = cosim::Region{base, size, version, permissions, gone != 0}] {
            holder.place(data_id, fragment, region);
        };
        return static_cast<int64_t>(fabric->endpoint(from).send(std::move(errand)));
    });
}

/// How an operation of `from` stands: 0 waits, 1 done, 2 failed; since which cycle, and why.
API int cosim_errand_standing(Fabric* fabric, uint16_t from, uint64_t number, uint64_t* cycle,
                              const char** what) {
    return guarded(-1, [&] {
        const auto& standing = fabric->endpoint(from).errands().standing(number);
        *cycle = standing.cycle;
        *what = standing.what.c_str();
        return static_cast<int>(standing.state);
    });
}

API int cosim_transfer(Fabric* fabric, uint16_t from, int write, uint16_t node,
                       const uint8_t* logical_address, uint64_t local, uint64_t size) {
    return guarded(-1, [&] {
        fabric->endpoint(from).transfer(write != 0, node, logical_address, local, size);
        return 0;
    });
}

API int cosim_store(Fabric* fabric, uint16_t node, uint64_t address, const uint8_t* bytes,
                    uint64_t size) {
    return guarded(-1, [&] {
        auto& memory = fabric->endpoint(node).memory();
        check(memory, address, size);
        std::memcpy(&memory[address], bytes, size);
        return 0;
    });
}

API int cosim_load(Fabric* fabric, uint16_t node, uint64_t address, uint8_t* bytes, uint64_t size) {
    return guarded(-1, [&] {
        auto& memory = fabric->endpoint(node).memory();
        check(memory, address, size);
        std::memcpy(bytes, &memory[address], size);
        return 0;
    });
}

API uint64_t cosim_last_commit(Fabric* fabric, uint16_t node) {
    return guarded(uint64_t{0}, [&] { return fabric->endpoint(node).last_commit(); });
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
