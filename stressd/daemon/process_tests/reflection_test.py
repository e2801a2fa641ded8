"""A client that knows only reflection lists the scenarios and runs one."""

import os
import shutil
import sys
import unittest

import grpc

import daemon_process

PROGRAM = os.path.abspath(sys.argv.pop(1))
HOST_DIR = os.path.abspath(sys.argv.pop(1))


class ReflectionTest(unittest.TestCase):

    def setUp(self):
        self.folder = daemon_process.scratch_folder()
        self.addCleanup(shutil.rmtree, self.folder)
        self.daemon = daemon_process.DaemonProcess(
            PROGRAM, f"{self.folder}/state", host_dir=HOST_DIR)
        self.addCleanup(self.daemon.stop)

    def test_every_service_is_listed_and_described(self):
        services = self.daemon.client.services()
        for name in ("ScenarioService", "RunService", "CounterService", "FindingService",
                     "SoakService", "StatusService"):
            self.assertIn(f"stressd.v1.{name}", services)
            self.assertTrue(self.daemon.client.service(f"stressd.v1.{name}").methods)
        self.assertIn("grpc.health.v1.Health", services)
        health = self.daemon.client.call(
            "grpc.health.v1.Health", "Check", service="stressd.v1.RunService")
        self.assertEqual(health.status, 1)

    def test_lists_scenarios_and_runs_one(self):
        scenarios = {}
        page = self.daemon.call("ScenarioService.ListScenarios", page_size=20)
        while True:
            self.assertLessEqual(len(page.scenarios), 20)
            for scenario in page.scenarios:
                self.assertNotIn(scenario.scenario_id, scenarios)
                scenarios[scenario.scenario_id] = scenario
            if not page.next_page_token:
                break
            page = self.daemon.call("ScenarioService.ListScenarios", page_size=20,
                                    page_token=page.next_page_token)
        self.assertIn("kernel-attach-poll", scenarios)
        self.assertIn("thread-churn", scenarios)
        scenario = scenarios["thread-churn"]
        self.assertTrue(scenario.summary)
        parameters = {p.parameter_id: p for p in scenario.parameters}
        self.assertIn("threads", parameters)
        presets = {p.preset_id: dict(p.parameters) for p in scenario.presets}
        self.assertEqual(sorted(presets), ["smoke", "soak"])
        run = self.daemon.call(
            "RunService.CreateRun",
            spec={"scenario": scenario.scenario_id, "seed": 7,
                  "parameters": presets["smoke"]},
            request_id="one")
        end = self.daemon.end_of(run.name)
        self.assertEqual(end.verdict, 1, end)  # PASSED
        self.assertGreater(end.result.operation_count, 0)
        for total in end.result.references:
            self.assertEqual(total.before, total.after, end)
        listed_runs = self.daemon.call("RunService.ListRuns", scenario="thread-churn").runs
        self.assertEqual([r.name for r in listed_runs], [run.name])

    def test_errors_carry_details(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.daemon.call("RunService.CreateRun", spec={"scenario": "nope"})
        self.assertEqual(caught.exception.code(), grpc.StatusCode.NOT_FOUND)
        metadata = dict(caught.exception.trailing_metadata())
        self.assertIn(b"google.rpc.ErrorInfo", metadata["grpc-status-details-bin"])

    def test_counters_of_a_resident_host(self):
        run = self.daemon.call(
            "RunService.CreateRun",
            spec={"scenario": "thread-churn", "host_kind": 1,
                  "parameters": {"threads": "2", "rounds": "3"}})
        self.assertEqual(self.daemon.end_of(run.name).verdict, 1)
        sample = self.daemon.call("CounterService.GetCounters", flavors=["plain"]).hosts[0]
        self.assertEqual(sample.host_kind, 1)
        self.assertGreater(sample.pid, 0)
        self.assertEqual(sample.finished_run_count, 1)
        balance = self.daemon.call("CounterService.GetBalance", flavor="plain")
        self.assertEqual(balance.pid, sample.pid)


if __name__ == "__main__":
    unittest.main()
