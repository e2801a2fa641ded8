"""The native py_binary behind the label that newer Bazel versions load it from."""

py_binary = native.py_binary
