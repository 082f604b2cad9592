#!/bin/sh
# The course: its script makes every picture anew, each equals what its formula gives, and those that
# the repository keeps for the page are the same; the filters' programs do the same in C.
#
# usage: test.sh BIN_DIR CHECK SOURCE_DIR      CHECK: the program of check.c
set -eu
bin=$1
check=$2
source=$3
command -v "${CC:-cc}" >/dev/null || { echo "no C compiler here: skipped"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
photo=$source/examples/filters/photo.png

sh "$source/examples/course/make.sh" "$bin" "$tmp/course"
"$check" "$tmp/course" "$photo"
for picture in "$tmp"/course/*.png; do
    "$check" --same "$picture" "$source/docs/course/$(basename "$picture")"
done
[ "$(find "$tmp/course" -type f | wc -l)" = "$(find "$source/docs/course" -type f | wc -l)" ]

sh "$source/examples/filters/make.sh" "$bin" "$tmp/filters"
"$check" --filters "$tmp/filters" "$photo"
