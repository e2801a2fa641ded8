#!/usr/bin/env python3
"""What the controlled engine finds in the kernels: every interleaving bug, and the clean core.

    mutants/kernels_card.py --page docs/kernels.md --json docs/kernels.json

Each mutant of the kind `interleaving` runs in the kernel that its patch names, from
seed 1, until the first finding or until --cpu-seconds of processor time are used, all
processes together: so of one core. Then every clean kernel runs in every memory model for
its part of --clean-seconds; a finding there is a false alarm, or a bug of the core.
"""

import argparse
import glob
import json
import os
import shlex
import subprocess
import sys

import plant

HERE = os.path.dirname(os.path.abspath(__file__))
# Of stress-explore: 0 nothing found, 1 a finding, anything else could not run.
NOTHING, FOUND = 0, 1
# More than the time allows.
SCHEDULES = 10**9
DRIVER = "stressd/explore/driver/stress-explore"
CLEAN = "stressd/explore/kernels/explore_kernels_explore"


def explore(folder, program, kernel, model, cpu_seconds, seed):
    """Explores one kernel up to the first finding. Returns what stress-explore says."""
    command = [os.path.join(folder, DRIVER), "--json", "--first", "--explain=1", "--repeat=10",
               f"--schedules={SCHEDULES}", f"--cpu-limit={cpu_seconds}", f"--model={model}",
               f"--seed={seed}", "--timeout=60", "--", os.path.join(folder, program), kernel]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (NOTHING, FOUND):
        sys.exit(f"{shlex.join(command)}: ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def row_of(report):
    """Returns what a report comes to, without the mutant's own fields."""
    row = {"found": report["failed"] > 0, "schedules": report["schedules"],
           "cpu_seconds": round(report["cpu_seconds"], 2), "model": report["model"],
           "decisions": round(report["decisions"] / max(report["schedules"], 1))}
    if report["findings"]:
        finding = report["findings"][0]
        row.update(verdict=finding["verdict"], message=finding["message"],
                   strategy=finding["replay"].split("/")[0], replay=finding["replay"],
                   replayed=finding["replayed"], replays=finding["replays"],
                   preemptions=finding["minimized_preemptions"])
        said = [line for line in finding["output"].splitlines() if line]
        if finding["verdict"] == "crashed" and said:
            row["message"] = said[0]
    return row


def explore_mutant(folder, header, cpu_seconds):
    """Returns the row of one mutant."""
    row = {"id": header["id"], "title": header["title"], "kernel": header.get("kernel", ""),
           "found": False, "unexplored": header.get("unexplored", "")}
    if row["kernel"]:
        row.update(row_of(explore(folder, f"mutants/{header['id']}_explore", row["kernel"],
                                  header.get("model", "sc"), cpu_seconds, 1)))
    return row


def explore_clean(folder, total_seconds, seed):
    """Yields a row for each clean kernel and model."""
    listed = subprocess.run([os.path.join(folder, CLEAN)], capture_output=True, text=True,
                            check=True).stdout
    names = [line.split()[0] for line in listed.splitlines()]
    kernels = [name for name in names if not name.startswith("canary-")]
    share = total_seconds / (len(kernels) * len(plant.MODELS))
    for model in plant.MODELS:
        for kernel in kernels:
            yield {"kernel": kernel,
                   **row_of(explore(folder, CLEAN, kernel, model, share, seed))}


def name_of(row):
    """Returns in a few words what was seen."""
    if row["verdict"] != "crashed":
        return row["verdict"]
    text = row["message"]
    if text.startswith("RT_CHECK failed: "):
        return text.split()[2]
    return text.removeprefix("kernel: ").split(" in thread")[0]


def write_page(path, flags, mutants, clean):
    """Writes the tables as markdown."""
    found = sum(row["found"] for row in mutants)
    count = len(mutants)
    schedules = sum(row["schedules"] for row in clean)
    seconds = sum(row["cpu_seconds"] for row in clean)
    alarms = sum(row["found"] for row in clean)
    with open(os.path.join(HERE, "kernels_head.md"), encoding="utf-8") as file:
        lines = [file.read().rstrip(), ""]
    lines += [f"- Found: {found} of {count} ({100 * found / max(count, 1):.0f} %), within "
              f"{flags.cpu_seconds:g} CPU-seconds of one core each."]
    if clean:
        lines.append(f"- The clean core: {alarms} findings in {schedules:,} schedules of "
                     f"{len({row['kernel'] for row in clean})} kernels, {seconds:,.0f} "
                     "CPU-seconds.")
    lines += ["", "| mutant | kernel | model | found | schedules | CPU s | strategy "
              "| preemptions left | seen as |", "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    for row in mutants:
        cells = [f"`{row['id']}`", f"`{row['kernel']}`" if row["kernel"] else "",
                 row.get("model", ""), "yes" if row["found"] else "**no**",
                 f"{row['schedules']:,}" if "schedules" in row else "",
                 str(row.get("cpu_seconds", "")), row.get("strategy", ""),
                 str(row.get("preemptions", "")), name_of(row) if row["found"] else ""]
        lines.append("| " + " | ".join(cells) + " |")
    missed = [row for row in mutants if not row["found"]]
    if missed:
        lines += ["", "## Not found", ""]
        lines += [f"- `{row['id']}` ({row['title']}): {row['unexplored'] or 'not understood yet'}."
                  for row in missed]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def column_of(path):
    """Returns from a card's JSON what the scorecard says of each mutant in explore."""
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        rows = json.load(file)["mutants"]
    return {row["id"]: f"yes, {row['schedules']:,} schedules, {row['cpu_seconds']} s"
                       if row["found"] else "**no**" for row in rows}


def parse_flags():
    """Returns the flags."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cpu-seconds", type=float, default=60, help="of one mutant")
    parser.add_argument("--clean-seconds", type=float, default=600,
                        help="processor time of all clean kernels together; 0: none")
    parser.add_argument("--clean-seed", type=int, default=1, help="base seed of the clean kernels")
    parser.add_argument("--only", default="", help="mutants whose id contains this")
    parser.add_argument("--json", default="", help="where the machine-readable result goes")
    parser.add_argument("--page", default="", help="where the markdown page goes")
    parser.add_argument("--built", action="store_true", help="builds nothing")
    parser.add_argument("--bazel", default="bazel", help="how bazel is called")
    return parser.parse_args()


def main():
    flags = parse_flags()
    headers = [plant.header_of(patch) for patch in
               sorted(glob.glob(f"{HERE}/*.patch") + glob.glob(f"{HERE}/fast/*.patch"))]
    chosen = [header for header in headers
              if header["kind"] == "interleaving" and flags.only in header["id"]]
    if not chosen:
        sys.exit(f"no interleaving bug is called *{flags.only}*")
    bazel = shlex.split(flags.bazel)
    if not flags.built:
        targets = [f"//mutants:{header['id']}_explore" for header in chosen if "kernel" in header]
        subprocess.run([*bazel, "build", "--show_result=0", f"//{os.path.dirname(DRIVER)}:"
                        f"{os.path.basename(DRIVER)}", "//stressd/explore/kernels:explore_kernels",
                        *targets], check=True)
    folder = subprocess.run([*bazel, "info", "bazel-bin"], check=True, capture_output=True,
                            text=True).stdout.strip()
    mutants = []
    for header in chosen:
        row = explore_mutant(folder, header, flags.cpu_seconds)
        mutants.append(row)
        print(f"{row['id']:42} {row['kernel']:18} {'found' if row['found'] else 'NOT FOUND':10}"
              f"{row.get('schedules', 0):9} schedules {row.get('cpu_seconds', 0):7.2f} CPU s  "
              f"{name_of(row) if row['found'] else ''}", flush=True)
    clean = []
    if flags.clean_seconds > 0:
        for row in explore_clean(folder, flags.clean_seconds, flags.clean_seed):
            clean.append(row)
            if row["found"]:
                print(f"FINDING in the clean core: {row}", flush=True)
    found = sum(row["found"] for row in mutants)
    print(f"found {found} of {len(mutants)}; the clean core: "
          f"{sum(row['found'] for row in clean)} findings in "
          f"{sum(row['schedules'] for row in clean)} schedules")
    if flags.json:
        with open(flags.json, "w", encoding="utf-8") as file:
            json.dump({"cpu_seconds": flags.cpu_seconds, "mutants": mutants, "clean": clean}, file,
                      indent=1, sort_keys=True)
            file.write("\n")
    if flags.page:
        write_page(flags.page, flags, mutants, clean)
    sys.exit(1 if any(row["found"] for row in clean) else 0)


if __name__ == "__main__":
    main()
