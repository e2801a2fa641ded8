#!/usr/bin/env python3
"""Measures which scenario finds which planted bug, how often and how fast.

    ./dev scorecard [--minutes N] [--only TEXT] [--state FILE] [--json FILE] [--page FILE]

Model. A cell is one mutant in one configuration: first its declared best one, then
the scenario `mixed` with its defaults. A cell repeats runs of a fresh host, each with
the next seed, until it has HITS detections or its time is up. The clean host runs
every configuration that was used, as long as its mutants took: what it reports would
be a false alarm. Finished cells stand in the state file, one line each; a cell whose
patch has not changed is not measured again.
A detection is any end but a pass: a violation, a broken invariant, a crash, a report
of a sanitizer, a hang. An inconclusive run and an error are none.
"""

import argparse
import concurrent.futures
import glob
import hashlib
import json
import math
import os
import shlex
import statistics
import subprocess
import sys
import time

import host_run
import kernels_card
import plant

HERE = "mutants"
# 3: the least for which a Wilson interval of pure hits excludes rates below 40 %.
HITS = 3
# A cell of a mutant that hangs waits much and computes little.
BEST_WALL_S = 240
# After which a run counts as hung; the longest clean run takes a tenth of it.
DEADLINE_S = {"plain": 40, "asan": 100, "tsan": 100}
MIXED = "mixed"


def params_of(header):
    """Returns the parameters of the declared configuration."""
    return header.get("params", "").split()


def wilson(hits, runs):
    """Returns the 95 % Wilson interval of a rate."""
    if runs == 0:
        return 0.0, 1.0
    z = 1.959964
    rate = hits / runs
    middle = rate + z * z / (2 * runs)
    spread = z * math.sqrt(rate * (1 - rate) / runs + z * z / (4 * runs * runs))
    scale = 1 + z * z / runs
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


class Cell:
    """One mutant, or the clean core, in one configuration."""

    def __init__(self, mutant, kind, header, digest, cpu_s, wall_s, plan=""):
        self.mutant = mutant
        self.kind = kind
        self.scenario = header["scenario"] if kind != MIXED else MIXED
        self.params = params_of(header) if kind != MIXED else []
        self.flavor = header["flavor"]
        # What was asked for, else what the declared configuration names.
        self.plan = plan or (header.get("plan", "") if kind != MIXED else "")
        self.digest = digest
        self.cpu_s = cpu_s
        self.wall_s = wall_s
        self.wanted_hits = HITS

    @property
    def key(self):
        """Tells cells apart in the state file."""
        return " ".join([self.mutant, self.kind, self.scenario, *self.params, self.flavor,
                         *self.plan_texts, self.digest])

    @property
    def plan_texts(self):
        """The plan as a part of a line, if there is one."""
        return [f"plan={self.plan}"] if self.plan else []

    @property
    def limit_s(self):
        """For how long nothing found means not found."""
        return self.wall_s if self.kind == MIXED else self.cpu_s

    def is_settled(self, state):
        """Whether a former record answers what this cell asks."""
        record = state.get(self.key)
        return record is not None and (record["found"] or record["limit_s"] >= self.limit_s)

    @property
    def configuration(self):
        """What the clean host has to run as well."""
        return self.scenario, tuple(self.params), self.flavor, self.plan

    def measure(self, binary, end):
        """Runs the cell. Returns its record, or None when the time was up before."""
        outcomes = []
        tries = []  # Of each hit: CPU seconds, wall seconds, operations since the last one.
        spent = [0.0, 0.0, 0]
        cpu_s = wall_s = 0.0
        seed = 0
        while len(tries) < self.wanted_hits and cpu_s < self.cpu_s and wall_s < self.wall_s:
            if time.monotonic() > end:
                if not outcomes:
                    return None
                break
            seed += 1
            outcome = host_run.run_host(binary, self.scenario, self.params, seed,
                                        DEADLINE_S[self.flavor], self.plan)
            outcomes.append(outcome)
            cpu_s += outcome.cpu_s
            wall_s += outcome.wall_s
            spent = [spent[0] + outcome.cpu_s, spent[1] + outcome.wall_s,
                     spent[2] + (outcome.operations or 0)]
            if outcome.verdict == "ERROR":
                break
            if outcome.is_detection:
                tries.append(spent)
                spent = [0.0, 0.0, 0]
        return self.record(outcomes, tries, cpu_s, wall_s)

    def record(self, outcomes, tries, cpu_s, wall_s):
        """Returns what the table and the file say of the cell."""
        hits = [outcome for outcome in outcomes if outcome.is_detection]
        errors = [outcome for outcome in outcomes if outcome.verdict == "ERROR"]
        oracles = {}
        for hit in hits:
            oracles[hit.oracle] = oracles.get(hit.oracle, 0) + 1
        low, high = wilson(len(hits), len(outcomes))
        first = (hits or errors or [None])[0]
        middle = [round(statistics.median(column), 3) for column in zip(*tries)] or [None] * 3
        return {
            "key": self.key, "mutant": self.mutant, "kind": self.kind, "scenario": self.scenario,
            "params": self.params, "flavor": self.flavor, "plan": self.plan, "found": bool(hits),
            "hits": len(hits), "runs": len(outcomes), "wilson": [round(low, 4), round(high, 4)],
            "inconclusive": sum(outcome.verdict == "INCONCLUSIVE" for outcome in outcomes),
            "error": errors[0].detail if errors else "",
            "limit_s": self.limit_s, "median_cpu_s": middle[0], "median_wall_s": middle[1], "median_operations": middle[2],
            "cpu_s": round(cpu_s, 2), "wall_s": round(wall_s, 2), "oracles": oracles,
            "detail": first.detail if first else "",
        }


