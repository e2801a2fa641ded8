#!/usr/bin/env python3
"""The fast mutants are found in the plain flavor, and the clean core is not accused.

    fast_test.py CLEAN_HOST HOST_FOLDER PATCH...

Each mutant runs in its declared configuration; the clean host in all of them. A
mutant that stays silent gets the next seed, ATTEMPTS times.
"""

import os
import sys

import host_run
import plant
import scorecard

# A mutant is fast if it shows in one run; three make a chance of 1 in 10 one in 1000.
ATTEMPTS = 3


def main():
    clean, folder, patches = sys.argv[1], sys.argv[2], sys.argv[3:]
    failures = []
    cleared = set()
    for patch in patches:
        header = plant.header_of(patch)
        params = scorecard.params_of(header)
        for seed in range(1, ATTEMPTS + 1):
            outcome = host_run.run_host(os.path.join(folder, header["id"] + "_plain"),
                                        header["scenario"], params, seed, 60,
                                        header.get("plan", ""))
            if outcome.is_detection:
                break
        print(f"{header['id']:34} {outcome.verdict:10} {outcome.oracle:22} seed {seed} "
              f"{outcome.wall_s:.2f}s {outcome.detail[:90]}")
        if not outcome.is_detection:
            failures.append(f"{header['id']}: not found: {outcome.verdict} {outcome.detail}")
        configuration = (header["scenario"], tuple(params), header.get("plan", ""))
        if configuration in cleared:
            continue
        cleared.add(configuration)
        outcome = host_run.run_host(clean, header["scenario"], params, 1, 60,
                                    header.get("plan", ""))
        print(f"{'clean: ' + header['scenario']:34} {outcome.verdict:10} {outcome.wall_s:.2f}s")
        if outcome.verdict != "PASSED":
            failures.append(f"the clean core in {header['scenario']}: {outcome.verdict} "
                            f"{outcome.oracle} {outcome.detail}")
    if not patches:
        failures.append("no fast mutant at all")
    for failure in failures:
        print(failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
