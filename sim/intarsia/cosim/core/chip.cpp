#include "chip.hpp"

#include <dlfcn.h>

#include <stdexcept>

namespace cosim {

Chip::Chip(const std::string& library) : library_(dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (!library_) throw std::runtime_error(dlerror());
    interface_ = static_cast<const ChipInterface*>(dlsym(library_, "chip_interface"));
    if (!interface_) throw std::runtime_error(library + " has no chip_interface");
    model_ = interface_->create();
}

Chip::~Chip() {
    interface_->destroy(model_);
    dlclose(library_);
}

}  // namespace cosim
