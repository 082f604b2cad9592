#!/bin/sh
# Compiles the three filters to C, that C with filter.c to programs, and runs these on the photograph.
#
# usage: make.sh [BIN_DIR [OUT_DIR]]      BIN_DIR has cnncc; OUT_DIR gets box.png, gauss.png, sharpen.png
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:-$here/../../build}" && pwd)
out=${2:-$bin/filters}
mkdir -p "$out"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for filter in box gauss sharpen; do
    "$bin/cnncc" "$here/$filter.onnxtxt" -o "$tmp/filter_net.c" --name filter_net
    "${CC:-cc}" -O2 -I"$tmp" "$here/filter.c" "$tmp/filter_net.c" -lm -o "$tmp/$filter"
    "$tmp/$filter" "$here/photo.png" "$out/$filter.png"
    echo "$out/$filter.png"
done
