#!/bin/sh
# A small network of a kind that users export: C by gcc, C by clang and the JIT against the
# interpreter, and the scalar kernels as well.
#
# usage: exported.sh BIN_DIR MODEL
set -eu
bin=$1
model=$2
for compiler in gcc clang; do
    command -v "$compiler" >/dev/null || { echo "no $compiler here: skipped"; exit 77; }
done
case $("$bin/cnncc" --version) in
*LLVM*)
    "$bin/cnncc" verify "$model" --backend c,jit --cc gcc --cc clang
    "$bin/cnncc" verify "$model" --backend jit --target c99
    ;;
*)
    "$bin/cnncc" verify "$model" --backend c --cc gcc --cc clang
    "$bin/cnncc" verify "$model" --backend c --cc gcc --target c99
    ;;
esac
