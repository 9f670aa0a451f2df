// What a host node does on its own while chips run: transfers and changes of the map, in order.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "packet.hpp"

namespace cosim {

/// One operation.
struct Errand {
    enum Kind : int { READ = 0, WRITE = 1, UPDATE = 2, CALL = 3 };

    Kind kind;
    uint16_t node = 0;                                   // whom its packets go to
    std::array<uint8_t, isa::EXTENSION_BYTES> address{};  // what they are about
    uint64_t local = 0, size = 0;                        // of READ and WRITE, in this node's memory
    std::vector<uint8_t> entry;                          // of UPDATE
    std::function<void()> call;                          // of CALL: no packet; it is just done
    unsigned group = 0;  // but 0: if one of it fails, the rest is left out
    uint64_t earliest = 0;                               // cycle before which it does not begin
};

/// The operations of a node, by number, and how they stand. One is under way at a time.
class Errands {
public:
    enum State : int { WAITS = 0, DONE = 1, FAILED = 2 };

    struct Standing {
        State state = WAITS;
        uint64_t cycle = 0;  // in which it ended
        std::string what;    // went wrong
    };

    /// Queues an operation. Returns its number.
    size_t add(Errand errand);

    const Standing& standing(size_t number) const { return standings_.at(number); }

    /// The operation that is to begin in cycle `now`, or null. It is under way from then on.
    Errand* next(uint64_t now);

    /// The operation under way consists of so many packets; it ends with the last one's `ended`.
    void expect(size_t packets) { left_ = packets; }

    /// A packet of the operation under way was answered; `what` says what was wrong, if anything.
    void ended(uint64_t now, const std::string& what);

    bool idle() const { return queue_.empty() && !busy_; }

private:
    std::deque<std::pair<size_t, Errand>> queue_;
    std::vector<Standing> standings_;
    size_t number_ = 0, left_ = 0;
    Errand current_{};
    bool busy_ = false;
    std::vector<unsigned> failed_;  // groups
};

}  // namespace cosim
