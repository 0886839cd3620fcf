// Instruction sets of the processor this process runs on.
#pragma once

#include <string>
#include <vector>

namespace netwright {

// The names of the paths that this processor and operating system can execute, slowest first.
std::vector<std::string> supported_isas();

// The path to use when nobody asks for one.
std::string preferred_isa();

}  // namespace netwright
