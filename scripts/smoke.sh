#!/bin/sh
# Whether a build works at all, in seconds and with what it has (a build without the JIT, above
# all): LeNet-5 reads a digit by the command and by the library, and C agrees with the interpreter.
#
# usage: scripts/smoke.sh BUILD_DIR
set -eu
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../examples/lenet"

"$build/cnncc" --version
for digit in 3 7; do
    "$build/cnncc" run lenet5.onnx -i digits/$digit.png | sed -n 2p | grep "^ *$digit "
    "$build/classify" lenet5.onnx digits/$digit.png | grep "1\. class $digit,"
done
"$build/cnncc" verify lenet5.onnx
