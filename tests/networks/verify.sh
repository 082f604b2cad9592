#!/bin/sh
# One network through every back end: the interpreter against C by gcc, C by clang and the JIT
# within tolerance, and the compiled ones against each other and three threads to the bit.
#
# usage: verify.sh BIN_DIR NETWORK       a file, or a name that mknet knows
set -eu
bin=$1
network=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

case $network in
*.onnx)
    [ -f "$network" ] || { echo "no $network here: skipped"; exit 77; }
    model=$network
    ;;
*)
    model=$tmp/$network.onnx
    "$bin/mknet" "$network" -o "$model"
    ;;
esac

compilers='gcc clang'
for compiler in $compilers; do
    command -v "$compiler" >/dev/null || { echo "no $compiler here: skipped"; exit 77; }
done
backends=c
case $("$bin/cnncc" --version) in
*LLVM*) backends=c,jit ;;
esac

"$bin/cnncc" verify "$model" --backend "$backends" --cc gcc --cc clang --time

for compiler in $compilers; do
    "$bin/cnncc" run "$model" --backend c --cc "$compiler" --random 7 -o "$tmp/$compiler"
done
[ "$backends" = c ] || "$bin/cnncc" run "$model" --backend jit --random 7 -o "$tmp/jit"
case $network in
*.onnx | googlenet | resnet34) # enough kinds of kernels for the threads
    "$bin/cnncc" run "$model" --backend c --cc gcc --threads 3 --random 7 -o "$tmp/3-threads"
    [ "$backends" = c ] ||
        "$bin/cnncc" run "$model" --backend jit --threads 2 --random 7 -o "$tmp/jit-2-threads"
    ;;
esac
for other in clang jit jit-2-threads 3-threads; do
    [ -d "$tmp/$other" ] || continue
    diff -r "$tmp/gcc" "$tmp/$other"
    echo "C by gcc and $other: equal to the bit"
done
