"""The native cc_test behind the label that newer Bazel versions load it from."""

cc_test = native.cc_test
