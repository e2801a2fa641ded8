#!/usr/bin/env python3
"""The style rules a program can check; prints one line per breach, exits 1 if any.

  rooms      who may include whom, and the ladder of runtime/
  sizes      600 lines a file at most
  glossary   identifiers that docs/glossary.md lists as "not"
  orders     every ordered atomic access has a labelled note, notes are mutual
  waits      no sleeping, no raw std::atomic or futex outside runtime/base, no
             absl::Mutex where ThreadSanitizer must see the locks

`--self-test` breaks each rule on purpose and sees it reported.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

LADDER = ["base", "sync", "stats", "qsbr", "alloc", "object", "gc", "state", "interp"]
# Drivers of the runtime core that may see all of it.
ABOVE_LADDER = ["bench", "example"]
MAX_LINES = 600
SOURCE = (".h", ".cc", ".c", ".inc")

# room prefix -> include prefixes it must not have
FORBIDDEN = {
    "runtime/": ["grpc", "google/protobuf", "spdlog", "proto/", "stressd/", "client/", "sqlite"],
    "stressd/host/": ["grpc", "spdlog", "sqlite", "SQLiteCpp", "proto/", "stressd/daemon/", "client/"],
    "stressd/protocol/": ["grpc", "spdlog", "runtime/", "proto/", "stressd/daemon/", "stressd/host/"],
    "stressd/daemon/": ["runtime/", "stressd/host/", "client/"],
    "stressd/daemon/runs/": ["grpc", "spdlog", "proto/", "google/protobuf"],
    "stressd/daemon/supervisor/": ["grpc", "spdlog", "proto/"],
    "client/": ["runtime/", "stressd/", "spdlog"],
}
# Files of a room that tie two rooms together on purpose (layout asserts, tests).
NO_ABSL_MUTEX = ("runtime/", "stressd/host/", "stressd/protocol/", "stressd/daemon/runs/",
                 "stressd/daemon/supervisor/")

INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')
ORDERED = re.compile(r"std::memory_order_(acquire|release|acq_rel|seq_cst)|"
                     r"\bk(Acquire|Release|AcqRel|SeqCst)\b")
LABEL = re.compile(r"\(([A-Z]{1,4}\d{1,3}[a-z]?)\)")
SLEEP = re.compile(r"\b(usleep|nanosleep|sleep_for|sleep_until|SleepFor)\s*\(|(?<![\w.])sleep\s*\(")
WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Checker:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.breaches = []

    def report(self, path, line, rule, text):
        self.breaches.append(f"{path}:{line}: [{rule}] {text}")

    def files(self):
        listed = subprocess.run(["git", "-C", str(self.root), "ls-files", "-co",
                                 "--exclude-standard"], capture_output=True, text=True)
        if listed.returncode == 0 and listed.stdout:
            names = listed.stdout.split("\n")
        else:
            names = [str(p.relative_to(self.root)) for p in self.root.rglob("*") if p.is_file()]
        return sorted(n for n in names if n and (self.root / n).is_file())

    def run(self):
        banned = self.banned_words()
        notes = {}
        for name in self.files():
            if not name.endswith(SOURCE):
                continue
            lines = (self.root / name).read_text(errors="replace").split("\n")
            if len(lines) > MAX_LINES:
                self.report(name, len(lines), "sizes", f"{len(lines)} lines, at most {MAX_LINES}")
            self.check_includes(name, lines)
            self.check_words(name, lines, banned)
            self.check_waits(name, lines)
            if name.startswith("runtime/"):
                self.collect_notes(name, lines, notes)
        self.check_mutual(notes)
        return self.breaches

    def check_includes(self, name, lines):
        rung = self.rung(name)
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match.group(1)
            for room, prefixes in FORBIDDEN.items():
                if name.startswith(room) and any(target.startswith(p) for p in prefixes):
                    self.report(name, number, "rooms", f"{room} must not include {target}")
            other = self.rung(target)
            if rung is not None and other is not None and other > rung:
                self.report(name, number, "rooms", f"runtime ladder: {LADDER[rung]} is below "
                            f"{LADDER[other]}, so it must not include {target}")

    @staticmethod
    def rung(path):
        parts = path.split("/")
        if len(parts) < 3 or parts[0] != "runtime" or parts[1] not in LADDER:
            return None
        return LADDER.index(parts[1])

    def banned_words(self):
        page = self.root / "docs" / "glossary.md"
        words = {}
        if not page.exists():
            return words
        for line in page.read_text().split("\n"):
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            if line.startswith("|") and len(cells) == 3:
                for word in re.findall(r"`([^`]+)`", cells[2]):
                    words[word.lower()] = cells[0]
        return words

    def check_words(self, name, lines, banned):
        for number, line in enumerate(lines, 1):
            code = re.sub(r'"(\\.|[^"\\])*"', '""', line.split("//")[0])
            for word in WORD.findall(code):
                if word.lower().strip("_") in banned:
                    self.report(name, number, "glossary",
                                f"'{word}': say {banned[word.lower().strip('_')]}")

    def check_waits(self, name, lines):
        for number, line in enumerate(lines, 1):
            code = line.split("//")[0]
            excused = "style:" in line or (number > 1 and "style:" in lines[number - 2])
            if excused:
                continue
            if SLEEP.search(code):
                self.report(name, number, "waits", "sleeping is no synchronisation")
            if name.startswith("runtime/") and not name.startswith("runtime/base/"):
                if "SYS_futex" in code:
                    self.report(name, number, "waits", "wait through runtime/base/futex.h")
                if re.search(r"std::atomic\s*<", code) and not name.endswith("_test.cc"):
                    self.report(name, number, "waits", "use rt::Atomic of runtime/base/atomic.h")
            if name.startswith(NO_ABSL_MUTEX) and re.search(r"absl::(Mutex|Notification)\b", code):
                self.report(name, number, "waits", "ThreadSanitizer does not see absl::Mutex")

    def collect_notes(self, name, lines, notes):
        folder = str(pathlib.PurePosixPath(name).parent)
        is_test = "_test" in name or "/bench/" in name or "test_" in name
        number = 0
        while number < len(lines):
            if "//" not in lines[number]:
                number += 1
                continue
            start = number
            text = ""
            while number < len(lines) and lines[number].lstrip().startswith("//"):
                text += lines[number].lstrip()[2:] + " "
                number += 1
            if number == start:  # a trailing comment
                text = lines[number].split("//", 1)[1]
                number += 1
            self.add_note(folder, name, start + 1, text, notes)
        if is_test or name.startswith("runtime/base/"):
            return
        for index, line in enumerate(lines):
            code = line.split("//")[0]
            if not ORDERED.search(code):
                continue
            window = "\n".join(lines[max(0, index - 14):index + 1])
            if not LABEL.search(window):
                self.report(name, index + 1, "orders", "ordered access without a labelled note")

    @staticmethod
    def add_note(folder, name, line, text, notes):
        # A note begins with its own label: "(Q1) acquire load, synchronizes with ... (Q4)".
        pieces = re.split(r"(?:(?<=^)|(?<=\. )|(?<=; )|(?<=\s))(?=\([A-Z]{1,4}\d{1,3}[a-z]?\) "
                          r"(?:acquire|release|acq_rel|seq_cst|relaxed))", text.strip())
        for piece in pieces:
            labels = LABEL.findall(piece)
            if labels and piece.lstrip().startswith("(" + labels[0] + ")"):
                entry = notes.setdefault((folder, labels[0]), {"where": (name, line), "to": set()})
                if re.search(r"synchronizes with|total order with", piece):
                    entry["to"].update(l for l in labels[1:] if l != labels[0])

    def check_mutual(self, notes):
        for (folder, label), note in sorted(notes.items()):
            name, line = note["where"]
            for other in sorted(note["to"]):
                partner = notes.get((folder, other))
                if partner is None:
                    self.report(name, line, "orders", f"({label}) names ({other}), which has no note")
                elif label not in partner["to"]:
                    self.report(name, line, "orders",
                                f"({label}) names ({other}), but ({other}) does not name ({label})")


SELF_TEST = {
    "runtime/base/a.h": '#include "runtime/state/x.h"\n',
    "stressd/daemon/a.cc": '#include "runtime/base/x.h"\n',
    "runtime/sync/long.cc": "\n" * (MAX_LINES + 1),
    "runtime/sync/wait.cc": "void f() { usleep(1); }\nstd::atomic<int> a;\nabsl::Mutex m;\n",
    "runtime/qsbr/q.cc": ("// (Q1) acquire load, synchronizes with the release store (Q2).\n"
                          "x.load(std::memory_order_acquire);\n"
                          "// (Q2) release store, synchronizes with the acquire load (Q3).\n"
                          "x.store(1, std::memory_order_release);\n" + "\n" * 15 +
                          "y.load(std::memory_order_seq_cst);\n"),
    "client/words.cc": "int Flavour() { int stats_page = 0; return stats_page; }\n",
    "docs/glossary.md": "| say | for | not |\n| --- | --- | --- |\n"
                        "| black box | memory | `stats_page` |\n| flavor | build | `Flavour` |\n",
}
SELF_TEST_EXPECTED = [
    "runtime/base/a.h:1: [rooms]", "stressd/daemon/a.cc:1: [rooms]",
    "runtime/sync/long.cc:602: [sizes]", "runtime/sync/wait.cc:1: [waits]",
    "runtime/sync/wait.cc:2: [waits]", "runtime/sync/wait.cc:3: [waits]",
    "runtime/qsbr/q.cc:1: [orders] (Q1) names (Q2), but", "runtime/qsbr/q.cc:3: [orders] (Q2) names (Q3), which",
    "runtime/qsbr/q.cc:20: [orders] ordered", "client/words.cc:1: [glossary] 'stats_page'",
    "client/words.cc:1: [glossary] 'Flavour'",
]


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        for name, text in SELF_TEST.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        breaches = Checker(folder).run()
    missing = [e for e in SELF_TEST_EXPECTED if not any(b.startswith(e) for b in breaches)]
    for expected in missing:
        print(f"self-test: not reported: {expected}", file=sys.stderr)
    return 1 if missing else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", default=".")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    breaches = Checker(options.root).run()
    for breach in breaches:
        print(breach)
    print(f"style: {len(breaches)} breaches", file=sys.stderr)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
