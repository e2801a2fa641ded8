"""What a daemon does to its surroundings: sockets, folders, processes, restarts."""

import os
import shutil
import signal
import subprocess
import sys
import unittest

import daemon_process

PROGRAM = os.path.abspath(sys.argv.pop(1))
HOST_DIR = os.path.abspath(sys.argv.pop(1))

PASSED, CRASHED, ERROR, CANCELLED = 1, 4, 6, 7
RESIDENT, FRESH = 1, 2

# Goes on until somebody ends it.
LONG = {"scenario": "thread-churn", "duration": {"seconds": 600},
        "parameters": {"threads": "2", "rounds": "1000000"}}


class DaemonProcessTest(unittest.TestCase):

    def setUp(self):
        self.folder = daemon_process.scratch_folder()
        self.addCleanup(shutil.rmtree, self.folder)
        # One flavor is enough here, and starts quickly.
        self.host_dir = f"{self.folder}/hosts"
        os.mkdir(self.host_dir)
        os.symlink(f"{HOST_DIR}/stress_host_plain", f"{self.host_dir}/stress_host_plain")

    def start(self, *flags, state="state"):
        daemon = daemon_process.DaemonProcess(
            PROGRAM, f"{self.folder}/{state}", *flags, host_dir=self.host_dir)
        self.addCleanup(lambda: daemon.process.poll() is None and daemon.kill())
        return daemon

    def refused(self, *flags):
        """Runs a daemon that must not start; returns exit code and stderr."""
        result = subprocess.run(
            [PROGRAM, f"--host-dir={self.host_dir}", *flags], capture_output=True, text=True,
            timeout=daemon_process.PATIENCE_SECONDS, check=False)
        self.assertEqual(result.stdout, "")
        return result.returncode, result.stderr

    def test_two_daemons_on_one_socket(self):
        first = self.start()
        code, text = self.refused(f"--state-dir={self.folder}/other", f"--listen={first.address}")
        self.assertEqual(code, 3)
        self.assertIn("listen", text)
        self.assertIn(f"pid {first.process.pid}", text)
        self.assertEqual(len(text.splitlines()), 1, text)
        # The first one has noticed nothing.
        self.assertEqual(first.call("StatusService.GetStatus").pid, first.process.pid)

    def test_two_daemons_in_one_state_folder(self):
        first = self.start()
        code, text = self.refused(f"--state-dir={self.folder}/state",
                                  f"--listen=unix:{self.folder}/other")
        self.assertEqual(code, 3)
        self.assertIn("state_dir", text)
        self.assertIn(f"pid {first.process.pid}", text)

    def test_socket_of_a_dead_daemon_is_taken_over(self):
        self.start().kill()
        self.assertTrue(os.path.exists(f"{self.folder}/state/s"))
        second = self.start()
        self.assertEqual(second.call("StatusService.GetStatus").pid, second.process.pid)

    def test_state_folder_that_cannot_be_written(self):
        code, text = self.refused("--state-dir=/proc/stressd", f"--listen=unix:{self.folder}/s")
        self.assertEqual(code, 3)
        self.assertIn('state_dir: "/proc/stressd"', text)
        self.assertFalse(os.path.exists(f"{self.folder}/s"))

    def test_bad_flags_are_usage_errors(self):
        state = f"--state-dir={self.folder}/state"
        for flag, allowed in (("--listen=0.0.0.0:80", "127.0.0.1"), ("--nonsense", "nonsense"),
                              ("--heartbeat-deadline=-1s", "100ms"),
                              ("--fresh-runs-max=0", "1"), ("--log-level=loud", "debug"),
                              ("--soak=/nowhere", "nowhere"), ("--keep-for=soon", "duration")):
            code, text = self.refused(state, flag)
            self.assertEqual(code, 2, text)
            self.assertIn(allowed, text)
        self.assertFalse(os.path.exists(f"{self.folder}/state"))

    def test_folder_without_hosts(self):
        result = subprocess.run(
            [PROGRAM, f"--host-dir={self.folder}", f"--state-dir={self.folder}/state",
             f"--listen=unix:{self.folder}/s"], capture_output=True, text=True,
            timeout=daemon_process.PATIENCE_SECONDS, check=False)
        self.assertEqual(result.returncode, 3)
        self.assertIn("host_dir", result.stderr)
        self.assertFalse(os.path.exists(f"{self.folder}/s"))

    def test_port_zero_prints_the_port_that_was_chosen(self):
        daemon = self.start("--listen=127.0.0.1:0")
        port = next(a for a in daemon.addresses if a.startswith("127.0.0.1:"))
        self.assertGreater(int(port.rpartition(":")[2]), 0)

    def test_sigterm_mid_run_leaves_nothing_behind(self):
        daemon = self.start()
        runs = [
            daemon.call("RunService.CreateRun", spec={**LONG, "host_kind": kind}).name
            for kind in (RESIDENT, FRESH, FRESH, FRESH)
        ]
        for run in runs[:3]:
            daemon.await_running(run)
        processes = daemon_process.descendants(daemon.process.pid)
        self.assertGreaterEqual(len(processes), 4)
        self.assertEqual(daemon.stop(), 0)
        self.assertEqual([p for p in processes if daemon_process.is_alive(p)], [])
        left = sorted(os.listdir(f"{self.folder}/state"))
        self.assertEqual(left, ["lock", "stressd.db"])
        again = self.start()
        for run in runs:
            self.assertEqual(again.call("RunService.GetRun", name=run).verdict, CANCELLED)

    def test_run_cut_off_by_a_kill_is_error_and_queued_again(self):
        daemon = self.start()
        run = daemon.call("RunService.CreateRun", spec=LONG).name
        daemon.await_running(run)
        processes = daemon_process.descendants(daemon.process.pid)
        watches = [os.pidfd_open(process) for process in processes]
        daemon.kill()
        # The kernel ends them, one after the other, parents first.
        self.assertEqual([w for w in watches if not daemon_process.has_ended(w)], [])
        again = self.start()
        self.assertEqual(again.call("RunService.GetRun", name=run).verdict, ERROR)
        repeated = again.call("RunService.ListRuns").runs[0]
        self.assertEqual(repeated.requeued_from, run)
        again.await_running(repeated.name)
        again.call("RunService.CancelRun", name=repeated.name)
        self.assertEqual(again.end_of(repeated.name).verdict, CANCELLED)
        self.assertEqual(again.stop(), 0)

    def test_killed_host_is_a_verdict(self):
        daemon = self.start()
        for kind in (RESIDENT, FRESH):
            run = daemon.call("RunService.CreateRun", spec={**LONG, "host_kind": kind}).name
            daemon.await_running(run)
            pid = self.host_of(daemon, run)
            os.kill(pid, signal.SIGKILL)
            end = daemon.end_of(run)
            self.assertEqual(end.verdict, CRASHED, end)
            self.assertEqual(end.result.host.signal, signal.SIGKILL)
            self.assertTrue(end.finding)
        short = {"scenario": "thread-churn", "host_kind": RESIDENT, "parameters": {"rounds": "1"}}
        run = daemon.call("RunService.CreateRun", spec=short).name
        self.assertEqual(daemon.end_of(run).verdict, PASSED)

    def test_client_that_dies_mid_stream(self):
        daemon = self.start()
        run = daemon.call("RunService.CreateRun", spec=LONG).name
        daemon.await_running(run)
        watcher = os.path.join(os.path.dirname(os.path.abspath(__file__)), "watch_for_ever.py")
        for _ in range(3):
            client = subprocess.Popen(
                [sys.executable, watcher, daemon.address, run], stdout=subprocess.PIPE, text=True)
            self.assertEqual(client.stdout.readline(), "watching\n")
            client.kill()
            client.wait()
            client.stdout.close()
        self.assertEqual(daemon.call("RunService.GetRun", name=run).state, 2)
        self.assertEqual(daemon.stop(), 0)

    def test_soak_goes_on_after_a_restart(self):
        plan = f"{self.folder}/soak.textproto"
        with open(plan, "w", encoding="utf-8") as file:
            file.write('plan_id: "test" canary_step_count: 100 '
                       'entries { scenario: "thread-churn" flavors: "plain" '
                       'parameters { key: "rounds" value: "1" } }')
        daemon = self.start(f"--soak={plan}")
        first = self.await_soak_runs(daemon, 3)
        self.assertEqual(daemon.stop(), 0)
        again = self.start(f"--soak={plan}")
        second = self.await_soak_runs(again, first.tallies[0].run_count + 3)
        self.assertEqual(second.name, first.name)
        self.assertEqual(second.restart_count, 1)
        self.assertEqual([v.verdict for v in second.tallies[0].verdict_counts
                          if v.verdict != CANCELLED], [PASSED])
        # The first step was a canary, which spoke.
        self.assertEqual((second.canary_run_count, second.silent_canary_run_count), (1, 0))
        self.assertEqual(second.last_finding_run, "")
        stopped = again.call("SoakService.StopSoak", name=second.name)
        self.assertIn(stopped.state, (2, 4))
        self.assertEqual(again.stop(), 0)

    def host_of(self, daemon, run):
        """Returns the process of a running run."""
        while True:
            hosts = daemon.call("CounterService.GetCounters").hosts
            # A sample taken while the host writes its run section names no run.
            for host in hosts:
                if host.run == run:
                    return host.pid
            self.assertEqual(daemon.call("RunService.GetRun", name=run).state, 2)

    def await_soak_runs(self, daemon, count):
        """Follows the runs of the soak until so many are finished."""
        seen = None
        while True:
            (soak,) = daemon.call("SoakService.ListSoaks").soaks
            if soak.tallies and soak.tallies[0].run_count >= count:
                return soak
            runs = daemon.call("RunService.ListRuns", soak=soak.name, page_size=1).runs
            if runs and runs[0].name != seen:
                seen = runs[0].name
                daemon.end_of(seen)


if __name__ == "__main__":
    unittest.main()
