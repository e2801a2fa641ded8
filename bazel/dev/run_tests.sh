#!/usr/bin/env bash
# Runs every test and closes with one line of totals. Called by ./dev test.
set -uo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ $# -eq 0 ]; then
  set -- //...
fi
bazel test --keep_going --test_summary=short "$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}

# Bazel prints "//label (cached) PASSED in 0.1s" per test.
passed=$(grep -cE '^//[^ ]+ .*PASSED in ' "$log")
failed=$(grep -cE '^//[^ ]+ +(FAILED|TIMEOUT|NO STATUS)' "$log")
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || failed=1
printf '\n%d passed, %d failed\n' "$passed" "$failed"
exit "$status"
