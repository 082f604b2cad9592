#!/bin/sh
# A network, statically quantised in the forms that exporters make, through every back end: they
# agree as verify.sh says, and LeNet-5 still reads the digits that it was calibrated on.
#
# usage: quantised.sh BIN_DIR NETWORK DIGITS FORM    DIGITS holds 0.png to 9.png
set -eu
bin=$1
network=$2
digits=$3
form=$4
here=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

"$bin/quantise" "$network" "$tmp/quantised.onnx" "$form" "$digits"/[0-9].png
sh "$here/verify.sh" "$bin" "$tmp/quantised.onnx"
for digit in 0 1 2 3 4 5 6 7 8 9; do
    "$bin/classify" "$tmp/quantised.onnx" "$digits/$digit.png" >"$tmp/answer"
    grep "  1\. " "$tmp/answer"
    grep -q "  1\. class $digit," "$tmp/answer" || { echo "$digit.png is misread"; exit 1; }
done
