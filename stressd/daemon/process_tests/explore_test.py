"""The flavor explore in a real daemon: what it hosts, finds and repeats."""

import os
import re
import shutil
import sys
import unittest

import daemon_process
import grpc

PROGRAM = os.path.abspath(sys.argv.pop(1))
HOST_DIR = os.path.abspath(sys.argv.pop(1))

PASSED, VIOLATION, INCONCLUSIVE = 1, 2, 9


class ExploreTest(unittest.TestCase):

    def setUp(self):
        self.folder = daemon_process.scratch_folder()
        self.addCleanup(shutil.rmtree, self.folder)
        hosts = f"{self.folder}/hosts"
        os.mkdir(hosts)
        for name in ("stress_host_plain", "stress_host_explore", "stress_explore_target"):
            os.symlink(f"{HOST_DIR}/{name}", f"{hosts}/{name}")
        self.daemon = daemon_process.DaemonProcess(PROGRAM, f"{self.folder}/state", host_dir=hosts)
        self.addCleanup(
            lambda: self.daemon.process.poll() is None and self.daemon.kill())

    def run_to_its_end(self, scenario, seed=1, **parameters):
        """Creates a run of the flavor explore and returns it finished."""
        spec = {"scenario": scenario, "flavor": "explore", "seed": seed,
                "parameters": {name: str(value) for name, value in parameters.items()}}
        run = self.daemon.call("RunService.CreateRun", spec=spec)
        return self.daemon.end_of(run.name)

    def refusal(self, spec):
        """Returns code and message of a run that is not admitted."""
        with self.assertRaises(grpc.RpcError) as raised:
            self.daemon.call("RunService.CreateRun", spec=spec)
        return raised.exception.code(), raised.exception.details()

    def test_kernels_are_hosted_and_nothing_else(self):
        kernel = self.daemon.call("ScenarioService.GetScenario",
                                  name="scenarios/kernel-lock-hand-over")
        self.assertEqual(list(kernel.flavors), ["explore"])
        storm = self.daemon.call("ScenarioService.GetScenario", name="scenarios/fork-storm")
        self.assertEqual(list(storm.flavors), ["plain"])
        self.assertIn("without fork", storm.refusing_flavors["explore"])
        code, message = self.refusal({"scenario": "fork-storm", "flavor": "explore"})
        self.assertEqual(code, grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn("without fork", message)
        code, message = self.refusal({"scenario": "kernel-lock-hand-over", "flavor": "plain"})
        self.assertEqual(code, grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn("allowed: explore", message)
        code, message = self.refusal({"scenario": "kernel-lock-hand-over", "flavor": "explore",
                                      "plan": "uniform"})
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        code, message = self.refusal({"scenario": "kernel-lock-hand-over", "flavor": "explore",
                                      "parameters": {"strategy": "luck"}})
        self.assertEqual(code, grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("portfolio, dfs, rw", message)

    def test_a_clean_kernel_passes_and_tells_its_schedules(self):
        run = self.run_to_its_end("kernel-lock-hand-over", schedules=40)
        self.assertEqual(run.verdict, PASSED, run)
        self.assertEqual(run.result.operation_count, 40)
        measured = run.result.measurements
        self.assertEqual(measured["schedules_count"], 40)
        self.assertGreater(measured["distinct_schedules_count"], 1)

    def test_a_finding_names_the_schedule_that_repeats_it(self):
        first = self.run_to_its_end("canary-lost-update", seed=7)
        self.assertEqual(first.verdict, VIOLATION, first)
        self.assertEqual(first.result.violations[0].rule, "crashed")
        message = first.result.violations[0].message
        self.assertIn("replayed 5 of 5", message)
        # Two threads add, and the third one only looks on.
        self.assertIn("1 preemptions left, without part 2 (1 of 3)", message)
        self.assertEqual(self.run_to_its_end("canary-lost-update", seed=7)
                         .result.violations[0].message,
                         message)
        strategy, schedule = re.search(r"alone: strategy=(\S+) schedule=(\d+)", message).groups()
        alone = self.run_to_its_end("canary-lost-update", seed=7, strategy=strategy,
                                    schedule=schedule)
        self.assertEqual((alone.verdict, alone.result.operation_count), (VIOLATION, 1))
        (finding,) = self.daemon.call("FindingService.ListFindings").findings
        self.assertEqual(finding.run_count, 3)
        self.assertIn("--flavor=explore", finding.repeat_command)

    def test_an_exhaustive_search_finds_it_too(self):
        found = self.run_to_its_end("canary-lost-update", strategy="dfs", preemptions=1)
        self.assertEqual(found.verdict, VIOLATION, found)
        # Without a preemption each update is whole, and a silent canary proves nothing.
        none = self.run_to_its_end("canary-lost-update", strategy="dfs", preemptions=0)
        self.assertEqual(none.verdict, INCONCLUSIVE, none)
        self.assertEqual(none.result.measurements["search_is_complete"], 1)


if __name__ == "__main__":
    unittest.main()
