#!/usr/bin/env python3
"""Every patch has its header and a kernel that exists, applies to the core, and compiles.

    patches_test.py PATCH...     in a folder that holds the sources of the host

Patches are compiled together where they apply together, so that a hundred of them
cost a few looks at the core and not a hundred. When such a group does not compile,
each patch of it is tried alone, and the failure names it.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

import plant

# Each costs a compilation to tell.
FAILURE_LIMIT = 5
# Where the kernels have their names.
KERNELS = "stressd/explore/kernels/main.cc"
KERNEL = re.compile(r'^    \{"([a-z-]+)",', re.MULTILINE)
FLAGS = ["-fsyntax-only", "-w", "-I../mimalloc", "-I../mimalloc/include"]


def sources():
    """Returns where the sources are, by their paths."""
    found = {}
    for folder in ("runtime", "stressd"):
        for suffix in ("c", "cc", "h"):
            for path in glob.glob(f"{folder}/**/*.{suffix}", recursive=True):
                found[path] = path
    return found


def try_together(patches, known):
    """Applies as many of `patches` as go together. Returns those, the rest, the folder."""
    folder = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
    together, rest = [], []
    for patch in patches:
        places = {path: os.path.join(folder, path) for path in plant.touched_by(patch)}
        before = {path: plant.read(place) for path, place in places.items()
                  if os.path.exists(place)}
        try:
            plant.apply(patch, known, folder)
            together.append(patch)
        except plant.PatchError as error:
            if not together:
                raise
            for path, place in places.items():
                if path in before:
                    with open(place, "w", encoding="utf-8") as file:
                        file.write(before[path])
                elif os.path.exists(place):
                    os.remove(place)
            rest.append(patch)
            del error
    return together, rest, folder


def compile_errors(patches, folder):
    """Compiles what `patches` touch. Returns what the compiler complains of."""
    touched = sorted({path for patch in patches for path in plant.touched_by(patch)})
    complaints = ""
    for suffixes, language in (((".cc", ".h"), ["c++", "-std=c++20"]), ((".c",), ["c", "-std=gnu11"])):
        paths = [path for path in touched if path.endswith(suffixes)]
        if not paths:
            continue
        unit = "".join(f'#include "{path}"\n' for path in paths)
        done = subprocess.run(
            ["clang-19", "-x", language[0], language[1], "-iquote", folder, "-iquote", ".", *FLAGS, "-"],
            input=unit, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            complaints += done.stderr
    return complaints


def main():
    patches = sys.argv[1:]
    known = sources()
    kernels = set(KERNEL.findall(plant.read(KERNELS)))
    failures = []
    good = []
    for patch in patches:
        try:
            kernel = plant.header_of(patch).get("kernel")
            if kernel is not None and kernel not in kernels:
                raise plant.PatchError(f"{patch}: there is no kernel '{kernel}'")
            with tempfile.TemporaryDirectory() as alone:
                plant.apply(patch, known, alone)
            good.append(patch)
        except plant.PatchError as error:
            failures.append(str(error))
    left = good
    group_count = 0
    while left and len(failures) < FAILURE_LIMIT:
        together, left, folder = try_together(left, known)
        group_count += 1
        if not compile_errors(together, folder):
            continue
        for patch in together:
            with tempfile.TemporaryDirectory() as alone:
                plant.apply(patch, known, alone)
                complaints = compile_errors([patch], alone)
            if complaints:
                failures.append(f"{patch}: does not compile:\n{complaints}")
                if len(failures) == FAILURE_LIMIT:
                    break
    print(f"{len(patches)} patches in {group_count} compilations")
    if len(patches) == 0:
        failures.append("no patch at all")
    for failure in failures:
        print(failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
