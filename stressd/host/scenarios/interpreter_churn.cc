// Interpreter churn: interpreters are created, run in and destroyed while others send
// them cross-interpreter data.
//   Stresses   leases against destruction, release of data in origins that live, rest
//              or are gone, the pending calls of an interpreter, ends of channels.
//   Method     each of `rounds` rounds makes a runtime with `interpreters` interpreters,
//              three queues and a channel, and starts `threads` threads. Each does
//              `operations` steps: destroys an interpreter and makes another in its
//              place, or runs in one, makes objects there, and puts and takes data of
//              every kind, waiting for at most a moment. All choices are random.
//   Holds if   every payload reads as it was made, every interpreter ends exactly as
//              an unused one does, no refusal is one that cannot be, each opaque
//              datum was released once, and at the end no data are left.
//   Exercises  subinterpreters, leases, cross-interpreter data, queues, channels,
//              pending calls, parked heap bundles.

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "runtime/base/atomic.h"
#include "runtime/interp/interp.h"
#include "runtime/runtime.h"
#include "stressd/host/oracles/oracle.h"
#include "stressd/host/scenario/load_scale.h"
#include "stressd/host/scenario/round_loop.h"
#include "stressd/host/scenario/scenario.h"

namespace stressd::host {
namespace {

constexpr ParameterSpec kParameters[] = {
    IntParameter("threads", 4, 1, 256, "OS threads at a time.", ParameterCounts::kThreads),
    IntParameter("interpreters", 3, 1, 64, "Interpreters at a time, but for the main one."),
    IntParameter("rounds", 8, 1, 100'000'000, "Runtimes made and ended; fewer under sanitizers."),
    IntParameter("operations", 300, 1, 10'000'000, "Steps of each thread per round.",
                 ParameterCounts::kOperations),
    IntParameter("trades", 4, 1, 10'000, "Data put or taken in each visit of an interpreter."),
    IntParameter("destroy_per_mille", 120, 0, 1000,
                 "Of 1000 steps, how many destroy an interpreter."),
    IntParameter("capacity", 8, 1, 1'000'000, "Data that the bounded queues and the channel hold."),
    IntParameter("wait_us", 50, 0, 1'000'000, "How long a put or take waits, microseconds."),
};

constexpr size_t kQueueCount = 3;

// What the threads of one round share.
struct ChurnRound {
  std::unique_ptr<rt::Runtime> runtime;
  std::unique_ptr<rt::Exchange> exchange;
  std::vector<rt::Atomic<uint64_t>> places;  // Ids of interpreters.
  std::array<uint64_t, kQueueCount> queues = {};
  uint64_t channel = 0;
  rt::Atomic<int64_t> opaque_made_count{0};
  rt::Atomic<int64_t> opaque_released_count{0};
  rt::Atomic<int64_t> wrong_place_count{0};
};

// Of one worker.
struct Tally {
  ViolationList found;
  int64_t destroyed_count = 0;
  int64_t traded_count = 0;
};

void CountRelease(void* data, rt::ThreadState* origin) {
  auto* const round = static_cast<ChurnRound*>(data);
  // relaxed: read when all threads have been joined.
  round->opaque_released_count.fetch_add(1, std::memory_order_relaxed);
  if (origin != nullptr && rt::CurrentThreadState() != origin) {
    round->wrong_place_count.fetch_add(1, std::memory_order_relaxed);
  }
}

// Bytes whose every character says how many there are.
std::string TextOfLength(int64_t length) {
  return std::string(static_cast<size_t>(length), static_cast<char>('a' + length % 26));
}

rt::CrossData MakeAny(ChurnRound& round, rt::ThreadState& thread, Prng& prng) {
  rt::Exchange& exchange = *round.exchange;
  switch (prng.Below(5)) {
    case 0:
      return rt::CrossData::MakeInteger(exchange, thread, prng.Between(0, 1000) * 7);
    case 1:
      return rt::CrossData::MakeBytes(exchange, thread, TextOfLength(prng.Between(0, 300)));
    case 2: {
      const rt::SharedMemory memory = rt::SharedMemory::Create(exchange, sizeof(uint64_t));
      if (memory) *static_cast<uint64_t*>(memory.data()) = memory.size_bytes();
      return rt::CrossData::MakeMemory(exchange, thread, memory);
    }
    case 3: {
      rt::Number* const number = rt::NumberNew(thread, (int64_t{1} << 40) + 5);
      if (number == nullptr) return {};
      if (!rt::MakeImmortal(thread, rt::AsObject(number))) {
        rt::Decref(thread, rt::AsObject(number));
        return {};
      }
      return rt::CrossData::MakeObject(exchange, thread, rt::AsObject(number));
    }
    default: {
      rt::CrossData data = rt::CrossData::MakeOpaque(exchange, thread, &round, CountRelease);
      // relaxed: read when all threads have been joined.
      if (data) round.opaque_made_count.fetch_add(1, std::memory_order_relaxed);
      return data;
    }
  }
}

// Whether a datum reads as MakeAny() made it.
bool IsIntact(const rt::CrossData& data, const ChurnRound& round) {
  switch (data.kind()) {
    case rt::DataKind::kInteger:
      return data.integer() % 7 == 0;
    case rt::DataKind::kBytes:
      return data.bytes() == TextOfLength(static_cast<int64_t>(data.bytes().size()));
    case rt::DataKind::kMemory:
      return *static_cast<const uint64_t*>(data.memory().data()) == sizeof(uint64_t);
    case rt::DataKind::kObject:
      return reinterpret_cast<const rt::Number*>(data.object())->value == (int64_t{1} << 40) + 5;
    case rt::DataKind::kOpaque:
      return data.opaque() == &round;
  }
  return false;
}

class InterpreterChurn final : public Scenario {
 public:
  explicit InterpreterChurn(const Parameters& parameters)
      : threads_(static_cast<int>(parameters.GetInt("threads"))),
        interpreters_(static_cast<size_t>(parameters.GetInt("interpreters"))),
        rounds_(ScaledLoad(parameters.GetInt("rounds"))),
        operations_(parameters.GetInt("operations")),
        trades_(parameters.GetInt("trades")),
        destroy_per_mille_(static_cast<uint64_t>(parameters.GetInt("destroy_per_mille"))),
        capacity_(parameters.GetInt("capacity")),
        wait_ns_(parameters.GetInt("wait_us") * 1000) {}

  absl::Status SetUp(ScenarioContext&) override { return absl::OkStatus(); }

  absl::Status Run(ScenarioContext& context) override {
    RoundLoop loop(context, context.prng(), rounds_);
    while (loop.Next()) {
      ChurnRound round;
      absl::Status status = Begin(round);
      std::vector<Tally> tallies(static_cast<size_t>(threads_));
      if (status.ok()) {
        status = context.RunWorkers(threads_, [&](Worker& worker) {
          return Work(context, round, tallies[static_cast<size_t>(worker.index)], worker);
        });
      }
      if (round.exchange != nullptr) End(round);
      for (const Tally& tally : tallies) {
        found_.Append(tally.found);
        destroyed_count_ += tally.destroyed_count;
        traded_count_ += tally.traded_count;
      }
      if (!status.ok()) return status;
      ++rounds_done_;
    }
    context.Measure("rounds_count", rounds_done_);
    context.Measure("destroyed_count", destroyed_count_);
    context.Measure("traded_count", traded_count_);
    return absl::OkStatus();
  }

  void Check(const ScenarioContext&, ViolationList& out) const override {
    out.Append(found_);
    if (rounds_done_ == 0) out.AddUnreached("no round was completed");
    if (rounds_done_ != 0 && traded_count_ == 0) out.AddUnreached("no datum was taken");
  }

 private:
  absl::Status Begin(ChurnRound& round) {
    rt::RuntimeConfig config;
    config.check_every_stop_count = 16;
    round.runtime = rt::Runtime::Create(config);
    if (round.runtime == nullptr) return absl::ResourceExhaustedError("no runtime could be made");
    round.exchange = rt::Exchange::Create(*round.runtime);
    if (round.exchange == nullptr) {
      return absl::ResourceExhaustedError("no exchange could be made");
    }
    const uint64_t unused = NewInterpreter(round);
    if (rt::DestroyInterpreter(*round.runtime, unused, &unused_end_.balance) !=
        rt::InterpreterStatus::kOk) {
      return absl::AbortedError("an unused interpreter could not be destroyed");
    }
    round.places = std::vector<rt::Atomic<uint64_t>>(interpreters_);
    // relaxed: no other thread exists yet.
    for (auto& place : round.places) place.store(NewInterpreter(round), std::memory_order_relaxed);
    bool made = true;
    for (size_t i = 0; i < kQueueCount; ++i) {
      const rt::QueueConfig queue = {
          .capacity = i == 0 ? 0 : capacity_,
          .orphans = i == 1 ? rt::OrphanPolicy::kKeep : rt::OrphanPolicy::kDrop};
      made = made &&
             rt::CreateQueue(*round.exchange, queue, &round.queues[i]) == rt::ExchangeStatus::kOk;
    }
    made = made && rt::CreateChannel(*round.exchange, {.capacity = capacity_}, &round.channel) ==
                       rt::ExchangeStatus::kOk;
    return made ? absl::OkStatus() : absl::ResourceExhaustedError("no queue could be made");
  }

  static uint64_t NewInterpreter(ChurnRound& round) {
    rt::Interpreter* const interpreter = rt::Interpreter::Create(*round.runtime);
    return interpreter == nullptr ? 0 : interpreter->id();
  }

  absl::Status Work(ScenarioContext& context, ChurnRound& round, Tally& tally, Worker& worker) {
    for (int64_t step = 0; step < operations_; ++step) {
      if (step % 32 == 0 && context.ShouldStop()) break;
      rt::Atomic<uint64_t>& place = round.places[worker.prng.Below(interpreters_)];
      // (IC1) acquire load, synchronizes with the release store (IC2): who made the
      //       interpreter has asked for its id before we destroy it. A stale id is
      //       refused.
      const uint64_t id = place.load(std::memory_order_acquire);
      context.progress().Count(1);
      if (worker.prng.Chance(destroy_per_mille_, 1000)) {
        Destroy(round, tally, place, id);
        continue;
      }
      const rt::RunResult result = rt::RunIn(*round.runtime, id, [&](rt::ThreadState& thread) {
        Visit(round, tally, thread, worker.prng);
      });
      const bool refused = result.status == rt::InterpreterStatus::kNotFound ||
                           result.status == rt::InterpreterStatus::kBeingDestroyed;
      if (!result.ok() && !refused) {
        tally.found.Add("interpreters",
                        absl::StrCat("RunIn() of a living one: ", rt::TextOf(result.status)));
      }
    }
    return absl::OkStatus();
  }

  void Destroy(ChurnRound& round, Tally& tally, rt::Atomic<uint64_t>& place, uint64_t id) {
    Observation end;
    const rt::InterpreterStatus status = rt::DestroyInterpreter(*round.runtime, id, &end.balance);
    if (status == rt::InterpreterStatus::kOk) {
      ++tally.destroyed_count;
      Judge(end, tally.found);
      // (IC2) release store, synchronizes with the acquire load (IC1).
      place.store(NewInterpreter(round), std::memory_order_release);
    } else if (status == rt::InterpreterStatus::kFinalizing ||
               status == rt::InterpreterStatus::kShutDown) {
      tally.found.Add("interpreters", absl::StrCat("destroying one: ", rt::TextOf(status)));
    }
  }

  // An interpreter ends with nothing but its immortal objects.
  void Judge(Observation& end, ViolationList& found) const {
    if (end.balance.reference_total != unused_end_.balance.reference_total ||
        end.balance.queued_object_count != 0 || end.balance.delayed_free_count != 0 ||
        end.balance.thread_state_count != 0 || end.balance.qsbr_slot_count != 0) {
      found.Add("interpreters",
                absl::StrFormat("an interpreter ended with %d references, %d queued objects, %d "
                                "delayed frees, %d thread states and %d slots",
                                end.balance.reference_total, end.balance.queued_object_count,
                                end.balance.delayed_free_count, end.balance.thread_state_count,
                                end.balance.qsbr_slot_count));
    }
  }

  // One stay in an interpreter.
  void Visit(ChurnRound& round, Tally& tally, rt::ThreadState& thread, Prng& prng) {
    rt::Exchange& exchange = *round.exchange;
    const bool sends = prng.Chance(1, 2);
    const rt::ChannelEnd end = sends ? rt::ChannelEnd::kSend : rt::ChannelEnd::kReceive;
    const bool has_end =
        rt::OpenEnd(exchange, thread, round.channel, end) == rt::ExchangeStatus::kOk;
    for (int64_t i = 0; i < trades_; ++i) {
      const size_t index = prng.Below(kQueueCount + (has_end ? 1 : 0));
      const int64_t wait_ns = prng.Chance(1, 2) ? wait_ns_ : 0;
      const bool is_channel = index == kQueueCount;
      rt::CrossData data;
      rt::ExchangeStatus status = rt::ExchangeStatus::kOk;
      if (is_channel ? sends : prng.Chance(1, 2)) {
        data = MakeAny(round, thread, prng);
        if (!data) continue;
        status = is_channel ? rt::Send(exchange, thread, round.channel, data, wait_ns)
                            : rt::PutInQueue(exchange, thread, round.queues[index], data, wait_ns);
      } else {
        status = is_channel
                     ? rt::Receive(exchange, thread, round.channel, &data, wait_ns)
                     : rt::GetFromQueue(exchange, thread, round.queues[index], &data, wait_ns);
        if (status == rt::ExchangeStatus::kOk) ++tally.traded_count;
        if (status == rt::ExchangeStatus::kOk && !IsIntact(data, round)) {
          tally.found.Add("cross-interpreter data", "a payload does not read as it was made");
        }
      }
      if (status != rt::ExchangeStatus::kOk && status != rt::ExchangeStatus::kTimedOut &&
          !(is_channel && status == rt::ExchangeStatus::kClosed)) {
        tally.found.Add("cross-interpreter data",
                        absl::StrCat("a refusal that cannot be: ", rt::TextOf(status)));
      }
      if (!rt::SafePoint(thread)) return;
    }
    // Half of them are left to the end of the interpreter.
    if (has_end && prng.Chance(1, 2)) rt::CloseEnd(exchange, thread, round.channel, end);
  }

  // Ends everything and judges what is left over.
  void End(ChurnRound& round) {
    for (const uint64_t queue : round.queues) rt::DestroyQueue(*round.exchange, queue);
    rt::DestroyChannel(*round.exchange, round.channel);
    for (const auto& place : round.places) {
      Observation end;
      // relaxed: all threads have been joined.
      const rt::InterpreterStatus status = rt::DestroyInterpreter(
          *round.runtime, place.load(std::memory_order_relaxed), &end.balance);
      if (status != rt::InterpreterStatus::kOk) {
        found_.Add("interpreters", absl::StrCat("at the end: ", rt::TextOf(status)));
      } else {
        Judge(end, found_);
      }
    }
    round.exchange->CheckInvariantsWorldStopped();
    const rt::ExchangeReading left = round.exchange->Read();
    // relaxed, all: as above.
    const int64_t made = round.opaque_made_count.load(std::memory_order_relaxed);
    const int64_t released = round.opaque_released_count.load(std::memory_order_relaxed);
    const int64_t wrong = round.wrong_place_count.load(std::memory_order_relaxed);
    if (left.live_count != 0 || left.memory_count != 0 || left.waiter_count != 0 ||
        left.made_count != left.released_count() || left.live_bytes != 0) {
      found_.Add("cross-interpreter data",
                 absl::StrFormat("%d data, %d bytes, %d blocks, %d waiters are left of %d made",
                                 left.live_count, left.live_bytes, left.memory_count,
                                 left.waiter_count, left.made_count));
    }
    if (made != released || wrong != 0) {
      found_.Add("cross-interpreter data",
                 absl::StrFormat("%d opaque data were made, %d released, %d in a wrong place", made,
                                 released, wrong));
    }
  }

  const int threads_;
  const size_t interpreters_;
  const int64_t rounds_;
  const int64_t operations_;
  const int64_t trades_;
  const uint64_t destroy_per_mille_;
  const int64_t capacity_;
  const int64_t wait_ns_;
  Observation unused_end_;
  ViolationList found_;
  int64_t rounds_done_ = 0;
  int64_t destroyed_count_ = 0;
  int64_t traded_count_ = 0;
};

}  // namespace

extern const ScenarioDeclaration kInterpreterChurnDeclaration = {
    .name = "interpreter-churn",
    .summary =
        "Interpreters are created, run in and destroyed while others send them "
        "cross-interpreter data.",
    .stresses =
        "leases against destruction, release of data in origins that live, rest or "
        "are gone, the pending calls of an interpreter, ends of channels",
    .method =
        "Each of `rounds` rounds makes a runtime with `interpreters` interpreters, three "
        "queues and a channel, and starts `threads` threads. Each does `operations` steps: "
        "destroys an interpreter and makes another in its place, or runs in one, makes "
        "objects there, and puts and takes data of every kind, waiting for at most a "
        "moment. All choices are random.",
    .holds_if =
        "every payload reads as it was made, every interpreter ends exactly as an unused "
        "one does, no refusal is one that cannot be, each opaque datum was released once, "
        "and at the end no data are left",
    .exercises =
        "subinterpreters, leases, cross-interpreter data, queues, channels, pending calls, "
        "parked heap bundles",
    .parameters = kParameters,
    .rounds_parameter = "rounds",
    .create = &CreateScenario<InterpreterChurn>,
};

}  // namespace stressd::host
