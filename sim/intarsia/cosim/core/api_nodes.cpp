// The C interface: memory nodes and host node.

#include <cstring>

#include "fabric.hpp"
#include "guarded.hpp"

using cosim::Fabric;
using cosim::guarded;

namespace {

/// Throws if bytes at `address` do not lie in `memory`.
void check(const std::vector<uint8_t>& memory, uint64_t address, uint64_t size) {
    if (address > memory.size() || size > memory.size() - address)
        throw std::runtime_error("beyond the node's memory");
}

}  // namespace

extern "C" {

API int cosim_add_memory(Fabric* fabric, uint16_t node, uint64_t size, unsigned link_bytes,
                         unsigned latency) {
    return guarded(-1, [&] {
        fabric->add_endpoint(node, size, link_bytes, latency);
        return 0;
    });
}

/// Forgets all transfers of `node`, whether or not they have begun.
API int cosim_abandon(Fabric* fabric, uint16_t node) {
    return guarded(-1, [&] {
        fabric->endpoint(node).abandon();
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

}  // extern "C"
