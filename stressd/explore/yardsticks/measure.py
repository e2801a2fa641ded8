#!/usr/bin/env python3
"""Measures the six yardsticks: base seeds that find each within its bound.

  measure.py STRESS_EXPLORE FOLDER [--base-seeds 100] [--negatives 100000]

FOLDER holds the yardstick programs. For each: how many base seeds found it
within the bound, the median and largest number of schedules, 1,000 replays of
one finding, the preemptions left after minimization, and, with --negatives, the
findings of the correct version in that many schedules.
"""

import argparse
import json
import pathlib
import statistics
import subprocess

YARDSTICKS = {  # name: (bound, model)
    "r1_refcount": (2000, "sc"),
    "r2_order": (2000, "sc"),
    "r3_abba": (2000, "sc"),
    "r4_qsbr": (2000, "sc"),
    "r5_aba": (20000, "sc"),
    "r6_store_buffering": (2000, "tso"),
}


def run(tool, program, *flags):
    done = subprocess.run([tool, "--json", *flags, "--", str(program)], capture_output=True,
                          text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{program}: {done.stderr}")
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tool")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--base-seeds", type=int, default=100)
    parser.add_argument("--negatives", type=int, default=0)
    options = parser.parse_args()
    for name, (bound, model) in YARDSTICKS.items():
        program = options.folder / name
        firsts = []
        for seed in range(1, options.base_seeds + 1):
            found = run(options.tool, program, "--first", "--explain=0", f"--model={model}",
                        f"--schedules={bound}", f"--seed={seed}")
            if found["failed"]:
                firsts.append(found["first_index"] + 1)
        line = f"{name}: {len(firsts)} of {options.base_seeds} base seeds within {bound}"
        if firsts:
            line += f", median {statistics.median(firsts):.0f}, largest {max(firsts)} schedules"
            detail = run(options.tool, program, "--first", "--explain=1", "--repeat=1000",
                         f"--model={model}", f"--schedules={bound * 10}")["findings"][0]
            line += (f"; replayed {detail['replayed']} of {detail['replays']}, "
                     f"{detail['minimized_preemptions']} preemptions")
        if options.negatives:
            clean = run(options.tool, f"{program}_correct", f"--model={model}",
                        f"--schedules={options.negatives}")
            line += f"; correct: {clean['failed']} of {clean['schedules']}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
