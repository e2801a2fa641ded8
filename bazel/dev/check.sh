#!/usr/bin/env bash
# Format, clang-tidy, style rules, buildifier, proto lint. Called by ./dev check.
# usage: check.sh [--fix] [--no-tidy]
set -uo pipefail

fix=0 tidy=1
for argument in "$@"; do
  case $argument in
    --fix) fix=1 ;;
    --no-tidy) tidy=0 ;;
    *)
      printf 'dev check: unknown argument %s; known are --fix and --no-tidy\n' "$argument" >&2
      exit 2
      ;;
  esac
done

failed=()
step() {
  printf '\033[1m%s\033[0m\n' "$1" >&2
  shift
  "$@" || failed+=("$*")
}

sources() { git ls-files -co --exclude-standard -- '*.h' '*.cc' '*.c'; }

format() {
  if [ "$fix" -eq 1 ]; then
    sources | xargs -r clang-format-19 -i
  else
    sources | xargs -r clang-format-19 --dry-run --Werror
  fi
}

style() {
  python3 bazel/dev/style_check.py --self-test && python3 bazel/dev/style_check.py
}

run_tidy() {
  # Generated headers must exist before clang-tidy reads the sources.
  bazel build --build_tag_filters=-manual //stressd/... //client/... //runtime/... >/dev/null 2>&1
  python3 bazel/dev/compile_commands.py &&
    sources | grep -E '^(runtime|stressd|client)/.*\.cc$' |
    xargs -r -n 4 -P 2 clang-tidy-19 -p . --quiet 2>/dev/null
}

lint_tools() {
  if ! command -v npm >/dev/null; then
    printf 'skipped: buildifier and buf come from npm, and npm is not installed here\n' >&2
    return 1
  fi
  npm --prefix bazel/dev install --no-audit --no-fund --silent --no-package-lock
}

build_files() {
  local mode=check
  [ "$fix" -eq 0 ] || mode=fix
  git ls-files -co --exclude-standard -- '*.bzl' '*.bazel' '*.BUILD' WORKSPACE |
    xargs -r bazel/dev/node_modules/.bin/buildifier -lint=off -mode="$mode"
}

proto_lint() {
  bazel/dev/node_modules/.bin/buf lint --config bazel/dev/buf.yaml
}

step 'clang-format' format
step 'style rules' style
if lint_tools; then
  step 'buildifier' build_files
  step 'proto lint' proto_lint
fi
[ "$tidy" -eq 0 ] || step 'clang-tidy and compile_commands.json' run_tidy

if [ "${#failed[@]}" -gt 0 ]; then
  printf 'dev check: failed: %s\n' "${failed[*]}" >&2
  exit 1
fi
printf 'dev check: clean\n' >&2
