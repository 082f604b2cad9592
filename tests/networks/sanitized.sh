#!/bin/sh
# A network's emitted C under the address and undefined behaviour sanitizers: it reads and writes
# nothing outside buffers of the exact size (inputs, outputs, arena and weights, each on the heap),
# and gives the same bits as without them. verify.sh compares these bits with the interpreter.
#
# usage: sanitized.sh BIN_DIR MODEL COMPILER
#   MODEL     a file, or a name that mknet knows
#   COMPILER  gcc or clang: which one's sanitizers; gcc compiles faster, clang's code runs faster
set -eu
bin=$(cd "$1" && pwd)
model=$2
compiler=$3
harness=$(cd "$(dirname "$0")/../emitted" && pwd)/harness.c
command -v "$compiler" >/dev/null || { echo "no $compiler here: skipped"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

case $model in
*.onnx) model=$(realpath "$model") ;;
*)
    "$bin/mknet" "$model" -o "$tmp/$model.onnx"
    model=$tmp/$model.onnx
    ;;
esac
cd "$tmp"
"$bin/cnncc" "$model" -o model.c --name model --weights bin
"$compiler" -O1 -DLOAD_WEIGHTS -I. model.c "$harness" -lm -o plain
"$compiler" -O1 -DLOAD_WEIGHTS -fsanitize=address,undefined -fno-sanitize-recover=all \
    -I. model.c "$harness" -lm -o sanitized
./plain >plain.out
[ -s plain.out ]
./sanitized >sanitized.out
cmp plain.out sanitized.out
echo "$compiler: no stray access, same bits"
