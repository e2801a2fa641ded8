"""The native cc_import behind the label that newer Bazel versions load it from."""

cc_import = native.cc_import
