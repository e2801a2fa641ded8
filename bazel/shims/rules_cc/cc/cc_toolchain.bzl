"""The native cc_toolchain behind the label that newer Bazel versions load it from."""

cc_toolchain = native.cc_toolchain
