"""C++ code from .proto files with the machine's protoc and grpc_cpp_plugin."""

load("@rules_cc//cc:cc_library.bzl", "cc_library")

ProtoFilesInfo = provider(
    doc = "The .proto files of a target and of all it depends on.",
    fields = {"files": "depset of File"},
)

def _proto_files_impl(ctx):
    files = depset(
        ctx.files.srcs,
        transitive = [dep[ProtoFilesInfo].files for dep in ctx.attr.deps],
    )
    return [DefaultInfo(files = depset(ctx.files.srcs)), ProtoFilesInfo(files = files)]

_proto_files = rule(
    implementation = _proto_files_impl,
    attrs = {
        "deps": attr.label_list(providers = [ProtoFilesInfo]),
        "srcs": attr.label_list(allow_files = [".proto"]),
    },
)

def _proto_sources_impl(ctx):
    outs = []
    suffixes = [".grpc.pb.h", ".grpc.pb.cc"] if ctx.attr.grpc else [".pb.h", ".pb.cc"]
    for src in ctx.files.srcs:
        stem = src.basename[:-len(".proto")]
        outs += [ctx.actions.declare_file(stem + suffix, sibling = src) for suffix in suffixes]
    args = ctx.actions.args()
    if ctx.attr.grpc:
        args.add("--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin")
        args.add("--grpc_out=" + ctx.bin_dir.path)
    else:
        args.add("--cpp_out=" + ctx.bin_dir.path)
    args.add("-I.")
    args.add("-I/usr/include")
    args.add_all(ctx.files.srcs)
    ctx.actions.run(
        executable = ctx.executable._protoc,
        arguments = [args],
        inputs = ctx.attr.protos[ProtoFilesInfo].files,
        outputs = outs,
        mnemonic = "Protoc",
        use_default_shell_env = True,
    )
    return [DefaultInfo(files = depset(outs))]

_proto_sources = rule(
    implementation = _proto_sources_impl,
    attrs = {
        "grpc": attr.bool(),
        "protos": attr.label(providers = [ProtoFilesInfo], mandatory = True),
        "srcs": attr.label_list(allow_files = [".proto"], mandatory = True),
        "_protoc": attr.label(default = "//bazel:protoc", executable = True, cfg = "exec"),
    },
)

def _library(name, srcs, deps, runtime, grpc, visibility):
    _proto_files(
        name = name + "_protos",
        srcs = srcs,
        deps = [] if grpc else [_protos_of(dep) for dep in deps],
        visibility = visibility,
    )
    _proto_sources(
        name = name + "_sources",
        srcs = srcs,
        grpc = grpc,
        protos = name + "_protos" if not grpc else _protos_of(deps[0]),
    )
    cc_library(
        name = name,
        srcs = [name + "_sources"],
        hdrs = [name + "_sources"],
        copts = ["-w"],
        visibility = visibility,
        deps = deps + runtime,
    )

def _protos_of(label):
    if ":" in label:
        return label + "_protos"
    return label + ":" + label.split("/")[-1] + "_protos"

def cc_proto_library(name, srcs, deps = [], lite = False, visibility = None):
    """C++ messages of `srcs`, included by their path in the workspace.

    Args:
      name: of the library; its .proto files are `name_protos`.
      srcs: .proto files of this package.
      deps: the cc_proto_library of each imported file.
      lite: links the lite runtime (the files say `optimize_for = LITE_RUNTIME`).
      visibility: of the library.
    """
    runtime = "@com_google_protobuf//:protobuf_lite" if lite else "@com_google_protobuf//:protobuf"
    _library(name, srcs, deps, [runtime], False, visibility)

def cc_grpc_library(name, srcs, deps, visibility = None):
    """gRPC services of `srcs`.

    Args:
      name: of the library.
      srcs: .proto files of this package that define services.
      deps: first the cc_proto_library of `srcs`, then others it needs.
      visibility: of the library.
    """
    _library(name, srcs, deps, ["@com_github_grpc_grpc//:grpc++"], True, visibility)
