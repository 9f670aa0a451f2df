// For how many cycles streams of a chip have done what.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "isa.hpp"

namespace cosim {

/// Counts of `STREAMS` streams. All cycles of the run that goes on are kept one by one, so that
/// counts as they were in any of them can be asked for.
template <size_t STREAMS>
class Activities {
public:
    /// A run begins in cycle `now`.
    void begin(uint64_t now) {
        before_ = counts();
        begin_ = now;
        cycles_.clear();
        counted_ = 0;
    }

    /// What all streams do in the next cycle.
    void note(uint16_t doing) { cycles_.push_back(doing); }

    /// For how many of all cycles that were noted `stream` was at each activity.
    const uint64_t* of(size_t stream) { return counts()[stream].data(); }

    /// The same of all streams, one after another, without the cycles from `cycle` on; in those that
    /// were not noted, all are idle. False if the run began later.
    bool until(uint64_t cycle, uint64_t* found) const {
        if (cycle < begin_) return false;
        Counts sums = before_;
        for (uint64_t n = 0; n < cycle - begin_; ++n)
            add(sums, n < cycles_.size() ? cycles_[n] : 0);
        for (const auto& stream : sums) found = std::copy(stream.begin(), stream.end(), found);
        return true;
    }

private:
    using Counts = std::array<std::array<uint64_t, isa::ACTIVITIES>, STREAMS>;

    static void add(Counts& sums, unsigned doing) {
        for (auto& stream : sums) {
            ++stream[doing % isa::ACTIVITIES];
            doing /= isa::ACTIVITIES;
        }
    }

    const Counts& counts() {
        for (; counted_ < cycles_.size(); ++counted_) add(counts_, cycles_[counted_]);
        return counts_;
    }

    uint64_t begin_ = 0;
    std::vector<uint16_t> cycles_;
    size_t counted_ = 0;  // of them
    Counts before_{}, counts_{};
};

}  // namespace cosim