def read_state(path):
    """Returns the finished cells by their keys."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        records = [json.loads(line) for line in file if line.endswith("\n")]
    return {record["key"]: record for record in records}


def append_state(path, record):
    """Adds a finished cell."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def build(bazel, targets):
    """Builds the hosts. Returns the folder that holds what bazel built."""
    if targets:
        subprocess.run([*bazel, "build", "--show_result=0", *targets], check=True)
    done = subprocess.run([*bazel, "info", "bazel-bin"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def measure_all(cells, binary_of, flags, state):
    """Measures what is not in the state yet. Returns whether time was enough."""
    end = time.monotonic() + flags.minutes * 60
    left = [cell for cell in cells if not cell.is_settled(state)]
    complete = True
    with concurrent.futures.ThreadPoolExecutor(flags.jobs) as pool:
        running = {pool.submit(cell.measure, binary_of(cell), end): cell for cell in left}
        for done in concurrent.futures.as_completed(running):
            record = done.result()
            if record is None:
                complete = False
                continue
            state[record["key"]] = record
            append_state(flags.state, record)
            print(f"{record['mutant']:36} {record['kind']:6} {record['scenario']:18} "
                  f"{record['flavor']:5} {record['hits']:3} of {record['runs']:3} "
                  f"{record['cpu_s']:6.1f}s  {' '.join(record['oracles'])} {record['error']}",
                  flush=True)
    return complete


def clean_cells(cells, state):
    """The clean core in every configuration that was used, as long as it was used."""
    used = {}
    for cell in cells:
        record = state.get(cell.key)
        if record is not None:
            used[cell.configuration] = used.get(cell.configuration, 0.0) + record["cpu_s"]
    for (scenario, params, flavor, plan), cpu_s in sorted(used.items()):
        header = {"scenario": scenario, "params": " ".join(params), "flavor": flavor}
        kind = MIXED if scenario == MIXED else "clean"
        cell = Cell("(clean core)", kind, header, "", cpu_s, 10 * cpu_s + 60, plan)
        cell.wanted_hits = 1
        yield cell


def digest_of(patch):
    """Returns what tells a patch from its former self; the header may change."""
    change = plant.read(patch).partition("\n--- ")[2]
    return hashlib.sha256(change.encode()).hexdigest()[:12]


def percent(part, whole):
    """Returns a share as text."""
    share = f"{part} of {whole} measured ({100 * part / whole:.0f} %)" if whole else ""
    return share or "not measured"


def rate_text(record):
    """Returns hits, runs and interval of a cell."""
    low, high = record["wilson"]
    return f"{record['hits']} / {record['runs']} [{100 * low:.0f}, {100 * high:.0f}] %"


def result_columns(record):
    """Returns found, rate, time, operations and oracle of a cell as table columns."""
    if record is None:
        return ["not measured", "", "", "", ""]
    if record["error"]:
        return ["error", "", "", "", record["error"].replace("|", "/")[:80]]
    if not record["found"]:
        return ["**no**", rate_text(record), f"> {record['cpu_s']:.0f} s", "", ""]
    oracles = sorted(record["oracles"], key=record["oracles"].get, reverse=True)
    operations = record["median_operations"]
    return ["yes", rate_text(record), f"{record['median_cpu_s']:.2f} s",
            f"{operations:,.0f}" if operations else "in the first run", ", ".join(oracles)]


def table(headers, cells, kind, state, explored):
    """Returns the table of one kind of cell, as lines."""
    lines = ["| mutant | system | configuration | found | hits / runs, 95 % | CPU to a hit | "
             "operations before | seen by | explore |", "| --- " * 9 + "|"]
    for cell in sorted(cells, key=lambda cell: cell.mutant):
        if cell.kind != kind:
            continue
        where = " ".join([f"`{cell.scenario}`", cell.flavor, *cell.params, *cell.plan_texts])
        columns = result_columns(state.get(cell.key))
        lines.append("| " + " | ".join([f"`{cell.mutant}`", headers[cell.mutant]["system"], where,
                                        *columns, explored.get(cell.mutant, "")]) + " |")
    return lines


def summary(cells, kind, state):
    """Returns how many mutants of a kind of cell were found, of those measured."""
    records = [state[cell.key] for cell in cells if cell.kind == kind and cell.key in state]
    return sum(record["found"] for record in records), len(records)


def in_best(cells, state, explored):
    """Returns how many mutants were found in the better of two configurations: the declared
    one, or the kernel under the controlled engine. And of how many."""
    records = [state[cell.key] for cell in cells if cell.kind == "best" and cell.key in state]
    return sum(record["found"] or explored.get(record["mutant"], "").startswith("yes")
               for record in records), len(records)


def why_not(header, column):
    """Returns why a mutant was not found in its declared configuration."""
    if column.startswith("yes"):
        return "the controlled engine finds it"
    return header.get("why", "not understood yet")


def write_page(flags, headers, cells, clean, state):
    """Writes the markdown page."""
    best_found, best_all = summary(cells, "best", state)
    explored = kernels_card.column_of(flags.explored)
    mixed_found, mixed_all = summary(cells, MIXED, state)
    clean_records = [state[cell.key] for cell in clean if cell.key in state]
    alarms = [record for record in clean_records if record["found"]]
    total_s = sum(state[cell.key]["cpu_s"] for cell in cells if cell.key in state)
    clean_s = sum(record["cpu_s"] for record in clean_records)
    lines = plant.read(os.path.join(HERE, "page_head.md")).splitlines()
    lines += ["## Result", "", *([flags.note, ""] if flags.note else []),
              f"- {len(headers)} mutants in `mutants/`; {best_all} measured in their declared "
              f"configuration, {mixed_all} in `mixed`.",
              f"- Found in the declared configuration within {flags.best_seconds:g} CPU-seconds: "
              f"{percent(best_found, best_all)}.",
              "- Found in the better of the declared configuration and the flavor explore: "
              f"{percent(*in_best(cells, state, explored))}.",
              f"- Found by `mixed` with its defaults within {flags.mixed_seconds:g} s: "
              f"{percent(mixed_found, mixed_all)}.",
              f"- The clean core in the same configurations: {len(alarms)} findings in "
              f"{sum(record['runs'] for record in clean_records)} runs, {clean_s:.0f} CPU-seconds "
              f"(the mutants took {total_s:.0f}).", ""]
    lines += [f"- False alarm: {record['scenario']} {' '.join(record['params'])} "
              f"{record['flavor']}: {' '.join(record['oracles'])} {record['detail']}"
              for record in alarms]
    lines += ["## Not found", ""]
    for cell in sorted(cells, key=lambda cell: cell.mutant):
        record = state.get(cell.key)
        if cell.kind != "best" or record is None or record["found"]:
            continue
        why = why_not(headers[cell.mutant], explored.get(cell.mutant, ""))
        lines.append(f"- `{cell.mutant}` ({headers[cell.mutant]['title']}): {why}.")
    lines += ["", "## Each mutant in its declared configuration", ""]
    lines += table(headers, cells, "best", state, explored)
    lines += ["", "## Each mutant in `mixed`", ""]
    lines += table(headers, cells, MIXED, state, {})
    with open(flags.page, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def write_json(flags, headers, cells, clean, state):
    """Writes the machine-readable result."""
    def known(some):
        return [{name: value for name, value in state[cell.key].items() if name != "key"}
                for cell in some if cell.key in state]

    result = {"limits": {"hits": HITS, "best_cpu_s": flags.best_seconds,
                         "mixed_wall_s": flags.mixed_seconds},
              "mutants": headers, "cells": known(cells), "clean": known(clean),
              "explore": kernels_card.column_of(flags.explored)}
    with open(flags.json, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1, sort_keys=True)
        file.write("\n")


def parse_flags():
    """Returns the flags."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=230, help="time for the whole matrix")
    parser.add_argument("--only", default="", help="mutants whose id contains this")
    parser.add_argument("--kinds", default="best,mixed,clean", help="cells to measure")
    parser.add_argument("--best-seconds", type=float, default=60,
                        help="CPU time of a cell in the declared configuration")
    parser.add_argument("--mixed-seconds", type=float, default=120, help="time of a cell in mixed")
    parser.add_argument("--plan", default="",
                        help="perturbs every run so, instead of as the patch says")
    parser.add_argument("--jobs", type=int, default=1, help="cells at a time")
    parser.add_argument("--state", default="scorecard.state", help="finished cells")
    parser.add_argument("--json", default="", help="where the machine-readable result goes")
    parser.add_argument("--page", default="", help="where the markdown page goes")
    parser.add_argument("--built", action="store_true",
                        help="builds nothing and measures the mutants that are built")
    parser.add_argument("--explored", default="docs/kernels.json",
                        help="what kernels_card.py has measured, for the column explore")
    parser.add_argument("--note", default="", help="a sentence on the measurement, for the page")
    parser.add_argument("--bazel", default="bazel", help="how bazel is called")
    return parser.parse_args()


def main():
    flags = parse_flags()
    kinds = flags.kinds.split(",")
    patches = sorted(glob.glob(f"{HERE}/*.patch") + glob.glob(f"{HERE}/fast/*.patch"))
    headers, digests = {}, {}
    for patch in patches:
        header = plant.header_of(patch)
        headers[header["id"]] = header
        digests[header["id"]] = digest_of(patch)
    chosen = [mutant for mutant in sorted(headers) if flags.only in mutant]
    if not chosen:
        sys.exit(f"no mutant is called *{flags.only}*")
    flavors = sorted({headers[mutant]["flavor"] for mutant in chosen})
    bazel = shlex.split(flags.bazel)
    hosts = [f"//mutants:{mutant}_{headers[mutant]['flavor']}" for mutant in chosen]
    hosts += [f"//stressd/host:stress_host_{flavor}" for flavor in flavors]
    folder = build(bazel, [] if flags.built else hosts)

    def clean_host(flavor):
        return os.path.join(folder, "stressd/host", f"stress_host_{flavor}")

    def binary_of(cell):
        if cell.mutant not in headers:
            return clean_host(cell.flavor)
        return os.path.join(folder, "mutants", f"{cell.mutant}_{cell.flavor}")

    chosen = [mutant for mutant in chosen
              if os.path.exists(f"{folder}/mutants/{mutant}_{headers[mutant]['flavor']}")]
    if not chosen:
        sys.exit("none of these mutants is built")
    known = subprocess.run(
        [f"{folder}/mutants/{chosen[0]}_{headers[chosen[0]]['flavor']}", "--list"],
        check=True, capture_output=True, text=True).stdout.split()
    state = read_state(flags.state)
    cells = [Cell(mutant, "best", headers[mutant], digests[mutant], flags.best_seconds, BEST_WALL_S,
                  flags.plan) for mutant in chosen]
    if MIXED in known:
        cells += [Cell(mutant, MIXED, headers[mutant], digests[mutant], math.inf,
                       flags.mixed_seconds, flags.plan) for mutant in chosen]
    complete = measure_all([cell for cell in cells if cell.kind in kinds], binary_of, flags, state)
    clean = list(clean_cells(cells, state))
    if complete and "clean" in kinds:
        complete = measure_all(clean, binary_of, flags, state)
    if flags.json:
        write_json(flags, headers, cells, clean, state)
    if flags.page:
        write_page(flags, headers, cells, clean, state)
    explored = kernels_card.column_of(flags.explored)
    print(f"best or explore: found {percent(*in_best(cells, state, explored))}")
    for kind in ("best", MIXED):
        found, measured = summary(cells, kind, state)
        print(f"{kind}: found {percent(found, measured)}")
    if not complete:
        print("the time was not enough: call it again to go on")


if __name__ == "__main__":
    main()
