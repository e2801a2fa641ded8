"""The native cc_binary behind the label that newer Bazel versions load it from."""

cc_binary = native.cc_binary
