"""Watches a run and the counters until it is killed: ADDRESS RUN."""

import sys
import threading

import reflection_client


def main():
    client = reflection_client.ReflectionClient(sys.argv[1])
    client.wait(60)
    runs = client.call("stressd.v1.RunService", "WatchRun", timeout=None, name=sys.argv[2])
    counters = client.call("stressd.v1.CounterService", "WatchCounters", timeout=None)
    next(runs)
    next(counters)
    print("watching", flush=True)
    threading.Thread(target=lambda: list(counters), daemon=True).start()
    for _ in runs:
        pass


if __name__ == "__main__":
    main()
