#!/bin/sh
# From nothing to classified digits: installs what is missing, builds cnncc, compiles LeNet-5 to a
# C file, compiles that with cc, and lets the program read pictures of handwritten digits.
#
# usage: scripts/demo.sh
set -eu
cd "$(dirname "$0")/.."

sh scripts/setup.sh
[ -f build/build.ninja ] || cmake --preset release >/dev/null
cmake --build build --target cnncc

out=build/demo
mkdir -p "$out"
echo '$ cnncc examples/lenet/lenet5.onnx -o lenet5.c'
build/cnncc examples/lenet/lenet5.onnx -o "$out/lenet5.c" --name lenet5
echo '$ cc -O2 main.c lenet5.c -lm -o lenet'
"${CC:-cc}" -O2 -I"$out" examples/lenet/main.c "$out/lenet5.c" -lm -o "$out/lenet"
echo '$ ./lenet digits/*.png'
"$out/lenet" examples/lenet/digits/*.png
