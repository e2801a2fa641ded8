#!/usr/bin/env bash
# Milliseconds from CreateRun to a run's first operation in fresh hosts, by
# flavor: median and range of 20 runs. Called by ./dev bench.
# usage: start_latency.sh STRESSD STRESSCTL
set -euo pipefail

stressd=$(realpath "$1")
stressctl=$(realpath "$2")
state=$(mktemp -d "${TMPDIR:-/tmp}/stressd-bench.XXXXXX")
export STRESSD_ADDRESS="unix:$state/stressd.sock"
"$stressd" --state-dir="$state" --listen="$STRESSD_ADDRESS" >"$state/stressd.log" 2>&1 &
daemon=$!
trap 'kill -TERM "$daemon" 2>/dev/null; wait "$daemon" || true; rm -rf "$state"' EXIT
"$stressctl" status --wait=30s >/dev/null

printf '\n\033[1mms from CreateRun to the first operation, fresh hosts, 20 runs each\033[0m\n'
printf '%-8s %8s %8s %8s\n' flavor min median max
for flavor in plain asan tsan bench; do
  # The first run also starts the fork server; it is not counted.
  "$stressctl" run thread-churn --preset=smoke --flavor="$flavor" --seed=1 -q >/dev/null
  "$stressctl" -o ndjson run thread-churn --preset=smoke --flavor="$flavor" --seed=2 --repeat=20 |
    python3 -c '
import json, statistics, sys
ms = [float(json.loads(line)["result"]["startLatency"].rstrip("s")) * 1e3 for line in sys.stdin]
print("%-8s %8.2f %8.2f %8.2f" % (sys.argv[1], min(ms), statistics.median(ms), max(ms)))
' "$flavor"
done
