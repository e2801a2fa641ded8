// What the runtime core's operations cost, each beside its floor.
//   bazel run //runtime/bench:runtime_bench_bench -- --benchmark_filter=pair --rounds=5
//   (runtime_bench_plain: the same with checks and totals on)
// --benchmark_filter picks rows by a part of the operation's name; other flags
// go to Google Benchmark.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "runtime/bench/ratio_table.h"
#include "runtime/bench/state_bench.h"

namespace rt {
namespace {

// Operation, floor, goal for the ratio. Goals are for the flavor `bench`.
constexpr RatioRow kRows[] = {
    {"owned_pair", "plain_pair", 3},
    {"owned_pair", "plain_words"},
    {"owned_pair", "atomic_pair", 0.33},
    {"foreign_pair", "atomic_pair", 1.15},
    {"type_pair", "owned_pair", 1.2},
    {"type_pair_2_threads", "type_pair", 1.2},
    {"immortal_pair", "plain_pair"},
    {"owned_pair_2_threads", "owned_pair_1_thread", 1.1},
    {"number_create_destroy", "lifo_pair", 2},
    {"list_create_destroy", "lifo_pair"},
    {"instance_create_destroy", "mimalloc_pair", 2.5},
    {"heap_pair", "mimalloc_pair", 1.1},
    {"delayed_free", "mimalloc_pair", 1.6},
    {"delayed_free_2_threads", "delayed_free", 1.2},
    {"delayed_free", "ck_retire"},
    {"qsbr_checkpoint", "load_store", 1.3},
    {"qsbr_checkpoint", "urcu_qsbr"},
    {"qsbr_checkpoint_2_threads", "qsbr_checkpoint", 1.1},
    {"safe_point", "load_store"},
    {"detach_attach", "two_exchanges", 1.5},
    {"thread_state_life", "mutex_list_calloc", 30},
    {"thread_state_life_beside_200_parked", "thread_state_life", 1.2},
    {"thread_attach_exit", "pthread_life", 1.15},
    {"stop_start_alone", "two_locks"},
    {"stop_start_8_idle", "two_locks"},
    {"stop_start_1_running_8_idle", "futex_round_trip", 0.5},
    {"collect_lists", "array_sweep", 8},
    {"collect_linked", "array_sweep", 8},
    {"collect_garbage", "1_microsecond", 0.7 * 0.082},  // Of what CPython 3.14t takes.
    {"fork_repair", "minor_page_fault", 5},
    {"fork_repair_per_idle", "1_microsecond", 2},
};

constexpr double kIdleBytesGoal = 6 * 1024;

// Takes `--rounds=N` from the arguments. Returns N.
int TakeRounds(int* argc, char** argv) {
  constexpr char kFlag[] = "--rounds=";
  for (int i = 1; i < *argc; ++i) {
    if (strncmp(argv[i], kFlag, sizeof(kFlag) - 1) != 0) continue;
    const int count = atoi(argv[i] + sizeof(kFlag) - 1);
    for (int rest = i; rest + 1 < *argc; ++rest) argv[rest] = argv[rest + 1];
    --*argc;
    return count > 0 ? count : 1;
  }
  return 11;  // Enough for a median that one disturbed round does not move.
}

int Main(int argc, char** argv) {
  const int round_count = TakeRounds(&argc, argv);
  // Before the caller's, so that theirs win.
  std::string min_time = "--benchmark_min_time=0.01";
  std::vector<char*> arguments = {argv[0], min_time.data()};
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  int argument_count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&argument_count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(argument_count, arguments.data())) return 2;
  MeasureRatios(kRows, round_count, benchmark::GetBenchmarkFilter());
  const double idle_bytes = BytesPerIdleThreadState();
  printf("%-28s %10.0f   bytes%44.0f  %s\n", "idle_thread_state", idle_bytes, kIdleBytesGoal,
         idle_bytes <= kIdleBytesGoal ? "yes" : "NO");
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace rt

int main(int argc, char** argv) { return rt::Main(argc, argv); }
