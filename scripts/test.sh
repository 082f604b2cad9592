#!/bin/sh
# The whole test suite: installs what is missing, builds optimised and with sanitizers, and runs
# ctest on both.
#
# usage: scripts/test.sh [ctest arguments]      for example: scripts/test.sh -L fast
#        CMAKE_ARGS   further arguments of cmake, for example -DCNNCC_WERROR=ON
set -eu
cd "$(dirname "$0")/.."

sh scripts/setup.sh
jobs=$(nproc)
failed=
for preset in release debug; do
    # shellcheck disable=SC2086 # several words
    cmake --preset "$preset" ${CMAKE_ARGS:-} >/dev/null
    cmake --build --preset "$preset" -j "$jobs"
    echo "== ctest, $preset =="
    ctest --preset "$preset" -j "$jobs" "$@" || failed="$failed $preset"
done
if [ -n "$failed" ]; then
    echo "tests failed:$failed"
    exit 1
fi
echo "all tests passed"
