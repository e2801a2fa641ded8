#!/usr/bin/env python3
"""Writes compile_commands.json from Bazel's action graph, for clangd and clang-tidy."""

import json
import pathlib
import subprocess
import sys


def output_base():
    """Returns the folder that holds the outside repositories."""
    return subprocess.run(["bazel", "info", "output_base"],
                          capture_output=True, text=True, check=True).stdout.strip()


def main():
    root = pathlib.Path.cwd()
    external = f"{output_base()}/external/"
    targets = sys.argv[1:] or ["//runtime/...", "//stressd/...", "//client/..."]
    query = "mnemonic('CppCompile', " + " + ".join(f"{t}" for t in targets) + ")"
    result = subprocess.run(["bazel", "aquery", "--output=jsonproto", "--keep_going",
                             "--include_artifacts=false", query],
                            capture_output=True, text=True, check=False)
    if not result.stdout:
        sys.stderr.write(result.stderr)
        return 1
    entries = {}
    for action in json.loads(result.stdout).get("actions", []):
        arguments = action["arguments"]
        if "-c" not in arguments:
            continue
        source = arguments[arguments.index("-c") + 1]
        # One entry a file: the plain flavor's where there is a choice.
        plain = not any("-fsanitize" in a or "-DNDEBUG" in a for a in arguments)
        if source.startswith(("bazel-out", "external")) or (source in entries and not plain):
            continue
        keep = [a for a in arguments if not a.startswith(("-MF", "-MD", "-frandom-seed"))
                and not a.endswith(".d")]
        # Bazel compiles in a folder that has `external`; the source tree has not.
        keep = [external + a.removeprefix("external/") if a.startswith("external/") else a
                for a in keep]
        entries[source] = {"directory": str(root), "file": source, "arguments": keep}
    pathlib.Path("compile_commands.json").write_text(
        json.dumps(sorted(entries.values(), key=lambda e: e["file"]), indent=1) + "\n")
    print(f"compile_commands.json: {len(entries)} files", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
