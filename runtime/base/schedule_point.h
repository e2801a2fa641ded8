// Schedule points: the named places where another thread's progress can matter.
//
// Model.  Every atomic operation that is not relaxed (base/atomic.h), every
// wait and wake (base/futex.h) and every RT_SCHEDULE_POINT("name") calls
// SchedulePoint() just before it acts, with what it is about to do, on which
// address and where. A point is named by hand ("qsbr.attach") or, by default,
// by the file and line of the operation's caller.
// Hook.  SetScheduleHook() tells an engine of every point; stressd/host's
// perturbation is one. None is installed by default: a point then is one relaxed
// load and a branch that is not taken. Nothing at all where RT_SCHEDULE_POINTS is
// 0. A hook must not pass a schedule point itself, nor allocate from the runtime,
// nor change errno, and may be called with any lock held.
// Fork.  The hook stays installed in the child.
// Thread safety.  Called by any thread, attached or not.
#ifndef RUNTIME_BASE_SCHEDULE_POINT_H_
#define RUNTIME_BASE_SCHEDULE_POINT_H_

#include <atomic>
#include <cstdint>

#include "runtime/base/config.h"

namespace rt {

// What the caller is about to do.
enum class SchedulePointKind : uint8_t {
  kLoad,             // An atomic load that is not relaxed.
  kStore,            // An atomic store that is not relaxed.
  kReadModifyWrite,  // Any read-modify-write that is not relaxed.
  kFence,            // A free-standing fence.
  kWait,             // Sleeping on a futex word.
  kWake,             // Waking sleepers of a futex word.
  kSpin,             // One turn of a spin loop: another thread must progress.
  kNamed,            // RT_SCHEDULE_POINT.
};

// Where a schedule point is. A literal type: made at compile time, never freed.
class SchedulePointSite {
 public:
  // The caller's file and line. As a default argument it is the place of the
  // outermost call.
  static constexpr SchedulePointSite Here(const char* file = __builtin_FILE(),
                                          uint32_t line = __builtin_LINE()) {
    return SchedulePointSite(nullptr, file, line);
  }
  // A place with a name of its own. `name` is a string literal.
  static constexpr SchedulePointSite Named(const char* name, const char* file = __builtin_FILE(),
                                           uint32_t line = __builtin_LINE()) {
    return SchedulePointSite(name, file, line);
  }

  // Null when the point was not named by hand.
  constexpr const char* name() const { return name_; }
  constexpr const char* file() const { return file_; }
  constexpr uint32_t line() const { return line_; }

  // From its parts: for who passes them on.
  constexpr SchedulePointSite(const char* name, const char* file, uint32_t line)
      : name_(name), file_(file), line_(line) {}

 private:
  const char* name_;
  const char* file_;
  uint32_t line_;
};

// Called by a thread at a schedule point, before it does `kind` on `address`
// (null for kFence, kSpin and kNamed).
using ScheduleHook = void (*)(SchedulePointKind kind, const volatile void* address,
                              SchedulePointSite site);

// Installs `hook`, or none when null. Returns the one before. Any thread; others may
// be in the old hook when this returns, so what that needs stays.
ScheduleHook SetScheduleHook(ScheduleHook hook);

namespace internal {

inline constinit std::atomic<ScheduleHook> schedule_hook{nullptr};

// Clang keeps nearly all registers over a call of this kind, so that the caller's
// common way saves none.
#if defined(__clang__) && __has_attribute(preserve_most)
#define RT_KEEPS_REGISTERS __attribute__((preserve_most))
#else
#define RT_KEEPS_REGISTERS
#endif

[[gnu::cold, gnu::noinline]] RT_KEEPS_REGISTERS void PassSchedulePoint(SchedulePointKind kind,
                                                                       const volatile void* address,
                                                                       const char* name,
                                                                       const char* file,
                                                                       uint32_t line);

}  // namespace internal

// Tells the scheduling engine, when there is one, that the calling thread is
// about to do `kind` on `address` (null for kFence, kSpin and kNamed).
inline void SchedulePoint([[maybe_unused]] SchedulePointKind kind,
                          [[maybe_unused]] const volatile void* address,
                          [[maybe_unused]] SchedulePointSite site) {
#if RT_SCHEDULE_POINTS
  // relaxed: nearly always null, and then nothing follows from it.
  if (internal::schedule_hook.load(std::memory_order_relaxed) != nullptr) [[unlikely]] {
    internal::PassSchedulePoint(kind, address, site.name(), site.file(), site.line());
  }
#endif
}

}  // namespace rt

// An explicit point between two steps whose order matters, for instance between
// unlinking memory and advancing the write sequence.
#define RT_SCHEDULE_POINT(name)                                 \
  ::rt::SchedulePoint(::rt::SchedulePointKind::kNamed, nullptr, \
                      ::rt::SchedulePointSite::Named(name))

#endif  // RUNTIME_BASE_SCHEDULE_POINT_H_
