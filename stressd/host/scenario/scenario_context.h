// ScenarioContext: everything that a scenario may use of the world during one
// run: the runtime, randomness, time, the stop flag, progress, and threads.
//
// Model.  The host makes one per run. Randomness comes from prng() (main
//   thread) and Worker::prng (workers) only, time from clock(), stopping from
//   ShouldStop(), and what repeats is counted by a RoundLoop (round_loop.h); so
//   the seed fixes every input of the run, and the seed and a round's number
//   every input of that round.
// Invariants.  C1: RunWorkers() returns only when every thread that it made
//   has been joined.
// Thread safety.  ShouldStop(), IsCancelled(), deadline(), progress(), clock(),
//   seed(): any thread. The rest: the run's main thread.
// Fork.  A forked child uses runtime(), interpreter() and Prng::Stream() only.

#ifndef STRESSD_HOST_SCENARIO_SCENARIO_CONTEXT_H_
#define STRESSD_HOST_SCENARIO_SCENARIO_CONTEXT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "runtime/stats/counter_block.h"
#include "stressd/host/scenario/clock.h"
#include "stressd/host/scenario/prng.h"
#include "stressd/host/scenario/progress.h"

namespace rt {
class Interpreter;
class Runtime;
struct ThreadState;
}  // namespace rt

namespace stressd::host {

enum class WorkerMoment { kStarted, kEndedWell, kFailed };

// What RunWorkers() gives to each of its threads.
struct Worker {
  int index;  // 0 ... count - 1.
  int count;
  Prng prng;  // A stream of the run's seed, this worker's alone.
};

class ScenarioContext {
 public:
  // What the host provides. All pointers must outlive the context.
  struct Options {
    rt::Runtime* runtime = nullptr;
    rt::Interpreter* interpreter = nullptr;
    // The main thread's state, attached while a phase of the scenario runs.
    rt::ThreadState* main_thread = nullptr;
    uint64_t seed = 0;
    const Clock* clock = nullptr;  // Null: Clock::Monotonic().
    Progress* progress = nullptr;  // Null: private cells.
    // Set by whoever cancels the run; null: nobody does.
    const std::atomic<bool>* stop = nullptr;
    // Told when a worker of RunWorkers() starts, and when it ends and how; on
    // that worker's thread. Null: nobody.
    std::function<void(int index, WorkerMoment moment)> on_worker = nullptr;
    // How long the scenario works, from BeginWork() on; zero: as much as it
    // declares.
    absl::Duration duration = absl::ZeroDuration();
  };

  explicit ScenarioContext(const Options& options);
  ScenarioContext(const ScenarioContext&) = delete;
  ScenarioContext& operator=(const ScenarioContext&) = delete;

  rt::Runtime& runtime() const { return *options_.runtime; }
  rt::Interpreter& interpreter() const { return *options_.interpreter; }
  rt::ThreadState& main_thread() const { return *options_.main_thread; }
  uint64_t seed() const { return options_.seed; }
  const Clock& clock() const { return *options_.clock; }
  Prng& prng() { return prng_; }
  Progress& progress() const { return *options_.progress; }

  // Starts the time of the run's duration. The host, right before Run().
  void BeginWork();

  // True if the run has a duration, which then decides how long it works.
  bool has_duration() const { return options_.duration > absl::ZeroDuration(); }
  // When the duration ends, on clock(); infinite before BeginWork() and without
  // a duration.
  absl::Duration deadline() const { return deadline_; }

  // Returns true once the run was cancelled, RequestStop() was called or its
  // duration has passed. Costs one clock read: call it once per round.
  bool ShouldStop() const;
  // The same without the duration.
  bool IsCancelled() const;

  // Asks every thread of the run to end at its next ShouldStop(). Any thread.
  void RequestStop();

  // Reports worker `index` to whoever asked to be told.
  void ReportWorker(int index, WorkerMoment moment) const {
    if (options_.on_worker) options_.on_worker(index, moment);
  }

  // Adds what a runtime of the scenario's own has counted to the counters of the
  // run. The runtime of the run counts by itself.
  void AddCounters(const rt::CounterTotals& counters) { own_counters_.Add(counters); }
  const rt::CounterTotals& own_counters() const { return own_counters_; }

  // Records a measurement of the run, to stand in its result. `name` is
  // snake_case and ends in its unit; a second value replaces the first.
  void Measure(const std::string& name, int64_t value) { measurements_[name] = value; }
  const std::map<std::string, int64_t>& measurements() const { return measurements_; }

  // Starts `count` OS threads, lets them meet at a start gate, runs `work` on
  // each and joins them. The threads have no thread state: `work` attaches
  // itself. The caller's thread state is detached meanwhile. Returns the first
  // error that a worker returned, with its index, after asking the others to
  // stop; ResourceExhaustedError if a thread could not be made, in which case
  // no worker does anything. `count` is at least 1.
  absl::Status RunWorkers(int count, absl::FunctionRef<absl::Status(Worker&)> work);

 private:
  Options options_;
  Prng prng_;
  Progress own_progress_;
  absl::Duration deadline_ = absl::InfiniteDuration();
  std::atomic<bool> stop_requested_{false};
  std::map<std::string, int64_t> measurements_;
  rt::CounterTotals own_counters_;
  // So that no two RunWorkers() share draws: streams of prng_.
  uint64_t worker_stream_ = 1;
};

}  // namespace stressd::host

#endif  // STRESSD_HOST_SCENARIO_SCENARIO_CONTEXT_H_
