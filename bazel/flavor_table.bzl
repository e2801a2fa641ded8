"""The flavors of the runtime host: one entry each, nothing else to add.

copts and linkopts replace the command line's, so a flavor means the same under
every --config. mark is the copt that tells a flavor from plain. The macros are explained in runtime/base/config.h.
"""

_SANITIZER_COPTS = ["-O1", "-g1", "-fno-omit-frame-pointer"]

FLAVORS = {
    # Runtime checks on, schedule points in. Keep in step with .bazelrc.
    "plain": struct(
        copts = ["-O2", "-g1", "-fno-omit-frame-pointer"],
        linkopts = [],
        mark = None,
    ),
    # AddressSanitizer, LeakSanitizer, UndefinedBehaviorSanitizer.
    "asan": struct(
        copts = _SANITIZER_COPTS + [
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=undefined",
        ],
        linkopts = [
            "-fsanitize=address,undefined",
            # Bazel links through the C driver.
            "-fsanitize-link-c++-runtime",
        ],
        mark = "-fsanitize=address,undefined",
    ),
    "tsan": struct(
        copts = _SANITIZER_COPTS + ["-fsanitize=thread"],
        linkopts = ["-fsanitize=thread"],
        mark = "-fsanitize=thread",
    ),
    # Instrumented for the controlled engine, which is linked instead of
    # ThreadSanitizer's runtime: //stressd/explore.
    "explore": struct(
        copts = _SANITIZER_COPTS + [
            "-fsanitize=thread",
            "-DSTRESSD_EXPLORE=1",
        ],
        # Names bound at the start: each forked child would bind them again.
        linkopts = [
            "-rdynamic",
            "-Wl,-z,now",
        ],
        mark = "-DSTRESSD_EXPLORE=1",
    ),
    # What an embedder ships.
    "bench": struct(
        copts = [
            "-O3",
            "-g1",
            "-fno-omit-frame-pointer",
            "-DNDEBUG",
            "-DRT_CHECKS=0",
            "-DRT_REFERENCE_TOTALS=0",
            "-DRT_SCHEDULE_POINTS=0",
        ],
        linkopts = [],
        mark = "-DRT_CHECKS=0",
    ),
}

# Of every flavor.
WARNINGS = ["-Wall", "-Wextra", "-Wthread-safety"]

# The flavors of what runs freely.
FREE_FLAVORS = ["plain", "asan", "tsan", "bench"]

# The flavors that tests run in.
TESTED_FLAVORS = ["plain", "asan", "tsan"]
