// What the runtime core tells the sanitizers, and how it asks which one is in.
//
// Model.  RT_ASAN and RT_TSAN are 0 or 1. The functions below act under the
// sanitizer they are for and are empty otherwise, so that callers need no #if.
// Code that must differ under a sanitizer tests the macros, and says why.
// Fork.  ThreadSanitizer kills the child of a multi-threaded fork as soon as it
// starts a thread unless die_after_fork=0, and reports the parent's threads as
// leaked unless report_thread_leaks=0: //runtime/base:sanitizer_defaults sets
// both for tests. Its happens-before history survives the fork: a child that
// writes a plain field last written by a thread that is gone is reported as a
// race, unless the forking thread took the lock guarding that field before the
// fork. Therefore BeforeFork() functions take locks even where a mere re-init
// in the child would do.
#ifndef RUNTIME_BASE_SANITIZER_H_
#define RUNTIME_BASE_SANITIZER_H_

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RT_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define RT_TSAN 1
#endif
#endif
#if !defined(RT_ASAN) && defined(__SANITIZE_ADDRESS__)
#define RT_ASAN 1
#endif
#if !defined(RT_TSAN) && defined(__SANITIZE_THREAD__)
#define RT_TSAN 1
#endif
#ifndef RT_ASAN
#define RT_ASAN 0
#endif
#ifndef RT_TSAN
#define RT_TSAN 0
#endif

#if RT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#endif
#if RT_TSAN
// Declared in no public header; what instrumented memset() calls as well.
extern "C" void __tsan_write_range(void* address, std::size_t bytes);
#endif
#ifdef STRESSD_EXPLORE
// The controlled engine's (//stressd/explore: annotate.h), linked with this flavor.
extern "C" void stress_explore_poison(const volatile void* start, std::size_t bytes);
extern "C" void stress_explore_unpoison(const volatile void* start, std::size_t bytes);
#endif

// On a function that reads memory it has declared poisoned on purpose.
#if defined(__clang__) || defined(__GNUC__)
#define RT_NO_SANITIZE_ADDRESS __attribute__((no_sanitize("address")))
#else
#define RT_NO_SANITIZE_ADDRESS
#endif

namespace rt {

inline constexpr bool kAddressSanitizer = RT_ASAN != 0;
inline constexpr bool kThreadSanitizer = RT_TSAN != 0;
// Whether the controlled engine is linked, instead of ThreadSanitizer's runtime.
#ifdef STRESSD_EXPLORE
inline constexpr bool kControlledEngine = true;
#else
inline constexpr bool kControlledEngine = false;
#endif

// Makes any access to the range a reported error until UnpoisonMemory(), under
// AddressSanitizer and under the controlled engine. The start should be a multiple
// of 8: both round inwards.
inline void PoisonMemory([[maybe_unused]] const volatile void* start,
                         [[maybe_unused]] std::size_t bytes) {
#if RT_ASAN
  __asan_poison_memory_region(start, bytes);
#elif defined(STRESSD_EXPLORE)
  stress_explore_poison(start, bytes);
#endif
}

// Makes the range accessible again.
inline void UnpoisonMemory([[maybe_unused]] const volatile void* start,
                           [[maybe_unused]] std::size_t bytes) {
#if RT_ASAN
  __asan_unpoison_memory_region(start, bytes);
#elif defined(STRESSD_EXPLORE)
  stress_explore_unpoison(start, bytes);
#endif
}

// Returns whether an access to `address` would be reported. False where there
// is no AddressSanitizer.
inline bool IsPoisoned([[maybe_unused]] const volatile void* address) {
#if RT_ASAN
  return __asan_address_is_poisoned(address) != 0;
#else
  return false;
#endif
}

// Tells ThreadSanitizer that the calling thread owns the range from here on, as
// if it wrote all of it: a concurrent or later unordered access by another
// thread is then a reported race. For memory that changes hands inside our own
// allocator, whose free and reuse ThreadSanitizer cannot see.
inline void MarkMemoryAsWritten([[maybe_unused]] void* start, [[maybe_unused]] std::size_t bytes) {
#if RT_TSAN
  __tsan_write_range(start, bytes);
#endif
}

// Makes LeakSanitizer search the range for pointers, as it does global data.
// For memory from mmap that owns memory from malloc. Undo it before unmapping,
// with the same arguments.
inline void RegisterLeakRoot([[maybe_unused]] const void* start,
                             [[maybe_unused]] std::size_t bytes) {
#if RT_ASAN
  __lsan_register_root_region(start, bytes);
#endif
}

inline void UnregisterLeakRoot([[maybe_unused]] const void* start,
                               [[maybe_unused]] std::size_t bytes) {
#if RT_ASAN
  __lsan_unregister_root_region(start, bytes);
#endif
}

}  // namespace rt

#endif  // RUNTIME_BASE_SANITIZER_H_
