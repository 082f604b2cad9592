#!/bin/sh
# Makes the pictures of docs/COURSE.md: every network of this folder, compiled to C and run. The C is
# the scalar one, which gives the same bits on every machine.
#
# usage: make.sh [BIN_DIR [OUT_DIR]]      BIN_DIR has cnncc; OUT_DIR gets the PNG files
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:-$here/../../build}" && pwd)
out=${2:-$here/../../docs/course}
mkdir -p "$out"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
photo=$here/../filters/photo.png

# run NETWORK FOLDER OPTION... : each output of the network becomes FOLDER/OUTPUT.png
run() {
    network=$here/$1.onnxtxt
    folder=$2
    shift 2
    "$bin/cnncc" run "$network" "$@" --format png -o "$folder" --backend c --target c99
}

for filter in box gauss sharpen; do
    run ../filters/$filter "$tmp/$filter" -i "$photo"
done
run parts "$out" -i photo="$photo" -i box="$tmp/box/after.png" -i gauss="$tmp/gauss/after.png" \
    -i sharpen="$tmp/sharpen/after.png"

run thumb "$out" -i "$photo"
run grey "$out" -i "$out/thumb.png"
run eye "$out" -i "$out/grey.png"
for network in enlarge nails unpool; do run $network "$out" -i "$out/eye.png"; done
for network in shrink dilate; do run $network "$out" -i "$out/grey.png"; done
run global "$out" -i "$out/thumb.png"
