#!/usr/bin/env python3
"""Plants bugs: applies patches to copies of sources and says what to compile.

    plant.py --sources LIST --out FOLDER PATCH

LIST names the sources of a host, one per line: the path in the workspace, a tab,
where the file is. FOLDER gets the patched files, under their own paths, and
`units/`: the translation units to compile with FOLDER first among the quote
includes. What the patch does not reach is not compiled again: a clean host's
objects are linked behind.

Model. A patch reaches the files it names and whatever includes one of those,
directly or not. All reached files of the core make one unit, because they can share
one (each name in an anonymous namespace of the core is unique); a reached file of
the host is a unit of its own, because scenarios reuse names.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
TOUCHED = re.compile(r"^\+\+\+ b/(\S+)", re.MULTILINE)
HEADER_FIELDS = ("id", "title", "reference", "mechanism", "system", "kind", "scenario", "flavor",
                 "expect")
OPTIONAL_FIELDS = ("params", "plan", "why", "kernel", "model", "unexplored")
# Interleaving: no program shows it of whose threads only one at a time is attached.
KINDS = ("interleaving", "sequential")
MODELS = ("sc", "tso", "pso")  # Of the controlled engine.
SYSTEMS = (
    "per-thread counts", "freelists", "reference totals", "delayed free", "qsbr", "collection",
    "subinterpreters", "biased reference counting", "heaps", "thread state", "substrate",
)


class PatchError(Exception):
    """A patch that cannot be used."""


def read(path):
    """Returns the text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def header_of(patch):
    """Returns the header lines of a patch, `name: value`, as a dictionary."""
    fields = {}
    last = None
    for line in read(patch).splitlines():
        if line.startswith("---"):
            break
        if line.startswith("  ") and last is not None:
            fields[last] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        if not colon:
            raise PatchError(f"{patch}: '{line}' is no header line")
        last = name
        fields[last] = value.strip()
    for name in HEADER_FIELDS:
        if not fields.get(name):
            raise PatchError(f"{patch}: no '{name}'")
    for name in fields:
        if name not in HEADER_FIELDS + OPTIONAL_FIELDS:
            raise PatchError(f"{patch}: unknown header line '{name}'")
    stem = os.path.basename(patch).removesuffix(".patch")
    if fields["id"] != stem:
        raise PatchError(f"{patch}: its id is '{fields['id']}'")
    if fields["system"] not in SYSTEMS:
        raise PatchError(f"{patch}: the system '{fields['system']}' is none of {SYSTEMS}")
    if fields["kind"] not in KINDS:
        raise PatchError(f"{patch}: the kind '{fields['kind']}' is none of {KINDS}")
    if fields.get("model", "sc") not in MODELS:
        raise PatchError(f"{patch}: the model '{fields['model']}' is none of {MODELS}")
    if fields["kind"] == "interleaving" and not ("kernel" in fields or "unexplored" in fields):
        raise PatchError(f"{patch}: an interleaving bug names its kernel, or says under "
                         f"'unexplored' why there is none")
    return fields


def touched_by(patch):
    """Returns the paths that a patch changes."""
    touched = TOUCHED.findall(read(patch))
    if not touched:
        raise PatchError(f"{patch}: changes nothing")
    for path in touched:
        if not path.startswith("runtime/"):
            raise PatchError(f"{patch}: {path} is not in the runtime core")
    return touched


def apply(patch, sources, folder):
    """Copies what a patch changes to `folder` and applies the patch there."""
    for path in touched_by(patch):
        if path not in sources:
            raise PatchError(f"{patch}: {path} is no source of the host")
        target = os.path.join(folder, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target):
            shutil.copyfile(sources[path], target)
            os.chmod(target, 0o644)
    done = subprocess.run(
        ["patch", "--strip=1", "--fuzz=0", "--silent", "--no-backup-if-mismatch",
         "--directory", folder, "--input", os.path.abspath(patch)],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PatchError(f"{patch}: does not apply: {done.stdout}{done.stderr}")


def reached_from(touched, sources):
    """Returns `touched` and every source that includes one of them, sorted."""
    included_by = {}
    for path, place in sources.items():
        for name in INCLUDE.findall(read(place)):
            included_by.setdefault(name, []).append(path)
    reached = set()
    left = list(touched)
    while left:
        path = left.pop()
        if path in reached:
            continue
        reached.add(path)
        left += included_by.get(path, [])
    return sorted(reached)


def write_units(reached, folder):
    """Writes the translation units. Returns their paths."""
    core = [path for path in reached if path.endswith(".cc") and path.startswith("runtime/")]
    units = [core] if core else []
    units += [[path] for path in reached if path.endswith((".c", ".cc")) and path not in core]
    os.makedirs(os.path.join(folder, "units"), exist_ok=True)
    written = []
    for number, paths in enumerate(units):
        suffix = os.path.splitext(paths[0])[1]
        unit = os.path.join(folder, "units", f"{number}{suffix}")
        with open(unit, "w", encoding="utf-8") as file:
            file.writelines(f'#include "{path}"\n' for path in paths)
        written.append(unit)
    return written


def read_sources(path):
    """Returns where each source of the list is, by its path in the workspace."""
    pairs = (line.split("\t") for line in read(path).splitlines() if line)
    return {name: place for name, place in pairs
            if name.startswith(("runtime/", "stressd/")) and name.endswith((".c", ".cc", ".h"))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sources", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("patch")
    flags = parser.parse_args()
    sources = read_sources(flags.sources)
    try:
        header_of(flags.patch)
        apply(flags.patch, sources, flags.out)
    except PatchError as error:
        sys.exit(str(error))
    if not write_units(reached_from(touched_by(flags.patch), sources), flags.out):
        sys.exit(f"{flags.patch}: reaches nothing that is compiled")


if __name__ == "__main__":
    main()
