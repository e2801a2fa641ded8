#include "stressd/host/perturbation/perturbation.h"

#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "runtime/base/atomic.h"
#include "runtime/base/clock.h"
#include "runtime/base/fault_point.h"
#include "runtime/base/futex.h"
#include "runtime/base/schedule_point.h"
#include "runtime/base/slow_path_point.h"
#include "stressd/host/perturbation/helper_threads.h"
#include "stressd/host/perturbation/point_name.h"

namespace stressd::host {
namespace {

// 1024: the core has some 300 points; those that do not fit share the last place.
constexpr size_t kPointCount = 1024;
// 256: a worker passes some hundred points again and again.
constexpr size_t kCacheSize = 256;
// 20 us: below, a sleep takes longer than what is asked of it.
constexpr int64_t kSpinNs = 20'000;

// A point of the process, made by the first pass and kept.
struct Point {
  rt::Atomic<uint64_t> hash{0};  // 0: free.
  // Written once, by who took the entry; read when that thread has been joined.
  const char* name = nullptr;
  const char* file = nullptr;
  uint32_t line = 0;
};
constinit Point points[kPointCount];

// Returns the index of the point at `site`.
uint32_t FindPoint(rt::SchedulePointSite site, uint64_t hash) {
  for (size_t i = 0; i + 1 < kPointCount; ++i) {
    const size_t index = (hash + i) % (kPointCount - 1);
    Point& point = points[index];
    // relaxed, both: who loses takes the next; the rest is read after a join.
    uint64_t found = point.hash.load(std::memory_order_relaxed);
    if (found == hash) return static_cast<uint32_t>(index);
    if (found != 0) continue;
    if (point.hash.compare_exchange_strong(found, hash, std::memory_order_relaxed,
                                           std::memory_order_relaxed)) {
      point.name = site.name();
      point.file = site.file();
      point.line = site.line();
      return static_cast<uint32_t>(index);
    }
    if (found == hash) return static_cast<uint32_t>(index);
  }
  return kPointCount - 1;
}

struct CachedPoint {
  const char* text = nullptr;  // The site's name or file.
  uint32_t line = 0;
  uint32_t index = 0;
  uint64_t hash = 0;
};

// What one thread of the run needs and counts. Kept for the next run.
struct Place {
  PauseSource source;
  bool may_fail = false;
  // How many threads have had this place in this run.
  uint64_t tenant_count = 0;
  // Of the thread in it, for signals; 0: nobody.
  rt::Atomic<pid_t> thread_id{0};
  PerturbationReport report;  // Without points.
  int64_t passes[kPointCount] = {};
  CachedPoint cache[kCacheSize] = {};
};

// Made by the thread that enters first; read by the sender of signals.
constinit rt::Atomic<Place*> places[kPlaceCount];
thread_local constinit Place* current_place = nullptr;

int64_t Now() { return rt::MonotonicNanoseconds(); }
void Yield() { (void)::sched_yield(); }
void Delay(int64_t duration_ns) {
  if (duration_ns <= kSpinNs) {
    const int64_t end_ns = rt::MonotonicNanoseconds() + duration_ns;
    while (rt::MonotonicNanoseconds() < end_ns) rt::CpuRelax();
    return;
  }
  const timespec duration = {duration_ns / rt::kNanosecondsPerSecond,
                             duration_ns % rt::kNanosecondsPerSecond};
  // A signal may shorten it. style: a delay is all that is wanted, nothing waits.
  (void)::nanosleep(&duration, nullptr);
}
constexpr PauseActions kRealActions = {&Now, &Yield, &Delay};

// Set before the hooks are installed.
const PauseActions* actions = &kRealActions;
int64_t start_ns = 0;

void Act(Place& place, const Pause& pause) {
  const int saved_errno = errno;
  if (pause.kind == Pause::Kind::kYield) {
    ++place.report.pause_count;
    actions->yield();
  } else {
    // P1.
    const int64_t allowed_ns =
        std::min((actions->now_ns() - start_ns) / 2 + kPausedGraceNs, kPausedMaxNs);
    if (place.report.paused_ns + pause.delay_ns <= allowed_ns) {
      ++place.report.pause_count;
      place.report.paused_ns += pause.delay_ns;
      actions->delay(pause.delay_ns);
    }
  }
  errno = saved_errno;
}

void OnSchedulePoint(rt::SchedulePointKind kind, const volatile void*, rt::SchedulePointSite site) {
  Place* const place = current_place;
  // A turn of a spin loop waits for somebody else already.
  if (place == nullptr || kind == rt::SchedulePointKind::kSpin) return;
  const char* const text = site.name() != nullptr ? site.name() : site.file();
  CachedPoint& cached =
      place->cache[(reinterpret_cast<uintptr_t>(text) * 31 + site.line()) % kCacheSize];
  if (cached.text != text || cached.line != site.line()) [[unlikely]] {
    const uint64_t hash = PointHash(site);
    cached = {text, site.line(), FindPoint(site, hash), hash};
  }
  ++place->passes[cached.index];
  const Pause pause = place->source.Next(cached.hash);
  if (pause.kind != Pause::Kind::kNone) [[unlikely]]
    Act(*place, pause);
}

bool OnSlowPathPoint(const char* name) {
  Place* const place = current_place;
  if (place == nullptr) return false;
  if (!place->source.TakesSlowPath(PointHash(std::string_view(name)))) return false;
  ++place->report.slow_path_count;
  return true;
}

bool OnFaultPoint(const char* name) {
  Place* const place = current_place;
  if (place == nullptr || !place->may_fail) return false;
  if (!place->source.FailsAllocation(PointHash(std::string_view(name)))) return false;
  ++place->report.failure_count;
  return true;
}

// Returns place `number`, made if it does not exist.
Place& PlaceOf(size_t number) {
  // relaxed: the thread that makes a place is the one that enters, or was joined.
  Place* place = places[number].load(std::memory_order_relaxed);
  if (place == nullptr) {
    place = new Place;
    // (P1) release store, synchronizes with the acquire load (P2) in ThreadIdAt():
    //      the sender sees a made place.
    places[number].store(place, std::memory_order_release);
  }
  return *place;
}

pid_t ThreadIdAt(size_t number) {
  // (P2) acquire load, synchronizes with the release store (P1) in PlaceOf().
  Place* const place = places[number].load(std::memory_order_acquire);
  // relaxed: a late signal is harmless.
  return place == nullptr ? 0 : place->thread_id.load(std::memory_order_relaxed);
}

void Occupy(size_t number, const PausePlan& plan, uint64_t seed) {
  Place& place = PlaceOf(number);
  // Every thread that has had the place had a stream of its own.
  place.source = PauseSource(&plan, seed, number + kPlaceCount * place.tenant_count++);
  // relaxed: as in ThreadIdAt().
  if (number != 0) {
    place.thread_id.store(static_cast<pid_t>(::syscall(SYS_gettid)), std::memory_order_relaxed);
  }
  place.may_fail = number != 0;
  current_place = &place;
}

}  // namespace

Perturbation::Perturbation(const protocol::Plan& plan, uint64_t seed, bool injects_failures)
    : plan_(protocol::ResolvePlan(plan, seed)),
      pauses_(plan_),
      seed_(seed),
      injects_failures_(injects_failures) {}

Perturbation::~Perturbation() { (void)Stop(); }

absl::Status Perturbation::Start() {
  if (plan_.is_none()) return absl::OkStatus();
  for (rt::Atomic<Place*>& entry : places) {
    // relaxed: no other thread of the run exists.
    Place* const place = entry.load(std::memory_order_relaxed);
    if (place == nullptr) continue;
    place->tenant_count = 0;
    place->report = {};
    std::fill(std::begin(place->passes), std::end(place->passes), 0);
  }
  start_ns = actions->now_ns();
  helpers_ = std::make_unique<HelperThreads>();
  absl::Status status = helpers_->Begin(plan_, {kPlaceCount, &ThreadIdAt});
  if (!status.ok()) return status;
  Occupy(0, pauses_, seed_);
  (void)rt::SetScheduleHook(&OnSchedulePoint);
  if (pauses_.slow_path_per_million != 0) (void)rt::SetSlowPathHook(&OnSlowPathPoint);
  if (pauses_.failure_per_million != 0 && injects_failures_) (void)rt::SetFaultHook(&OnFaultPoint);
  started_ = true;
  return status;
}

PerturbationReport Perturbation::Stop() {
  PerturbationReport sum;
  if (!std::exchange(started_, false)) return sum;
  (void)rt::SetScheduleHook(nullptr);
  (void)rt::SetSlowPathHook(nullptr);
  if (pauses_.failure_per_million != 0 && injects_failures_) (void)rt::SetFaultHook(nullptr);
  Leave();
  helpers_->End();
  sum.signal_count = helpers_->signal_count();
  int64_t passes[kPointCount] = {};
  for (rt::Atomic<Place*>& entry : places) {
    // relaxed: all workers have been joined.
    const Place* const place = entry.load(std::memory_order_relaxed);
    if (place == nullptr) continue;
    sum.pause_count += place->report.pause_count;
    sum.paused_ns += place->report.paused_ns;
    sum.slow_path_count += place->report.slow_path_count;
    sum.failure_count += place->report.failure_count;
    for (size_t i = 0; i < kPointCount; ++i) passes[i] += place->passes[i];
  }
  for (size_t i = 0; i < kPointCount; ++i) {
    if (passes[i] == 0) continue;
    sum.pass_count += passes[i];
    const Point& point = points[i];
    sum.points.push_back({i + 1 == kPointCount ? "others"
                                               : PointName(rt::SchedulePointSite(
                                                     point.name, point.file, point.line)),
                          passes[i]});
  }
  std::sort(sum.points.begin(), sum.points.end(), [](const auto& a, const auto& b) {
    return a.pass_count != b.pass_count ? a.pass_count > b.pass_count : a.name < b.name;
  });
  return sum;
}

void Perturbation::Enter(int index) {
  const auto number = static_cast<size_t>(index) + 1;
  if (started_ && number < kPlaceCount) Occupy(number, pauses_, seed_);
}

void Perturbation::Leave() {
  if (current_place == nullptr) return;
  // relaxed: as in ThreadIdAt().
  current_place->thread_id.store(0, std::memory_order_relaxed);
  current_place = nullptr;
}

void Perturbation::SetActionsForTest(const PauseActions* replacement) {
  actions = replacement == nullptr ? &kRealActions : replacement;
}

}  // namespace stressd::host
