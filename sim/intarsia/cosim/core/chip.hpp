// A verilated chip, behind the C interface of its library.
#pragma once

#include <string>

#include "node.hpp"

namespace cosim {

/// What a chip's library exports, as `chip_interface`. See shell.cpp.
struct ChipInterface {
    void* (*create)();
    void (*destroy)(void*);
    void (*run)(void*, uint64_t now, unsigned cycles, const Token* const* in, Token* const* out);
    void (*access)(void*, int write, uint32_t address, uint32_t data);
    int (*accessed)(void*, uint32_t* data, uint32_t* response, uint64_t* cycle);
    int (*interrupts)(void*, uint64_t* since);
    size_t (*events)(void*, const TraceEvent** events);
    void (*forget_events)(void*);
    int (*activities)(void*, uint64_t cycle, uint64_t* counts);
    uint64_t (*hash)(void*);
    void (*reset)(void*);
    void (*flip)(void*, uint64_t cycle, uint64_t address, unsigned bit);
    unsigned ports;
    unsigned link_bytes;
};

class Chip : public Node {
public:
    /// Loads `library`. Throws std::runtime_error with the loader's message.
    explicit Chip(const std::string& library);
    ~Chip() override;
    Chip(const Chip&) = delete;
    Chip& operator=(const Chip&) = delete;

    void run(uint64_t now, unsigned cycles, const std::vector<const Token*>& in,
             const std::vector<Token*>& out) override {
        interface_->run(model_, now, cycles, in.data(), out.data());
    }
    unsigned ports() const override { return interface_->ports; }
    std::vector<std::string> faults() const override { return {}; }

    const ChipInterface& interface() const { return *interface_; }
    void* model() const { return model_; }

private:
    void* library_;
    const ChipInterface* interface_;
    void* model_;
};

}  // namespace cosim
