"""Debian's packages behind the labels that the projects themselves use.

A source build can replace any of these repositories by an archive of the same
name without a change in our BUILD files.
"""

def _link_flags(ctx, repository, value):
    if value.startswith("-"):
        return value.split(" "), []
    result = ctx.execute(["pkg-config", "--cflags", "--libs"] + value.split(" "))
    if result.return_code != 0:
        fail("@{}: the system package for '{}' is missing; run ./dev setup\n{}".format(
            repository,
            value,
            result.stderr,
        ))
    flags = [flag for flag in result.stdout.strip().split(" ") if flag]
    links = [flag for flag in flags if flag.startswith("-l") or flag.startswith("-Wl,")]
    defines = [flag[2:] for flag in flags if flag.startswith("-D")]
    return links, defines

def _system_repository_impl(ctx):
    packages = {}
    for label, value in ctx.attr.targets.items():
        package, _, target = label.rpartition(":")
        links, defines = _link_flags(ctx, ctx.name, value)
        packages.setdefault(package, []).append("""
cc_library(
    name = "{}",
    defines = {},
    linkopts = {},
)
""".format(target, repr(defines), repr(links)))
    for package, rules in packages.items():
        path = package + "/BUILD.bazel" if package else "BUILD.bazel"
        header = "package(default_visibility = [\"//visibility:public\"])\n"
        ctx.file(path, header + "".join(rules))

system_repository = repository_rule(
    implementation = _system_repository_impl,
    doc = "Headers come from /usr/include, which the C++ toolchain knows; a target only links.",
    attrs = {
        "targets": attr.string_dict(
            doc = "Label (`package:target`) to pkg-config names, or to linker flags if it starts with '-'.",
            mandatory = True,
        ),
    },
    local = True,
)
