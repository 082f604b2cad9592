#!/bin/sh
# LeNet-5 as C reads as many of the held-out digits right as README.md and examples/lenet say.
#
# usage: accuracy.sh BIN_DIR LENET_DIR DIGITS_DIR      DIGITS_DIR holds MNIST's IDX files, gzipped
set -eu
bin=$1
lenet=$2
digits=$3
[ -d "$digits" ] || { echo "no digits beside the project: skipped"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for kind in images labels; do
    gzip -dc "$digits"/*-"$kind"-idx*.gz >"$tmp/$kind"
done
"$bin/cnncc" "$lenet/lenet5.onnx" -o "$tmp/lenet5.c" --name lenet5
"${CC:-cc}" -O2 -I"$tmp" "$lenet/accuracy.c" "$tmp/lenet5.c" -lm -o "$tmp/accuracy"
"$tmp/accuracy" "$tmp/images" "$tmp/labels" | tee "$tmp/answer"
stated=$(sed -n 's/^| 2000 held out | \(.*\) |$/\1/p' "$lenet/README.md")
[ -n "$stated" ] || { echo "examples/lenet/README.md states no figure"; exit 1; }
grep -qx "held out: [0-9]* of 2000 right, $stated" "$tmp/answer" || {
    echo "expected of the 2000 held out: $stated"
    exit 1
}
