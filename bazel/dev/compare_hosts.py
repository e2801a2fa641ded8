#!/usr/bin/env python3
"""Compares the speed of two hosts by runs in turns.

    compare_hosts.py HOST HOST PAIRS [ARGUMENT...]

Runs `mixed` with its defaults, pair by pair with the next seed, who goes first changing
each time. Prints the median and the quartiles of the ratio second / first of operations
per second and per CPU-second. Other work on the machine hits both alike, but for the
noise: ask for many pairs.
"""

import os
import re
import statistics
import subprocess
import sys

OPERATIONS = re.compile(r"operations=(\d+)")
RUN_MS = re.compile(r" run=([\d.]+)ms")


def speeds(binary, seed, arguments):
    """Returns operations per second and per CPU-second of one run."""
    process = subprocess.Popen([binary, "--scenario=mixed", f"--seed={seed}", *arguments],
                               stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status != 0:
        sys.exit(f"{binary}, seed {seed}: {text}")
    operations = int(OPERATIONS.search(text)[1])
    seconds = float(RUN_MS.search(text)[1]) / 1000
    return operations / seconds, operations / (usage.ru_utime + usage.ru_stime)


def main():
    first, second, pair_count, arguments = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
    ratios = []
    for pair in range(pair_count):
        order = [first, second] if pair % 2 == 0 else [second, first]
        measured = {binary: speeds(binary, pair + 1, arguments) for binary in order}
        ratios.append([b / a for a, b in zip(measured[first], measured[second])])
    for name, column in zip(("per second", "per CPU-second"), zip(*ratios)):
        low, middle, high = statistics.quantiles(column, n=4)
        print(f"operations {name}: ratio {middle:.3f} [{low:.3f}, {high:.3f}]")


if __name__ == "__main__":
    main()
