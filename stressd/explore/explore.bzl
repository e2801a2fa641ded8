"""Programs that run under the controlled engine."""

load("@rules_cc//cc:cc_binary.bzl", "cc_binary")

# What makes clang call the engine at every access. -O1 keeps accesses that the
# source makes; the link must not see the flag, or it would add TSan's runtime.
EXPLORE_COPTS = ["-fsanitize=thread", "-O1", "-g1"]

def explore_binary(name, deps = [], copts = [], linkopts = [], tags = [], **kwargs):
    """A program compiled for the engine and linked with it.

    Only its own sources are instrumented: libraries in deps run, but are not
    scheduled.

    Args:
      name: the target.
      deps: as of cc_binary.
      copts: as of cc_binary.
      linkopts: as of cc_binary.
      tags: as of cc_binary.
      **kwargs: as of cc_binary.
    """
    cc_binary(
        name = name,
        copts = EXPLORE_COPTS + copts,
        # Names bound at the start: each forked child would bind them again.
        linkopts = [
            "-Wl,--build-id=sha1",
            "-Wl,-z,now",
        ] + linkopts,
        # Under another sanitizer there is nothing to see.
        tags = tags + ["no_asan", "no_tsan"],
        deps = deps + ["//stressd/explore:runtime"],
        **kwargs
    )
