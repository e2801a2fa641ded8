#!/usr/bin/env bash
# ns per operation of the runtime core in the bench and plain flavors, then the
# time from CreateRun to the first operation in fresh mode. Called by ./dev bench.
# usage: bench.sh [--rounds=N] [google-benchmark flag...]
set -euo pipefail

bazel build //runtime/bench:runtime_bench //stressd //client:stressctl
for flavor in bench plain; do
  printf '\n\033[1mruntime core, flavor %s\033[0m\n' "$flavor"
  "bazel-bin/runtime/bench/runtime_bench_$flavor" "$@"
done
bazel/dev/start_latency.sh bazel-bin/stressd/stressd bazel-bin/client/stressctl
