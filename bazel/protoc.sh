#!/bin/sh
# The machine's protoc, as an executable label.
exec protoc "$@"
