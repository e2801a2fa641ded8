#!/bin/sh
# Runs a Python test with the machine's interpreter, which has python3-grpcio.
# usage: run_python_test.sh TEST.py STRESSD A_HOST
set -eu
export PYTHONDONTWRITEBYTECODE=1
test=$1
stressd=$2
host=$3
exec /usr/bin/python3 "$test" "$stressd" "$(dirname "$host")" -v
