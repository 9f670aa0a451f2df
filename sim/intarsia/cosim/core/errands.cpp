#include "errands.hpp"

#include <algorithm>
#include <utility>

namespace cosim {

size_t Errands::add(Errand errand) {
    const size_t number = standings_.size();
    standings_.emplace_back();
    lane_of_.push_back(errand.lane);
    lanes_[errand.lane].queue.emplace_back(number, std::move(errand));
    ++waiting_;
    return number;
}

void Errands::start(uint64_t now, const std::function<size_t(size_t, const Errand&)>& begin) {
    for (auto& [name, lane] : lanes_) {
        while (lane.left == 0 && !lane.queue.empty()) {
            const auto& [number, errand] = lane.queue.front();
            if (std::find(failed_.begin(), failed_.end(), errand.group) != failed_.end()) {
                --waiting_;
                end(lane, now, FAILED, "an operation before it failed");
                continue;
            }
            if (now < errand.earliest) break;
            --waiting_;
            if (errand.kind == Errand::CALL) {
                errand.call();
                end(lane, now, DONE, "");
            } else {
                lane.left = begin(number, errand);
                if (lane.left == 0) end(lane, now, DONE, "");
            }
        }
    }
}

void Errands::ended(uint64_t now, size_t number, const std::string& what) {
    Standing& standing = standings_[number];
    if (!what.empty() && standing.what.empty()) standing.what = what;
    Lane& lane = lanes_.at(lane_of_[number]);
    if (--lane.left > 0) return;
    const bool failed = !standing.what.empty();
    const unsigned group = lane.queue.front().second.group;
    if (failed && group != 0) failed_.push_back(group);
    end(lane, now, failed ? FAILED : DONE, standing.what);
}

void Errands::give_up(uint64_t now) {
    for (auto& [name, lane] : lanes_) {
        lane.left = 0;
        while (!lane.queue.empty()) end(lane, now, FAILED, "given up");
    }
    waiting_ = 0;
    failed_.clear();
}

void Errands::end(Lane& lane, uint64_t now, State state, const std::string& what) {
    standings_[lane.queue.front().first] = {state, now, what};
    lane.queue.pop_front();
}

}  // namespace cosim
