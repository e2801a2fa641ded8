"""Hosts with a bug planted into the core by a patch.

Only what a patch reaches is compiled, as one translation unit of the core at -O1
(see plant.py); the rest are the objects of the clean host of the same flavor, which
exist anyway. One mutant of a .cc file so costs a compilation of a second and a link.
"""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "CPP_COMPILE_ACTION_NAME")
load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")
load("//bazel:flavor_table.bzl", "FLAVORS")
load("//bazel:flavors.bzl", "flavor_transition")

SourcesInfo = provider(doc = "Sources of a library and of all it depends on.", fields = ["files"])

def _sources_aspect_impl(_target, ctx):
    direct = []
    for attribute in ["srcs", "hdrs", "textual_hdrs"]:
        direct += getattr(ctx.rule.files, attribute, [])
    return [SourcesInfo(files = depset(
        direct,
        transitive = [
            dep[SourcesInfo].files
            for dep in getattr(ctx.rule.attr, "deps", [])
            if SourcesInfo in dep
        ],
    ))]

_sources_aspect = aspect(implementation = _sources_aspect_impl, attr_aspects = ["deps"])

def _sources_impl(ctx):
    files = ctx.attr.library[SourcesInfo].files
    return [DefaultInfo(files = files, runfiles = ctx.runfiles(transitive_files = files))]

# The sources of a library and of all it depends on, as files.
all_sources = rule(
    implementation = _sources_impl,
    attrs = {"library": attr.label(aspects = [_sources_aspect], mandatory = True)},
)

def _source_line(file):
    return file.short_path + "\t" + file.path

def _plant(ctx, sources):
    """Applies the patch. Returns the folder of what it changed and of the units."""
    listing = ctx.actions.declare_file(ctx.label.name + ".sources")
    lines = ctx.actions.args()
    lines.set_param_file_format("multiline")
    lines.add_all(sources, map_each = _source_line)
    ctx.actions.write(listing, lines)
    planted = ctx.actions.declare_directory(ctx.label.name + ".planted")
    ctx.actions.run_shell(
        outputs = [planted],
        inputs = depset([ctx.file.patch, ctx.file._plant, listing], transitive = [sources]),
        command = "python3 \"$1\" --sources \"$2\" --out \"$3\" \"$4\"",
        arguments = [ctx.file._plant.path, listing.path, planted.path, ctx.file.patch.path],
        mnemonic = "PlantBug",
        progress_message = "Planting " + ctx.attr.name,
    )
    return planted

def _compile(ctx, toolchain, features, planted, sources):
    """Compiles the units. Returns one object."""
    context = ctx.attr.host[0][CcInfo].compilation_context
    object_file = ctx.actions.declare_file(ctx.label.name + ".o")
    variables = cc_common.create_compile_variables(
        cc_toolchain = toolchain,
        feature_configuration = features,
        user_compile_flags = FLAVORS[ctx.attr.flavor].copts + ["-O1", "-w"],
        # What was planted is found first.
        quote_include_directories = depset(
            [planted.path],
            order = "preorder",
            transitive = [context.quote_includes],
        ),
        include_directories = context.includes,
        system_include_directories = context.system_includes,
        preprocessor_defines = context.defines,
        use_pic = True,
    )
    command = cc_common.get_memory_inefficient_command_line(
        feature_configuration = features,
        action_name = CPP_COMPILE_ACTION_NAME,
        variables = variables,
    )
    compiler = cc_common.get_tool_for_action(
        feature_configuration = features,
        action_name = CPP_COMPILE_ACTION_NAME,
    )
    ctx.actions.run_shell(
        outputs = [object_file],
        inputs = depset([planted], transitive = [sources, context.headers, toolchain.all_files]),
        command = """set -e
out=$1; units=$2; compiler=$3; shift 3
for unit in "$units"/units/*; do
  case $unit in *.c) language=-std=gnu11 ;; *) language=-std=c++20 ;; esac
  "$compiler" "$@" $language -c "$unit" -o "$out.$(basename "$unit").o"
done
if [ "$(ls "$out".*.o | wc -l)" -eq 1 ]; then mv "$out".*.o "$out"; else
  "$compiler" -B/usr/bin -fuse-ld=lld-19 -nostdlib -r -o "$out" "$out".*.o
fi""",
        arguments = [object_file.path, planted.path, compiler] + command,
        env = cc_common.get_environment_variables(
            feature_configuration = features,
            action_name = CPP_COMPILE_ACTION_NAME,
            variables = variables,
        ),
        mnemonic = "CompileMutant",
        progress_message = "Compiling " + ctx.attr.name,
    )
    return object_file

def _mutant_host_impl(ctx):
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features + ["module_maps"],
    )
    host = ctx.attr.host[0]
    sources = host[SourcesInfo].files
    planted = _plant(ctx, sources)
    object_file = _compile(ctx, toolchain, features, planted, sources)
    linked = cc_common.link(
        name = ctx.label.name,
        actions = ctx.actions,
        cc_toolchain = toolchain,
        feature_configuration = features,
        # First, so that the archives' members of the same name stay out.
        compilation_outputs = cc_common.create_compilation_outputs(
            objects = depset([object_file]),
            pic_objects = depset([object_file]),
        ),
        linking_contexts = [host[CcInfo].linking_context],
        user_link_flags = FLAVORS[ctx.attr.flavor].linkopts + ["-Wl,--build-id=sha1"],
    )
    return [DefaultInfo(files = depset([linked.executable]), executable = linked.executable)]

# The host of one flavor with one patch applied to the core.
mutant_host = rule(
    implementation = _mutant_host_impl,
    attrs = {
        "flavor": attr.string(values = FLAVORS.keys(), mandatory = True),
        "host": attr.label(
            cfg = flavor_transition,
            aspects = [_sources_aspect],
            providers = [CcInfo],
            mandatory = True,
        ),
        "patch": attr.label(allow_single_file = [".patch"], mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
        "_plant": attr.label(default = "//mutants:plant.py", allow_single_file = True),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
    executable = True,
)
