#!/bin/sh
# Writes what follows from tests/operators.txt: ir/op_facts.def, by trying every operator in every
# element type, and docs/OPERATORS.md.
#
# usage: operators.sh [BUILD [check]]   BUILD is a configured build tree (default: build); `check`
#                                       only tells whether the two files are up to date
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
root=$(sed -n 's/^CNNCC_ONNX_TESTDATA:PATH=//p' "$build/CMakeCache.txt")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

ninja -C "$build" optable >/dev/null
if ! "$build/optable" facts tests/operators.txt >"$tmp/facts"; then
    echo "operators.sh: the operators' types could not all be tried" >&2
    exit 1
fi
if [ "${2:-}" = check ]; then
    diff -u ir/op_facts.def "$tmp/facts"
    [ -d "$root" ] || exit 77 # the page counts ONNX's tests
    "$build/optable" doc tests/operators.txt "$root" tests/conformance.exclude >"$tmp/doc"
    diff -u docs/OPERATORS.md "$tmp/doc"
    exit 0
fi
cmp -s "$tmp/facts" ir/op_facts.def || cp "$tmp/facts" ir/op_facts.def
ninja -C "$build" optable >/dev/null
"$build/optable" doc tests/operators.txt "$root" tests/conformance.exclude >docs/OPERATORS.md
