"""Every flavor of a binary or a test in one build, by one transition."""

load("@rules_cc//cc:cc_binary.bzl", "cc_binary")
load(":flavor_table.bzl", "FLAVORS", "FREE_FLAVORS", "TESTED_FLAVORS", "WARNINGS")

def _flavor_transition_impl(_settings, attr):
    flavor = FLAVORS[attr.flavor]
    return {
        "//command_line_option:copt": flavor.copts + WARNINGS,
        "//command_line_option:linkopt": flavor.linkopts,
    }

# Builds what stands behind it in the flavor that the attribute `flavor` names.
flavor_transition = transition(
    implementation = _flavor_transition_impl,
    inputs = [],
    outputs = [
        "//command_line_option:copt",
        "//command_line_option:linkopt",
    ],
)

def _flavored_impl(ctx):
    actual = ctx.attr.actual[0][DefaultInfo]
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(
        output = executable,
        target_file = actual.files_to_run.executable,
        is_executable = True,
    )
    return [DefaultInfo(
        executable = executable,
        runfiles = actual.default_runfiles.merge(ctx.runfiles(files = ctx.files.data)),
    )]

def _flavored_test_impl(ctx):
    return _flavored_impl(ctx) + [testing.TestEnvironment({"STRESSD_FLAVOR": ctx.attr.flavor})]

_ATTRS = {
    "actual": attr.label(cfg = flavor_transition, executable = True, mandatory = True),
    "data": attr.label_list(allow_files = True),
    "flavor": attr.string(values = FLAVORS.keys(), mandatory = True),
    "_allowlist_function_transition": attr.label(
        default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
    ),
}

_flavor_binary = rule(implementation = _flavored_impl, attrs = _ATTRS, executable = True)

_flavor_test = rule(implementation = _flavored_test_impl, attrs = _ATTRS, test = True)

def flavored_binary(name, flavors = FREE_FLAVORS, visibility = None, testonly = False, **kwargs):
    """Builds `name_FLAVOR` for each flavor, and `name`, a filegroup of them all.

    Args:
      name: prefix of the targets.
      flavors: which flavors of the table.
      visibility: of all targets.
      testonly: of all targets.
      **kwargs: as of cc_binary.
    """
    cc_binary(
        name = name + "_base",
        tags = ["manual"],
        testonly = testonly,
        visibility = ["//visibility:private"],
        **kwargs
    )
    for flavor in flavors:
        _flavor_binary(
            name = name + "_" + flavor,
            actual = name + "_base",
            flavor = flavor,
            testonly = testonly,
            visibility = visibility,
        )
    native.filegroup(
        name = name,
        srcs = [name + "_" + flavor for flavor in flavors],
        testonly = testonly,
        visibility = visibility,
    )

def flavored_test(
        name,
        flavors = TESTED_FLAVORS,
        size = "small",
        timeout = None,
        data = [],
        tags = [],
        args = [],
        flaky = False,
        shard_count = None,
        **kwargs):
    """Builds and runs the test `name_FLAVOR` for each flavor; `name` is the suite.

    Args:
      name: prefix of the targets.
      flavors: which flavors of the table.
      size: as of cc_test.
      timeout: as of cc_test.
      data: files the test reads, in the command line's configuration.
      tags: as of cc_test; each test is tagged with its flavor as well.
      args: as of cc_test.
      flaky: must stay False.
      shard_count: as of cc_test.
      **kwargs: as of cc_binary.
    """
    if flaky:
        fail("no flaky tests")
    cc_binary(
        name = name + "_base",
        testonly = True,
        tags = ["manual"],
        visibility = ["//visibility:private"],
        **kwargs
    )
    for flavor in flavors:
        _flavor_test(
            name = name + "_" + flavor,
            actual = name + "_base",
            args = args,
            data = data,
            flavor = flavor,
            shard_count = shard_count,
            size = size,
            tags = tags + [flavor],
            timeout = timeout,
        )
    native.test_suite(
        name = name,
        tests = [name + "_" + flavor for flavor in flavors],
    )
