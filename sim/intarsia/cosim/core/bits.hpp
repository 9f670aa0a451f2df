// Fields of packed little-endian layouts, and the CRC that packets carry.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cosim {

/// Where a field lies in a layout, in bits.
struct Field {
    unsigned offset;
    unsigned width;
};

/// Value of `field` in the layout that begins at `bytes`. Fields have at most 56 bits.
inline uint64_t get(const uint8_t* bytes, Field field) {
    uint64_t value = 0;
    const unsigned first = field.offset / 8, last = (field.offset + field.width - 1) / 8;
    for (unsigned n = last + 1; n-- > first;) value = value << 8 | bytes[n];
    return value >> field.offset % 8 & (~uint64_t{0} >> (64 - field.width));
}

/// Sets `field` of the layout that begins at `bytes`; bits of `value` beyond the field are dropped.
inline void set(uint8_t* bytes, Field field, uint64_t value) {
    for (unsigned n = 0; n < field.width; ++n) {
        const unsigned bit = field.offset + n;
        const uint8_t mask = static_cast<uint8_t>(1u << bit % 8);
        if (value >> n & 1) bytes[bit / 8] |= mask;
        else bytes[bit / 8] &= static_cast<uint8_t>(~mask);
    }
}

/// CRC-32 (ISO-HDLC) of `size` bytes.
inline uint32_t crc32(const uint8_t* bytes, size_t size) {
    static const auto table = [] {
        std::array<uint32_t, 256> entries{};
        for (uint32_t n = 0; n < 256; ++n) {
            uint32_t value = n;
            for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0u);
            entries[n] = value;
        }
        return entries;
    }();
    uint32_t state = 0xFFFFFFFFu;
    for (size_t n = 0; n < size; ++n) state = state >> 8 ^ table[(state ^ bytes[n]) & 0xFF];
    return ~state;
}

}  // namespace cosim
