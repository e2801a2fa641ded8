#!/usr/bin/env bash
# The main job in a minute: a daemon of its own, three scenarios in three flavors,
# one canary, tables, a clean end. Called by ./dev demo.
# usage: demo.sh STRESSD STRESSCTL
set -euo pipefail

stressd=$(realpath "$1")
stressctl=$(realpath "$2")
state=$(mktemp -d "${TMPDIR:-/tmp}/stressd-demo.XXXXXX")
export STRESSD_ADDRESS="unix:$state/stressd.sock"
daemon=

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

finish() {
  local status=$?
  if [ -n "$daemon" ] && kill -0 "$daemon" 2>/dev/null; then
    kill -TERM "$daemon"
    wait "$daemon" || status=$?
  fi
  if [ "$status" -ne 0 ] && [ -f "$state/stressd.log" ]; then
    printf '\nThe daemon said:\n' >&2
    tail -n 40 "$state/stressd.log" >&2
  fi
  rm -rf "$state"
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

say "Starting stressd on $STRESSD_ADDRESS"
"$stressd" --state-dir="$state" --listen="$STRESSD_ADDRESS" >"$state/stressd.log" 2>&1 &
daemon=$!
"$stressctl" status --wait=30s

for scenario in thread-churn fork-storm foreign-finalize; do
  say "stressctl run $scenario --flavor=plain,asan,tsan"
  "$stressctl" run "$scenario" --flavor=plain,asan,tsan --seed=7
done

say "A canary: canary-leak loses a reference on purpose and must be caught"
status=0
"$stressctl" run canary-leak --flavor=plain --seed=7 || status=$?
if [ "$status" -ne 1 ]; then
  printf 'demo: the canary was not caught (stressctl exit %d, expected 1)\n' "$status" >&2
  exit 1
fi

say "What the daemon remembers"
"$stressctl" runs list
"$stressctl" findings list

say "Counters and reference totals of the resident hosts"
"$stressctl" run thread-churn --flavor=plain,asan,tsan --host=resident --seed=8
"$stressctl" references
"$stressctl" status

say "Stopping"
kill -TERM "$daemon"
wait "$daemon"
daemon=
say "Done: three scenarios passed in three flavors, the canary was caught, nothing is left behind."
