// For how many cycles streams of a chip have done what.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "isa.hpp"

namespace cosim {

/// Counts of `STREAMS` streams. The last cycles are kept one by one, so that counts as they were in
/// any of them can be asked for.
template <size_t STREAMS>
class Activities {
public:
    /// At least so many cycles are kept.
    static constexpr size_t KEPT = 1 << 16;

    /// Cycles are noted from `now` on, which is the one after the last.
    void begin(uint64_t now) {
        if (cycles_.empty()) begin_ = now;
        if (cycles_.size() < 2 * KEPT) return;
        count();
        cycles_.erase(cycles_.begin(), cycles_.begin() + KEPT);
        counted_ -= KEPT;
        begin_ += KEPT;
    }

    /// What all streams do in the next cycle.
    void note(uint16_t doing) { cycles_.push_back(doing); }

    /// For how many of all cycles that were noted `stream` was at each activity.
    const uint64_t* of(size_t stream) {
        count();
        return counts_[stream].data();
    }

    /// The same of all streams, one after another, without the cycles from `cycle` on; in those that
    /// were not noted, all are idle. False if the cycle is not kept any more.
    bool until(uint64_t cycle, uint64_t* found) {
        if (cycle < begin_) return false;
        count();
        Counts sums = counts_;
        const uint64_t end = begin_ + cycles_.size();
        for (uint64_t n = cycle; n < end; ++n) add(sums, cycles_[n - begin_], -1);
        for (uint64_t n = end; n < cycle; ++n) add(sums, 0, 1);
        for (const auto& stream : sums) found = std::copy(stream.begin(), stream.end(), found);
        return true;
    }

private:
    using Counts = std::array<std::array<uint64_t, isa::ACTIVITIES>, STREAMS>;

    static void add(Counts& sums, unsigned doing, int cycles) {
        for (auto& stream : sums) {
            stream[doing % isa::ACTIVITIES] += cycles;
            doing /= isa::ACTIVITIES;
        }
    }

    void count() {
        for (; counted_ < cycles_.size(); ++counted_) add(counts_, cycles_[counted_], 1);
    }

    uint64_t begin_ = 0;            // the first cycle that is kept
    std::vector<uint16_t> cycles_;  // from that one on
    size_t counted_ = 0;            // of them
    Counts counts_{};
};

}  // namespace cosim
