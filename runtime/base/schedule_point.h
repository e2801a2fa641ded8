// Schedule points: the named places where another thread's progress can matter.
//
// Model.  Every atomic operation that is not relaxed (base/atomic.h), every
// wait and wake (base/futex.h) and every RT_SCHEDULE_POINT("name") calls
// SchedulePoint() just before it acts, with what it is about to do, on which
// address and where. A point is named by hand ("qsbr.attach") or, by default,
// by the file and line of the operation's caller.
// Plugging in.  SchedulePoint() is the one place to change: today it is empty
// and costs nothing. An engine that perturbs or controls threads gives it a
// body (or calls through a hook) here; no other source changes. The body must
// not pass a schedule point itself, nor allocate from the runtime, and may be
// called with any lock held.
// Thread safety.  Called by any thread, attached or not.
#ifndef RUNTIME_BASE_SCHEDULE_POINT_H_
#define RUNTIME_BASE_SCHEDULE_POINT_H_

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

 private:
  constexpr SchedulePointSite(const char* name, const char* file, uint32_t line)
      : name_(name), file_(file), line_(line) {}

  const char* name_;
  const char* file_;
  uint32_t line_;
};

// Tells the scheduling engine, when there is one, that the calling thread is
// about to do `kind` on `address` (null for kFence and kNamed).
constexpr void SchedulePoint([[maybe_unused]] SchedulePointKind kind,
                             [[maybe_unused]] const volatile void* address,
                             [[maybe_unused]] SchedulePointSite site) {
#if RT_SCHEDULE_POINTS
  // The engine goes here.
#endif
}

}  // namespace rt

// An explicit point between two steps whose order matters, for instance between
// unlinking memory and advancing the write sequence.
#define RT_SCHEDULE_POINT(name)                                 \
  ::rt::SchedulePoint(::rt::SchedulePointKind::kNamed, nullptr, \
                      ::rt::SchedulePointSite::Named(name))

#endif  // RUNTIME_BASE_SCHEDULE_POINT_H_
