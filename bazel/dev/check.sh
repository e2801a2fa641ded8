#!/usr/bin/env bash
# Format, clang-tidy, style rules, buildifier, proto lint. Called by ./dev check.
# usage: check.sh [--fix] [--no-tidy | --tidy-all]
#
# clang-tidy needs half a minute for a file: without --tidy-all it reads those
# that differ from the last commit but one, that is, what is being worked on.
set -uo pipefail

fix=0 tidy=1 tidy_all=0
for argument in "$@"; do
  case $argument in
    --fix) fix=1 ;;
    --no-tidy) tidy=0 ;;
    --tidy-all) tidy_all=1 ;;
    *)
      printf 'dev check: unknown argument %s; known are --fix, --no-tidy, --tidy-all\n' "$argument" >&2
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

tidy_files() {
  if [ "$tidy_all" -eq 1 ]; then
    sources
  else
    git diff --name-only --diff-filter=d HEAD~1
    git ls-files -o --exclude-standard
  fi | sort -u | grep -E '^(runtime|stressd|client)/.*\.cc$'
}

run_tidy() {
  local files
  files=$(tidy_files)
  [ -n "$files" ] || return 0
  # Generated headers must exist before clang-tidy reads the sources.
  bazel query 'attr(name, "_cc_(proto|grpc)$", //proto/... + //stressd/...)' 2>/dev/null |
    xargs bazel build && python3 bazel/dev/compile_commands.py || return 1
  # stderr counts what was found in headers of others.
  xargs -r -n 1 -P "$(nproc)" clang-tidy-19 -p . --quiet 2>/dev/null <<<"$files"
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
