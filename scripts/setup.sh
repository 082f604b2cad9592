#!/bin/sh
# Installs the Debian packages that building and testing need, those that are missing. With
# nothing to install it takes a fraction of a second and needs no rights.
#
# usage: scripts/setup.sh
set -eu

# package          what it is for
packages='
build-essential          # gcc, make, libc headers
cmake                    # the build system
ninja-build              # runs it
pkg-config               # finds protobuf-c and cmocka
libprotobuf-c-dev        # reads ONNX
protobuf-c-compiler      # compiles the schema
libstb-dev               # reads and writes pictures
llvm-19-dev              # the JIT
libcmocka-dev            # unit tests
libonnx-testdata         # ONNX: models and tensors that the operators are tested against
clang                    # a second compiler for the emitted C
libclang-rt-dev          # its sanitizers
tcc                      # a third one
g++-aarch64-linux-gnu    # and one for the emitted C of another machine, NEON
qemu-user                # runs that
clang-format             # the style
clang-tidy               # static checks
'

missing=
for package in $(printf '%s' "$packages" | sed 's/#.*//'); do
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null) || status=
    [ "$status" = 'install ok installed' ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "installing:$missing"
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1; then
    as_root=sudo
else
    echo "setup.sh: please install these packages as root:$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
# shellcheck disable=SC2086 # a list of words
$as_root apt-get install -q -y --no-install-recommends $missing
