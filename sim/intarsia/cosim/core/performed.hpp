// Which transactions have been performed, so that none is performed twice.
#pragma once

#include <cstdint>
#include <map>

namespace cosim {

/// Remembers, per source, which of its last 16 transactions were performed; like the gateware's
/// `dma/performed.py`.
class Performed {
public:
    enum Verdict { NEW, REPEATED, OUTDATED };

    /// What is known of transaction `number` of `source`.
    Verdict judge(uint16_t source, uint16_t number) const {
        const auto found = rows_.find(source % SOURCES);
        if (found == rows_.end()) return NEW;
        const uint16_t before = found->second.latest - number;
        if (before >= 0x8000) return NEW;
        if (before >= WINDOW) return OUTDATED;
        return found->second.performed >> before & 1 ? REPEATED : NEW;
    }

    /// It is performed now.
    void record(uint16_t source, uint16_t number) {
        const auto [found, first] = rows_.try_emplace(source % SOURCES, Row{number, 1});
        if (first) return;
        Row& row = found->second;
        const uint16_t after = number - row.latest, before = row.latest - number;
        if (before < WINDOW) {
            row.performed |= 1u << before;
            return;
        }
        row.performed = after < WINDOW ? row.performed << after | 1u : 1u;
        row.latest = number;
    }

private:
    static constexpr unsigned SOURCES = 64, WINDOW = 16;

    struct Row {
        uint16_t latest, performed;
    };

    std::map<uint16_t, Row> rows_;
};

}  // namespace cosim
