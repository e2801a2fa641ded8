"""The native py_test behind the label that newer Bazel versions load it from."""

py_test = native.py_test
