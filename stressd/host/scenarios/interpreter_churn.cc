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

#include <cstdint>
#include <vector>

#include "stressd/host/scenario/load_scale.h"
#include "stressd/host/scenario/round_loop.h"
#include "stressd/host/scenario/scenario.h"
#include "stressd/host/scenarios/data_trade.h"

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

class InterpreterChurn final : public Scenario {
 public:
  explicit InterpreterChurn(const Parameters& parameters)
      : threads_(static_cast<int>(parameters.GetInt("threads"))),
        rounds_(ScaledLoad(parameters.GetInt("rounds"))),
        operations_(parameters.GetInt("operations")),
        shape_{.interpreter_count = static_cast<size_t>(parameters.GetInt("interpreters")),
               .trades = parameters.GetInt("trades"),
               .destroy_per_mille = static_cast<uint64_t>(parameters.GetInt("destroy_per_mille")),
               .capacity = parameters.GetInt("capacity"),
               .wait_ns = parameters.GetInt("wait_us") * 1000} {}

  absl::Status SetUp(ScenarioContext&) override { return absl::OkStatus(); }

  absl::Status Run(ScenarioContext& context) override {
    RoundLoop loop(context, context.prng(), rounds_);
    while (loop.Next()) {
      DataTrade trade(shape_);
      absl::Status status = trade.Begin();
      std::vector<DataTrade::Tally> tallies(static_cast<size_t>(threads_));
      if (status.ok()) {
        status = context.RunWorkers(threads_, [&](Worker& worker) {
          return Work(context, trade, tallies[static_cast<size_t>(worker.index)], worker);
        });
      }
      trade.End(found_);
      for (const DataTrade::Tally& tally : tallies) {
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
  absl::Status Work(ScenarioContext& context, DataTrade& trade, DataTrade::Tally& tally,
                    Worker& worker) {
    for (int64_t step = 0; step < operations_; ++step) {
      if (step % 32 == 0 && context.ShouldStop()) break;
      trade.Step(tally, worker.prng);
      context.progress().Count(1);
    }
    return absl::OkStatus();
  }

  const int threads_;
  const int64_t rounds_;
  const int64_t operations_;
  const DataTrade::Shape shape_;
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
