"""Everything from outside, in one place."""

load(":debian_source.bzl", "debian_source")
load(":system_repository.bzl", "system_repository")

_ABSL = {
    "absl/base:core_headers": "absl_base",
    "absl/container:flat_hash_map": "absl_flat_hash_map",
    "absl/container:flat_hash_set": "absl_flat_hash_set",
    "absl/debugging:failure_signal_handler": "absl_failure_signal_handler",
    "absl/debugging:stacktrace": "absl_stacktrace",
    "absl/debugging:symbolize": "absl_symbolize",
    "absl/functional:any_invocable": "absl_any_invocable",
    "absl/functional:function_ref": "absl_function_ref",
    "absl/hash:hash": "absl_hash",
    "absl/random:random": "absl_random_random",
    "absl/status:status": "absl_status",
    "absl/status:statusor": "absl_statusor",
    "absl/strings:str_format": "absl_str_format",
    "absl/strings:strings": "absl_strings",
    "absl/synchronization:synchronization": "absl_synchronization",
    "absl/time:time": "absl_time",
    "absl/types:optional": "absl_optional",
    "absl/types:span": "absl_span",
}

def _bazel_rules():
    native.local_repository(name = "bazel_skylib", path = "/usr/share/bazel/tools/skylib")
    native.local_repository(name = "platforms", path = "/usr/share/bazel/tools/platforms")
    native.local_repository(name = "rules_java", path = "/usr/share/bazel/rules/java")
    native.local_repository(name = "rules_proto", path = "/usr/share/bazel/rules/proto")
    for shim in ["remote_coverage_tools", "rules_cc", "rules_python", "rules_shell"]:
        native.local_repository(name = shim, path = "bazel/shims/" + shim)

def stressd_dependencies():
    """Defines the repositories of Bazel's own rules and of the libraries."""
    _bazel_rules()
    debian_source(
        name = "mimalloc",
        archive = "mimalloc_2.0.9+ds.orig.tar.xz",
        build_file = "//bazel:mimalloc.BUILD",
        package = "mimalloc=2.0.9+ds-2",
        patches = [
            "//bazel/patches:mimalloc-1-thread-id.patch",
            "//bazel/patches:mimalloc-2-quiet-start.patch",
            "//bazel/patches:mimalloc-3-block-links.patch",
            "//bazel/patches:mimalloc-4-page-hold.patch",
            "//bazel/patches:mimalloc-5-thread-sanitizer.patch",
        ],
        sha256 = "cbc9d207ff105ad1f0cb739c378076143a6452b8d0624309cea0abfb040e972b",
    )
    system_repository(name = "com_google_absl", targets = _ABSL)
    system_repository(name = "com_google_protobuf", targets = {
        ":protobuf": "protobuf",
        ":protobuf_lite": "protobuf-lite",
    })
    system_repository(name = "com_github_grpc_grpc", targets = {
        ":grpc++": "grpc++",
        # Registers itself before main, so nothing refers to it.
        ":grpc++_reflection": "-Wl,--push-state,--no-as-needed -lgrpc++_reflection -Wl,--pop-state",
        ":grpcpp_channelz": "-lgrpcpp_channelz",
    })
    system_repository(name = "com_google_googletest", targets = {
        ":gtest": "gmock",
        ":gtest_main": "gmock_main",
    })
    system_repository(name = "com_github_google_benchmark", targets = {
        ":benchmark": "-lbenchmark",
        ":benchmark_main": "-lbenchmark_main -lbenchmark",
    })
    system_repository(name = "com_github_gabime_spdlog", targets = {":spdlog": "spdlog"})
    system_repository(name = "com_github_cliutils_cli11", targets = {":cli11": "CLI11"})
    system_repository(name = "com_github_nlohmann_json", targets = {":json": "nlohmann_json"})
    system_repository(name = "concurrencykit", targets = {":ck": "-lck"})
    system_repository(name = "liburcu", targets = {":urcu_qsbr": "liburcu-qsbr"})
    system_repository(name = "org_sqlite", targets = {":sqlite3": "sqlite3"})
    system_repository(name = "sqlitecpp", targets = {":sqlitecpp": "-lSQLiteCpp -lsqlite3"})
    system_repository(name = "prometheus_cpp", targets = {":core": "-lprometheus-cpp-core"})
    system_repository(name = "systemd", targets = {":systemd": "libsystemd"})
