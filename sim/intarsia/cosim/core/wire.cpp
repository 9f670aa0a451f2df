#include "wire.hpp"

#include <cmath>

namespace cosim {

Wire::Wire(unsigned latency) {
    for (auto& tokens : tokens_) tokens.resize(latency);
}

void Wire::disturb(const Faults& faults, unsigned link_bytes, uint64_t number) {
    disturbance_.reset();
    if (faults.bit_errors <= 0 && faults.drops <= 0) return;
    const unsigned bits = 8 * link_bytes + 1;
    const double beat_errors = -std::expm1(bits * std::log1p(-faults.bit_errors));
    Random seeds(faults.seed);
    const Random random(seeds.next() + number * 0xD6E8FEB86659FD93u);
    disturbance_ = std::make_unique<Disturbance>(
        Disturbance{beat_errors, faults.drops, bits, random});
}

void Wire::spoil(uint64_t now, unsigned turn) {
    for (Token& token : tokens_[turn ^ 1]) {
        const uint64_t cycle = now++;
        if (!token.valid) continue;
        if (cycle >= dead_from_) {
            token.valid = 0;
            continue;
        }
        if (!disturbance_) continue;
        Disturbance& what = *disturbance_;
        if (token.start) what.dropping = what.drops > 0 && what.random.happens(what.drops);
        if (what.dropping) token.valid = 0;
        else if (what.beat_errors > 0 && what.random.happens(what.beat_errors)) {
            // Of errors in the same beat, most are next to each other: one bit, or two in a row.
            const uint64_t which = what.random.next();
            for (unsigned n = 0; n <= which % 2; ++n) {
                const unsigned bit = static_cast<unsigned>((which >> 1) + n) % what.bits;
                if (bit == what.bits - 1) token.start ^= 1;
                else token.data[bit / 32] ^= 1u << bit % 32;
            }
        }
    }
}

}  // namespace cosim
