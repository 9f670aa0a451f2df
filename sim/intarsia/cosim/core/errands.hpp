// What a host node does on its own while chips run: transfers and changes of the map.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "packet.hpp"

namespace cosim {

/// One operation.
struct Errand {
    enum Kind : int { READ = 0, WRITE = 1, UPDATE = 2, CALL = 3 };

    Kind kind;
    uint16_t node = 0;                                   // whom its packets go to
    uint16_t backup = 0;                                 // of UPDATE: whom as well, or `node`
    std::array<uint8_t, isa::EXTENSION_BYTES> address{};  // what they are about
    uint64_t local = 0, size = 0;                        // of READ and WRITE, in this node's memory
    bool gentle = true;                                  // few and small packets at a time
    std::vector<uint8_t> entry;                          // of UPDATE
    std::function<void()> call;                          // of CALL: no packet; it is just done
    unsigned lane = 0;
    unsigned group = 0;  // but 0: if one of it fails, the rest is left out
    uint64_t earliest = 0;                               // cycle before which it does not begin
};

/// The operations of a node, by number, and how they stand. Those of a lane are done one after
/// another, lanes beside one another.
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

    /// Does what needs no packets, and has `begin` called with the number of each operation that is
    /// to begin in cycle `now`. It is under way from then on, and returns how many packets it
    /// consists of.
    void start(uint64_t now, const std::function<size_t(size_t, const Errand&)>& begin);

    /// A packet of an operation under way was answered; `what` says what was wrong, if anything.
    void ended(uint64_t now, size_t number, const std::string& what);

    /// All operations that have not come to their end have failed; no group has.
    void give_up(uint64_t now);

    /// Nothing waits to begin.
    bool idle() const { return waiting_ == 0; }

private:
    struct Lane {
        std::deque<std::pair<size_t, Errand>> queue;  // the first one may be under way
        size_t left = 0;                              // packets of it that are not answered
    };

    void end(Lane& lane, uint64_t now, State state, const std::string& what);

    std::map<unsigned, Lane> lanes_;
    std::vector<Standing> standings_;
    std::vector<unsigned> lane_of_;  // by number
    size_t waiting_ = 0;
    std::vector<unsigned> failed_;  // groups
};

}  // namespace cosim
