#!/usr/bin/env python3
"""Measures how plans change the time to find mutants, as a markdown table.

    compare_plans.py FOLDER MUTANT,... PLAN... [--hits=4] [--seconds=10]

FOLDER holds the hosts of the mutants, as bazel-bin/mutants does. Each mutant runs in its
declared configuration with the seeds 1, 2, ... until it was found --hits times or
--seconds of CPU time are spent. A cell: hits of runs, CPU-seconds per hit.
"""

import argparse
import glob
import os

import host_run
import plant

DEADLINE_S = 40


def measure(folder, header, plan, flags):
    """Returns the text of one cell."""
    hits = runs = 0
    cpu_s = wall_s = 0.0
    while hits < flags.hits and cpu_s < flags.seconds and wall_s < 4 * flags.seconds:
        runs += 1
        outcome = host_run.run_host(os.path.join(folder, header["id"] + "_plain"),
                                    header["scenario"], header.get("params", "").split(), runs,
                                    DEADLINE_S, plan)
        cpu_s += outcome.cpu_s
        wall_s += outcome.wall_s
        hits += outcome.is_detection
    return f"{hits} of {runs}, " + (f"{cpu_s / hits:.2f} s" if hits else f"> {cpu_s:.0f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("mutants")
    parser.add_argument("plans", nargs="+")
    parser.add_argument("--hits", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=10)
    flags = parser.parse_args()
    print("| mutant | " + " | ".join(f"`{plan}`" for plan in flags.plans) + " |")
    print("| --- |" + " --- |" * len(flags.plans))
    for name in flags.mutants.split(","):
        patches = glob.glob(f"mutants/{name}*.patch") + glob.glob(f"mutants/fast/{name}*.patch")
        header = plant.header_of(patches[0])
        cells = [measure(flags.folder, header, plan, flags) for plan in flags.plans]
        print(f"| `{header['id']}` | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
