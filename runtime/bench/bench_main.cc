// What the runtime core's operations cost.
//   bazel run //runtime/bench:runtime_bench_bench -- --benchmark_filter=...
//   (runtime_bench_plain: the same with checks and totals on)

#include "benchmark/benchmark.h"
#include "runtime/bench/ratio_reporter.h"

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  rt::RatioReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  return 0;
}
