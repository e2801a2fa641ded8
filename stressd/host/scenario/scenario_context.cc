#include "stressd/host/scenario/scenario_context.h"

#include <pthread.h>

#include <cerrno>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "runtime/state/thread_state.h"
#include "stressd/host/scenario/start_gate.h"

namespace stressd::host {
namespace {

// What the threads of one RunWorkers() share.
struct Crew {
  absl::FunctionRef<absl::Status(Worker&)> work;
  ScenarioContext& context;
  StartGate gate;
  std::mutex mutex;  // Guards `error`; a leaf.
  absl::Status error;
};

struct CrewMember {
  Crew* crew;
  Worker worker;
  pthread_t thread;
};

void* RunCrewMember(void* argument) {
  CrewMember& member = *static_cast<CrewMember*>(argument);
  Crew& crew = *member.crew;
  if (!crew.gate.ArriveAndWait()) return nullptr;
  crew.context.ReportWorker(member.worker.index, WorkerMoment::kStarted);
  const absl::Status status = crew.work(member.worker);
  crew.context.ReportWorker(member.worker.index,
                            status.ok() ? WorkerMoment::kEndedWell : WorkerMoment::kFailed);
  crew.context.progress().Heartbeat();
  if (status.ok()) return nullptr;
  {
    std::lock_guard<std::mutex> lock(crew.mutex);
    if (crew.error.ok()) {
      crew.error =
          absl::Status(status.code(), absl::StrCat("worker ", member.worker.index, " of ",
                                                   member.worker.count, ": ", status.message()));
    }
  }
  crew.context.RequestStop();
  return nullptr;
}

}  // namespace

ScenarioContext::ScenarioContext(const Options& options) : options_(options), prng_(options.seed) {
  if (options_.clock == nullptr) options_.clock = &Clock::Monotonic();
  if (options_.progress == nullptr) options_.progress = &own_progress_;
}

void ScenarioContext::BeginWork() {
  if (has_duration()) deadline_ = clock().Now() + options_.duration;
}

bool ScenarioContext::IsCancelled() const {
  // relaxed: flags that order nothing; a late reader makes one round more.
  if (stop_requested_.load(std::memory_order_relaxed)) return true;
  return options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed);
}

bool ScenarioContext::ShouldStop() const {
  if (IsCancelled()) return true;
  return deadline_ != absl::InfiniteDuration() && clock().Now() >= deadline_;
}

void ScenarioContext::RequestStop() {
  // relaxed: as in IsCancelled().
  stop_requested_.store(true, std::memory_order_relaxed);
}

absl::Status ScenarioContext::RunWorkers(int count, absl::FunctionRef<absl::Status(Worker&)> work) {
  Crew crew{work, *this, {}, {}, absl::OkStatus()};
  std::vector<CrewMember> members;
  members.reserve(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    members.push_back(CrewMember{&crew, Worker{i, count, prng_.Stream(worker_stream_++)}, {}});
  }
  rt::ScopedDetach detached(main_thread());
  int made_count = 0;
  int create_error = 0;
  for (; made_count < count; ++made_count) {
    CrewMember& member = members[static_cast<size_t>(made_count)];
    create_error = pthread_create(&member.thread, nullptr, &RunCrewMember, &member);
    if (create_error != 0) break;
  }
  crew.gate.AwaitArrivals(static_cast<uint32_t>(made_count));
  if (create_error == 0) {
    crew.gate.Open();
  } else {
    crew.gate.Break();
  }
  for (int i = 0; i < made_count; ++i) {
    // Cannot fail: made above, joinable, joined once, not by itself.
    (void)pthread_join(members[static_cast<size_t>(i)].thread, nullptr);
  }
  const bool attached = detached.End();
  if (create_error != 0) {
    return absl::ResourceExhaustedError(absl::StrCat("could not start thread ", made_count + 1,
                                                     " of ", count, ": error ", create_error));
  }
  if (!crew.error.ok()) return crew.error;
  if (!attached) {
    return absl::AbortedError("the main thread state was shut down");
  }
  return absl::OkStatus();
}

}  // namespace stressd::host
