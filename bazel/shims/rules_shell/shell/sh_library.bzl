"""The native sh_library behind the label that newer Bazel versions load it from."""

sh_library = native.sh_library
