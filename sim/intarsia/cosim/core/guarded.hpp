// What all functions of the C interface have in common: no exception leaves them.
#pragma once

#include <cstdint>
#include <exception>
#include <string>

#define API __attribute__((visibility("default")))

namespace cosim {

/// Message of the exception that ended the last call of this thread; empty if none did.
inline thread_local std::string error;

/// Runs `body`; on an exception keeps its message, and returns `failed`.
template <class Body, class Result>
Result guarded(Result failed, Body body) {
    try {
        error.clear();
        return body();
    } catch (const std::exception& exception) {
        error = exception.what();
        return failed;
    }
}

}  // namespace cosim
