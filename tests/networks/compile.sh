#!/bin/sh
# A whole network through frontend, passes, lowering and C printer, nothing run: what the build
# with sanitizers does, where an interpreter would take minutes.
#
# usage: compile.sh BIN_DIR NETWORK       a name that mknet knows
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$1/mknet" "$2" -o "$tmp/$2.onnx"
for target in c99 avx512; do
    "$1/cnncc" "$tmp/$2.onnx" -o "$tmp/net.c" --target $target
    [ -s "$tmp/net.c" ] && [ -s "$tmp/net.h" ] && [ -s "$tmp/net.c.weights" ]
done
