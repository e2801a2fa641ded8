"""The native sh_test behind the label that newer Bazel versions load it from."""

sh_test = native.sh_test
