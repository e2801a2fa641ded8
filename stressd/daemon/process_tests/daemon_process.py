"""Starts and ends stressd processes for tests, and looks at what is left."""

import os
import select
import signal
import subprocess
import tempfile

import reflection_client

# No test waits that long unless something is broken.
PATIENCE_SECONDS = 120


def scratch_folder():
    """Returns a new folder whose path is short enough for a socket."""
    return tempfile.mkdtemp(prefix="stressd-", dir="/tmp")


def descendants(pid):
    """Returns the ids of all living processes below `pid`."""
    children = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in ("Z", "X"):
            children.setdefault(int(fields[1]), []).append(int(entry))
    found = []
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found.append(child)
            waiting.append(child)
    return found


def is_alive(pid):
    """Tells whether a process exists and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def has_ended(pidfd):
    """Waits until the process behind a pidfd has ended, closes it; False if it lives on."""
    try:
        return bool(select.select([pidfd], [], [], PATIENCE_SECONDS)[0])
    finally:
        os.close(pidfd)


class DaemonProcess:
    """A running stressd."""

    def __init__(self, program, state, *flags, host_dir=None):
        self.address = f"unix:{state}/s"
        command = [program, f"--state-dir={state}", f"--listen={self.address}", *flags]
        if host_dir is not None:
            command.append(f"--host-dir={host_dir}")
        self.log = open(f"{state}.log", "ab")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("stressd: listening on "):
            self.process.wait(PATIENCE_SECONDS)
            with open(f"{state}.log", encoding="utf-8", errors="replace") as file:
                raise RuntimeError(f"stressd did not start: {line!r}\n{file.read()}")
        self.addresses = line.removeprefix("stressd: listening on ").split()
        self.client = reflection_client.ReflectionClient(self.address)
        self.client.wait(PATIENCE_SECONDS)

    def call(self, method, /, **fields):
        """Calls `Service.Method` of stressd.v1."""
        service, name = method.split(".")
        return self.client.call(f"stressd.v1.{service}", name, timeout=PATIENCE_SECONDS, **fields)

    def end_of(self, run):
        """Follows a run to its end and returns it."""
        last = None
        for response in self.call("RunService.WatchRun", name=run):
            last = response.run
        return last

    def await_running(self, run):
        """Waits until a run makes progress."""
        for response in self.call("RunService.WatchRun", name=run):
            if response.run.progress.operation_count > 0:
                return response.run
        raise RuntimeError(f"{run} ended")

    def stop(self):
        """Ends the daemon as a service manager would; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.join()

    def kill(self):
        """Ends the daemon as a crash would."""
        self.process.kill()
        return self.join()

    def join(self):
        """Waits for the end; returns the exit code."""
        code = self.process.wait(PATIENCE_SECONDS)
        self.client.close()
        self.process.stdout.close()
        self.log.close()
        return code
