// The size that keeps two words written by different threads apart.
#ifndef RUNTIME_BASE_CACHE_LINE_H_
#define RUNTIME_BASE_CACHE_LINE_H_

#include <cstddef>

namespace rt {

// 64: the line of every x86-64 and of most AArch64 cores. A constant of our own
// and not std::hardware_destructive_interference_size, whose value may differ
// between compiler flags while our layouts are read by other processes.
inline constexpr std::size_t kCacheLineBytes = 64;

}  // namespace rt

#endif  // RUNTIME_BASE_CACHE_LINE_H_
