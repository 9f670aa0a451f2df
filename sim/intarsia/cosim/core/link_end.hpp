// One end of a link, for nodes that are models: what a link port of a chip does, packet by packet.
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

    /// What is kept until it is acknowledged: packets, beats.
    static constexpr unsigned WINDOW = 64, RING = 1024;

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

    unsigned link_bytes() const { return link_bytes_; }
    uint64_t beats_sent() const { return beats_sent_; }
    uint64_t beats_received() const { return beats_received_; }

    /// Packets that were sent once more, and those that came damaged.
    uint64_t repeated() const { return repeated_; }
    uint64_t damaged() const { return damaged_; }

    const std::vector<std::string>& faults() const { return faults_; }

private:
    static constexpr unsigned CLASSES = 4;

    /// A packet that is kept: its beats, CRC included.
    struct Kept {
        std::vector<uint8_t> bytes;
        unsigned times = 0;  // it was sent
    };

    void receive(const Token& in);
    void accept();
    void heed(const uint8_t* notice, isa::PacketKind kind);
    void take_acknowledge(uint8_t acknowledge);
    void missing();
    void pulse();
    void restart();
    void give_up();
    bool choose();
    void fill();
    void keep(const Packet& packet);
    void note();
    void drop(const Packet& packet);
    void fault(const std::string& what);
    bool dead() const { return silence_ == isa::LINK_PATIENCE; }

    std::string name_;
    unsigned link_bytes_;
    std::deque<Packet> outgoing_[CLASSES], incoming_[CLASSES];
    uint64_t credits_[CLASSES] = {}, returns_[CLASSES];
    uint64_t held_[CLASSES] = {};  // beats that have come and were not released
    unsigned turn_ = 0;

    // Sending: what is kept, the number of the oldest of it, and which one is sent next.
    std::deque<Kept> kept_;
    size_t kept_beats_ = 0, next_ = 0;
    uint8_t oldest_ = 0;
    std::vector<uint8_t> sending_;
    size_t sent_ = 0;

    // Receiving.
    std::vector<uint8_t> receiving_;
    size_t expected_bytes_ = 0;
    bool lost_ = false;
    uint8_t expected_ = 0;
    bool asked_ = false;

    // Notices, and the lives of both ends.
    bool due_ = true, retry_ = false, again_ = false;
    unsigned owed_ = 0;
    bool up_ = false;
    uint8_t life_ = 1, other_ = 0;
    unsigned silence_ = 0;
    uint64_t cycle_ = 0;

    uint64_t beats_sent_ = 0, beats_received_ = 0, repeated_ = 0, damaged_ = 0;
    std::vector<std::string> faults_;
};

}  // namespace cosim
