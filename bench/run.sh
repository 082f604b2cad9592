#!/bin/sh
# Times cnncc beside ONNX Runtime, in one run, and checks every answer before timing it.
#
#   bench/run.sh [MODEL.onnx…]      without models: the seven networks of tools/mknet and LeNet-5
#
# RUNS (default 15), ROUNDS (3) and THREADS (1) are taken from the environment. Peer and cnncc run
# alternately, ROUNDS times; the figures are the medians of the rounds' medians. Needs node and npm for
# the peer (`npm install --ignore-scripts onnxruntime-node`, into build/bench), and a release build.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$top/build}
work=$build/bench
runs=${RUNS:-15}
rounds=${ROUNDS:-3}
threads=${THREADS:-1}
cc_gcc=${GCC:-gcc}
cc_clang=${CLANG:-clang}
mkdir -p "$work"

if ! [ -d "$work/node_modules/onnxruntime-node" ]; then
  (cd "$work" && npm install --silent --no-save --ignore-scripts --prefix . onnxruntime-node@1.30 >/dev/null)
fi
if [ $# -eq 0 ]; then
  for net in alexnet googlenet vgg16 vgg19 resnet34 resnet50; do
    [ -f "$work/$net.onnx" ] || "$build/mknet" "$net" -o "$work/$net.onnx"
  done
  set -- "$top/examples/lenet/lenet5.onnx" "$work/alexnet.onnx" "$work/googlenet.onnx" \
    "$work/resnet34.onnx" "$work/resnet50.onnx" "$work/vgg16.onnx" "$work/vgg19.onnx"
fi

peer() {
  NODE_PATH=$work/node_modules node "$top/bench/peer.js" "$runs" "$threads" "$1" | cut -f2
}

# ours BACKEND CC MODEL: median milliseconds
ours() {
  CC=$2 "$build/cnncc" bench "$3" --backend "$1" --threads "$threads" --runs "$runs" --json |
    sed -n 's/.*"median_ms": \([0-9.]*\).*/\1/p'
}

median() {
  tr ' ' '\n' | sort -n | awk 'NF { v[n++] = $1 } END { print v[int(n / 2)] }'
}

printf '| network | ONNX Runtime | C, gcc | C, clang | JIT | ratio (best of ours) |\n|---|---|---|---|---|---|\n'
for model in "$@"; do
  name=$(basename "$model" .onnx)
  [ "$name" = model ] && name=$(basename "$(dirname "$model")")
  for compiler in "$cc_gcc" "$cc_clang"; do
    CC=$compiler "$build/cnncc" verify "$model" --backend c >/dev/null
  done
  "$build/cnncc" verify "$model" --backend jit >/dev/null
  ort='' gcc='' clang='' jit=''
  round=0
  while [ $round -lt "$rounds" ]; do
    ort="$ort $(peer "$model")"
    gcc="$gcc $(ours c "$cc_gcc" "$model")"
    clang="$clang $(ours c "$cc_clang" "$model")"
    jit="$jit $(ours jit "$cc_gcc" "$model")"
    round=$((round + 1))
  done
  echo "$name $(echo "$ort" | median) $(echo "$gcc" | median) $(echo "$clang" | median) $(echo "$jit" | median)" |
    awk '{ best = $3; if ($4 < best) best = $4; if ($5 < best) best = $5
           printf "| %s | %.2f | %.2f | %.2f | %.2f | %.2f |\n", $1, $2, $3, $4, $5, $2 / best }'
done
