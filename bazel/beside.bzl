"""A program under another name, in another package's folder."""

def _beside_impl(ctx):
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(
        output = executable,
        target_file = ctx.executable.program,
        is_executable = True,
    )
    return [DefaultInfo(
        executable = executable,
        files = depset([executable]),
        runfiles = ctx.attr.program[DefaultInfo].default_runfiles,
    )]

# `program`, so that it lies beside the programs of this package and is found by name.
beside = rule(
    implementation = _beside_impl,
    attrs = {
        "program": attr.label(cfg = "target", executable = True, mandatory = True),
    },
    executable = True,
)
