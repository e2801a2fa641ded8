#!/usr/bin/env python3
"""The controlled engine finds planted bugs in the kernels, and accuses no clean one.

    kernels_test.py STRESS_EXPLORE CLEAN_KERNELS MUTANT_FOLDER PATCH...

Each PATCH names its kernel. Clean kernels are tried in CLEAN_SCHEDULES schedules
each. What is found depends on the seed alone, not on the machine. All interleaving
bugs, with what they cost, are the business of kernels_card.py.
"""

import os
import subprocess
import sys

import plant

SCHEDULES = 1500
CLEAN_SCHEDULES = 40
# Of stress-explore: 0 nothing found, 1 a finding, anything else could not run.
NOTHING, FOUND = 0, 1
# What each canary must be found as.
CANARIES = {"canary-dead-block": "use-after-free", "canary-lost-update": "crashed: SIGABRT"}


def explore(stress_explore, program, kernel, schedules, model="sc"):
    """Explores one kernel. Returns the exit status and what was said."""
    done = subprocess.run(
        [stress_explore, "--first", f"--schedules={schedules}", "--seed=1", "--timeout=60",
         f"--model={model}", "--", program, kernel], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main():
    stress_explore, clean, folder, patches = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    failures = []
    if not patches:
        failures.append("no mutant at all")
    for patch in patches:
        header = plant.header_of(patch)
        program = os.path.join(folder, header["id"] + "_explore")
        status, said = explore(stress_explore, program, header["kernel"], SCHEDULES,
                               header.get("model", "sc"))
        print(f"{header['id']:34} {header['kernel']:18} {said.splitlines()[0] if said else ''}")
        if status != FOUND:
            failures.append(f"{header['id']}: {header['kernel']} ended with {status}:\n{said}")
    listed = subprocess.run([clean], capture_output=True, text=True, check=True).stdout
    for kernel in (line.split()[0] for line in listed.splitlines()):
        status, said = explore(stress_explore, clean, kernel, CLEAN_SCHEDULES)
        print(f"{'clean':34} {kernel:18} {said.splitlines()[0] if said else ''}")
        if kernel in CANARIES:
            if status != FOUND or f"FOUND {CANARIES[kernel]}" not in said:
                failures.append(f"{kernel} was not seen for what it is:\n{said}")
        elif status != NOTHING:
            failures.append(f"the clean core in {kernel}: ended with {status}:\n{said}")
    for failure in failures:
        print(failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
