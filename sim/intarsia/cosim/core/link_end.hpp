// One end of a link, for nodes that are models: beats, CRC, sequence numbers, credits.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "packet.hpp"
#include "token.hpp"

namespace cosim {

class LinkEnd {
public:
    /// Beats that each class may hold here before they are released.
    static constexpr unsigned CAPACITY = 1024;

    LinkEnd(std::string name, unsigned link_bytes);

    /// One cycle: takes what arrives, returns what leaves.
    Token step(const Token& in);

    /// Queues a packet. It leaves when the other side has room for it.
    void push(Packet packet);

    /// Oldest packet of a class, or null. Stays until `pop`.
    const Packet* front(isa::MessageClass message_class) const;

    /// Takes the oldest packet; its room is given back by `release`.
    Packet pop(isa::MessageClass message_class);

    /// Returns the room of a packet that was popped.
    void release(const Packet& packet);

    /// Nothing is queued, arriving or leaving.
    bool quiet() const;

    unsigned link_bytes() const { return link_bytes_; }
    uint64_t beats_sent() const { return beats_sent_; }
    uint64_t beats_received() const { return beats_received_; }
    const std::vector<std::string>& faults() const { return faults_; }

private:
    static constexpr unsigned CLASSES = 4;

    void receive(const Token& in);
    void accept();
    bool choose();
    void load(const Packet& packet);
    void fault(const std::string& what);

    std::string name_;
    unsigned link_bytes_;
    std::deque<Packet> outgoing_[CLASSES], incoming_[CLASSES];
    uint64_t credits_[CLASSES] = {}, returns_[CLASSES];
    std::vector<uint8_t> sending_, receiving_;
    size_t sent_ = 0, expected_bytes_ = 0;
    uint8_t sequence_ = 0, expected_ = 0, acknowledge_ = 255;
    unsigned turn_ = 0;
    uint64_t beats_sent_ = 0, beats_received_ = 0;
    std::vector<std::string> faults_;
};

}  // namespace cosim
