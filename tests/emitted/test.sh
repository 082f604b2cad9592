#!/bin/sh
# What the emitted C promises, checked on one model for every target that runs here:
#   - emitting twice gives the same bytes;
#   - c99: clean under -std=c99 -pedantic -Wall -Wextra -Werror with gcc and clang, compiles as C++
#     and with tcc; the other targets: clean under -Wall -Wextra -Werror with gcc and clang;
#   - it reads and writes nothing outside buffers of the exact size (address and undefined
#     behaviour sanitizers, gcc's and clang's);
#   - all compilers give the same bits, with and without sanitizers.
#
# usage: test.sh BIN_DIR MODEL
set -eu
bin=$(cd "$1" && pwd)
model=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for compiler in gcc clang tcc c++; do
    command -v $compiler >/dev/null || { echo "no $compiler here: skipped"; exit 77; }
done

# run LABEL COMPILER ARGUMENT... : links the network with the harness, runs it, compares the bits
run() {
    label=$1
    shift
    "$@" -I. "$here/harness.c" -lm -o "$label.exe"
    "./$label.exe" >"$label.out"
    cmp gcc.out "$label.out"
}

sanitize='-g -O0 -fsanitize=address,undefined -fno-sanitize-recover=all'
warn='-Wall -Wextra -Werror'
for target in c99 gnu avx2 avx512 neon; do
    "$bin/cnncc" run "$model" --backend c --cc gcc --target $target --random 1 >/dev/null \
        2>"$tmp/why" || {
        grep -q 'does not run on this machine' "$tmp/why" && continue
        cat "$tmp/why" >&2
        exit 1
    }
    mkdir "$tmp/$target" "$tmp/$target/again"
    cd "$tmp/$target"
    "$bin/cnncc" "$model" -o model.c --name model --target $target
    "$bin/cnncc" "$model" -o again/model.c --name model --target $target
    for file in model.*; do cmp "$file" "again/$file"; done
    strict=$warn
    if [ $target = c99 ]; then
        strict="-std=c99 -pedantic $warn"
        c++ -x c++ $warn -c model.c -o cxx.o
    fi
    gcc $strict -O2 -c model.c -o gcc.o
    clang $strict -O2 -c model.c -o clang.o
    gcc -I. gcc.o "$here/harness.c" -lm -o gcc.exe
    ./gcc.exe >gcc.out
    [ -s gcc.out ]
    run clang clang clang.o
    run gcc-sanitized gcc $sanitize model.c
    run clang-sanitized clang $sanitize model.c
    [ $target != c99 ] || run tcc tcc model.c
    cd "$tmp"
    echo "$target: same text, same bits, no stray access"
done
