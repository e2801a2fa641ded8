"""Runs a host once and says what came of it."""

import dataclasses
import os
import re
import signal
import subprocess
import tempfile
import threading
import time

VIOLATION = re.compile(r"^  ([a-z][^:\n]*): (.*)$", re.MULTILINE)
INVARIANT = re.compile(r"invariant (\S+) is broken at (\S+?): (.*)$", re.MULTILINE)
SUMMARY = re.compile(r"^SUMMARY: (\w+): (.*)$", re.MULTILINE)
RACE = re.compile(r"^WARNING: ThreadSanitizer: ", re.MULTILINE)
UNDEFINED = re.compile(r"runtime error: (.*)$", re.MULTILINE)
OPERATIONS = re.compile(r"\boperations=(\d+)")
# Of stressd/protocol/exit_code.h and stressd/host/standalone.cc.
SANITIZERS = {66: "ThreadSanitizer", 67: "AddressSanitizer", 68: "LeakSanitizer",
              69: "UndefinedBehaviorSanitizer"}
KEPT_BYTES = 1 << 16


@dataclasses.dataclass
class Outcome:
    """What one run of a host came to."""

    verdict: str  # PASSED, INCONCLUSIVE, ERROR, or what was found
    oracle: str  # who saw it
    detail: str
    wall_s: float
    cpu_s: float
    operations: int | None

    @property
    def is_detection(self):
        """Whether the run found something."""
        return self.verdict not in ("PASSED", "INCONCLUSIVE", "ERROR")


def read_end(file):
    """Returns the last part of what a process wrote."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - KEPT_BYTES))
    return file.read().decode(errors="replace")


def judge(status, timed_out, out, err):
    """Returns verdict, oracle and detail of a process that ended."""
    invariant = INVARIANT.search(err)
    if RACE.search(err):
        # Whatever end the run came to after it.
        summary = SUMMARY.search(err)
        return "SANITIZER", "ThreadSanitizer", summary[2] if summary else ""
    if timed_out:
        return "HUNG", "hang", "no end before the deadline"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if invariant is not None:
            return "INVARIANT", invariant[1], f"{invariant[3]} ({invariant[2]})"
        return "CRASHED", signal.Signals(number).name, ""
    code = os.WEXITSTATUS(status)
    if code == 0:
        return "PASSED", "", ""
    if code in SANITIZERS:
        summary = SUMMARY.search(err)
        undefined = UNDEFINED.search(err)
        detail = summary[2] if summary else undefined[1] if undefined else ""
        return "SANITIZER", SANITIZERS[code], detail
    rules = VIOLATION.findall(out)
    if code == 1 and rules:
        return "VIOLATION", rules[0][0], rules[0][1]
    if code == 1 and "leak-report" in out:
        return "SANITIZER", "LeakSanitizer", ""
    if code == 7:
        return "INCONCLUSIVE", "", out.strip()[:200]
    return "ERROR", "", f"exit code {code}: {(err or out).strip()[-300:]}"


def run_host(binary, scenario, params, seed, timeout_s, plan=""):
    """Runs one scenario in a process of its own. Returns its Outcome."""
    command = [binary, f"--scenario={scenario}", f"--seed={seed}"]
    for param in params:
        command += ["--param", param]
    if plan:
        command.append(f"--plan={plan}")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   start_new_session=True)
        timed_out = threading.Event()

        def kill():
            timed_out.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout_s, kill)
        timer.start()
        _, status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = status
        wall_s = time.monotonic() - began
        try:
            # Children of a scenario that forks; the group is gone if it has none.
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        stdout, stderr = read_end(out), read_end(err)
    verdict, oracle, detail = judge(status, timed_out.is_set(), stdout, stderr)
    operations = OPERATIONS.search(stdout)
    return Outcome(verdict, oracle, detail, wall_s, usage.ru_utime + usage.ru_stime,
                   int(operations[1]) if operations else None)
