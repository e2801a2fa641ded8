"""Races of ThreadSanitizer's in a real daemon: all of a run, each once."""

import os
import shutil
import sys
import unittest

import daemon_process

PROGRAM = os.path.abspath(sys.argv.pop(1))
HOST_DIR = os.path.abspath(sys.argv.pop(1))

SANITIZER_REPORT = 3


class RacesTest(unittest.TestCase):

    def setUp(self):
        self.folder = daemon_process.scratch_folder()
        self.addCleanup(shutil.rmtree, self.folder)
        hosts = f"{self.folder}/hosts"
        os.mkdir(hosts)
        os.symlink(f"{HOST_DIR}/stress_host_tsan", f"{hosts}/stress_host_tsan")
        self.daemon = daemon_process.DaemonProcess(PROGRAM, f"{self.folder}/state", host_dir=hosts)
        self.addCleanup(
            lambda: self.daemon.process.poll() is None and self.daemon.kill())

    def race(self, fields):
        """Runs the canary with so many racing fields and returns the finished run."""
        spec = {"scenario": "canary-race", "flavor": "tsan", "seed": 1,
                "parameters": {"fields": str(fields)}}
        run = self.daemon.end_of(self.daemon.call("RunService.CreateRun", spec=spec).name)
        self.assertEqual(run.verdict, SANITIZER_REPORT, run)
        # It went on to its end.
        self.assertEqual(run.result.operation_count, 2000, run)
        return run

    def findings(self):
        """Returns all findings by the function of their first access."""
        listed = self.daemon.call("FindingService.ListFindings").findings
        return {each.frames[0].split()[0].rpartition("::")[2]: each for each in listed}

    def test_a_known_race_does_not_hide_a_new_one(self):
        first = self.race(fields=1)
        found = self.findings()
        self.assertEqual(list(found), ["AddToFirst"])
        self.assertEqual(first.finding, found["AddToFirst"].name)
        second = self.race(fields=2)
        found = self.findings()
        self.assertEqual(sorted(found), ["AddToFirst", "AddToSecond"])
        self.assertEqual(second.finding, found["AddToSecond"].name)
        self.assertEqual(list(second.more_findings), [found["AddToFirst"].name])
        self.assertEqual(found["AddToFirst"].run_count, 2)
        self.assertEqual(found["AddToSecond"].run_count, 1)
        # Both again, as the same ones.
        self.race(fields=2)
        found = self.findings()
        self.assertEqual([found[name].run_count for name in sorted(found)], [3, 2])


if __name__ == "__main__":
    unittest.main()
