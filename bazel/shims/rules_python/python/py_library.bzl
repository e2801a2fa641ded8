"""The native py_library behind the label that newer Bazel versions load it from."""

py_library = native.py_library
