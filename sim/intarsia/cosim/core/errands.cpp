#include "errands.hpp"

#include <algorithm>
#include <utility>

namespace cosim {

size_t Errands::add(Errand errand) {
    standings_.emplace_back();
    queue_.emplace_back(standings_.size() - 1, std::move(errand));
    return standings_.size() - 1;
}

Errand* Errands::next(uint64_t now) {
    while (!busy_ && !queue_.empty()) {
        const unsigned group = queue_.front().second.group;
        if (std::find(failed_.begin(), failed_.end(), group) != failed_.end()) {
            standings_[queue_.front().first] = {FAILED, now, "an operation before it failed"};
            queue_.pop_front();
            continue;
        }
        if (now < queue_.front().second.earliest) return nullptr;
        number_ = queue_.front().first;
        current_ = std::move(queue_.front().second);
        queue_.pop_front();
        if (current_.kind == Errand::CALL) {
            current_.call();
            standings_[number_] = {DONE, now, ""};
            continue;
        }
        busy_ = true;
        return &current_;
    }
    return nullptr;
}

void Errands::ended(uint64_t now, const std::string& what) {
    if (!what.empty() && standings_[number_].what.empty()) standings_[number_].what = what;
    if (--left_ > 0) return;
    Standing& standing = standings_[number_];
    standing.cycle = now;
    standing.state = standing.what.empty() ? DONE : FAILED;
    if (standing.state == FAILED && current_.group != 0) failed_.push_back(current_.group);
    busy_ = false;
}

}  // namespace cosim
