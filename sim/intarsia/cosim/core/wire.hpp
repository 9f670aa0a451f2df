// A direction of a link: what was sent in the last quantum, and what is sent in this one; and what
// happens to it on the way.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "token.hpp"

namespace cosim {

/// Random numbers that depend on their seed alone.
class Random {
public:
    explicit Random(uint64_t seed) : state_(seed) {}

    uint64_t next() {
        uint64_t value = state_ += 0x9E3779B97F4A7C15u;
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9u;
        value = (value ^ value >> 27) * 0x94D049BB133111EBu;
        return value ^ value >> 31;
    }

    /// True with this probability.
    bool happens(double probability) {
        return static_cast<double>(next() >> 11) * 0x1p-53 < probability;
    }

private:
    uint64_t state_;
};

/// What links do to what they carry.
struct Faults {
    double bit_errors = 0;  // probability that a bit is flipped
    double drops = 0;       // probability that a packet vanishes
    uint64_t seed = 0;
};

class Wire {
public:
    static constexpr uint64_t NEVER = ~uint64_t{0};

    explicit Wire(unsigned latency);

    /// What arrives in this quantum, and what leaves.
    const Token* arriving(unsigned turn) const { return tokens_[turn].data(); }
    Token* leaving(unsigned turn) { return tokens_[turn ^ 1].data(); }

    /// From now on, `faults` happen to beats of `link_bytes` bytes.
    void disturb(const Faults& faults, unsigned link_bytes, uint64_t number);

    /// From `cycle` on, nothing arrives.
    void cut(uint64_t cycle) { dead_from_ = cycle; }

    bool faulty() const { return disturbance_ || dead_from_ != NEVER; }

    /// Lets happen what happens to what left in the quantum that begins with `now`.
    void spoil(uint64_t now, unsigned turn);

private:
    struct Disturbance {
        double beat_errors, drops;
        unsigned bits;  // of a beat, its mark included
        Random random;
        bool dropping = false;
    };

    std::vector<Token> tokens_[2];
    std::unique_ptr<Disturbance> disturbance_;
    uint64_t dead_from_ = NEVER;
};

}  // namespace cosim
