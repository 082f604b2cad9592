#!/bin/sh
# The whole test suite: installs what is missing, builds optimised and with sanitizers, and runs
# ctest on both.
#
# usage: scripts/test.sh [ctest arguments]      for example: scripts/test.sh -L fast
set -eu
cd "$(dirname "$0")/.."

sh scripts/setup.sh
jobs=$(nproc)
failed=
for preset in release debug; do
    cmake --preset "$preset" >/dev/null
    cmake --build --preset "$preset" -j "$jobs"
    echo "== ctest, $preset =="
    ctest --preset "$preset" -j "$jobs" "$@" || failed="$failed $preset"
done
if [ -n "$failed" ]; then
    echo "tests failed:$failed"
    exit 1
fi
echo "all tests passed"
