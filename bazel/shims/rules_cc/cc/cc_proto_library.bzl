"""The native cc_proto_library behind the label that newer Bazel versions load it from."""

cc_proto_library = native.cc_proto_library
