"""The native sh_binary behind the label that newer Bazel versions load it from."""

sh_binary = native.sh_binary
