"""The native cc_library behind the label that newer Bazel versions load it from."""

cc_library = native.cc_library
