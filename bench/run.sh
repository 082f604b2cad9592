#!/bin/sh
# Times cnncc beside ONNX Runtime, in one run, and checks every answer before timing it.
#
#   bench/run.sh [MODEL.onnx…]      without models: LeNet-5, the six networks of tools/mknet and
#                                   eight of torchvision (bench/export.py)
#
# Peer and cnncc run alternately, ROUNDS times (default 3) of RUNS runs (15), for each number of
# THREADS ("1 2"); figures are medians of the rounds' medians. The tables are printed, and written to
# RESULTS (bench/RESULTS.md). Needs a release build, gcc, clang, and node with npm for the peer, the library
# inside the package onnxruntime-node, which is put into build/bench; the torchvision networks need
# Debian's python3-torchvision and are left out without it.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$top/build}
work=$build/bench
runs=${RUNS:-15}
rounds=${ROUNDS:-3}
results=${RESULTS:-$top/bench/RESULTS.md}
mkdir -p "$work"

note() { echo "$*" >&2; }

set_up_peer() {
  [ -d "$work/node_modules/onnxruntime-node" ] && return
  command -v npm >/dev/null || { note "please install node and npm (for the peer)"; exit 1; }
  (cd "$work" && npm install --silent --no-save --ignore-scripts --prefix . onnxruntime-node@1.30) >/dev/null
}

# The paths of all networks, made where they are missing.
networks() {
  echo "$top/examples/lenet/lenet5.onnx"
  for net in alexnet googlenet resnet34 resnet50 vgg16 vgg19; do
    [ -f "$work/$net.onnx" ] || "$build/mknet" "$net" -o "$work/$net.onnx" >/dev/null
    echo "$work/$net.onnx"
  done
  if /usr/bin/python3 -c 'import torchvision' 2>/dev/null; then
    /usr/bin/python3 "$top/bench/export.py" "$work" >/dev/null 2>&1
    for net in resnet18 mobilenet_v2 mobilenet_v3_small squeezenet1_1 densenet121 efficientnet_b0 \
      shufflenet_v2_x1_0 inception_v3; do
      echo "$work/$net.onnx"
    done
  else
    note "no python3-torchvision: its networks are left out"
  fi
}

# The peer's median milliseconds of a model.
peer() {
  NODE_PATH=$work/node_modules node "$top/bench/peer.js" "$runs" "$threads" "$1" | cut -f2
}

# json FIELD: its number in what cnncc bench printed
json() { sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p"; }

# ours BACKEND CC MODEL: median milliseconds
ours() {
  "$build/cnncc" bench "$3" --backend "$1" --cc "$2" --threads "$threads" --runs "$runs" --json | json median_ms
}

median() {
  tr ' ' '\n' | sort -n | awk 'NF { v[n++] = $1 } END { print v[int(n / 2)] }'
}

check() {
  "$build/cnncc" verify "$1" --backend c,jit --cc gcc --cc clang --threads "$threads" >/dev/null
}

# One line of numbers: name, GMAC, and the medians of peer, C by gcc, C by clang, JIT.
measure() {
  name=$(basename "$1" .onnx)
  [ "$name" = model ] && name=$(basename "$(dirname "$1")")
  macs=$("$build/cnncc" bench "$1" --backend jit --runs 1 --json | json macs)
  ort='' gcc='' clang='' jit='' round=0
  while [ $round -lt "$rounds" ]; do
    ort="$ort $(peer "$1")"
    gcc="$gcc $(ours c gcc "$1")"
    clang="$clang $(ours c clang "$1")"
    jit="$jit $(ours jit gcc "$1")"
    round=$((round + 1))
  done
  echo "$name $macs $(echo "$ort" | median) $(echo "$gcc" | median) $(echo "$clang" | median) $(echo "$jit" | median)"
}

# The table of the lines on standard input; `peak` in GFLOP/s of one core.
table() {
  awk -v peak="$1" -v threads="$threads" '
    BEGIN {
      print "| network | GMAC | ONNX Runtime | C, gcc | C, clang | JIT | ratio, gcc | ratio, clang | ratio, JIT | GFLOP/s | of peak |"
      print "|---|---|---|---|---|---|---|---|---|---|---|"
    }
    {
      rate = 2e-6 * $2 / $4
      printf "| %s | %.3f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.0f | %.0f %% |\n",
        $1, 1e-9 * $2, $3, $4, $5, $6, $3 / $4, $3 / $5, $3 / $6, rate, 100 * rate / (peak * threads)
      for (i = 4; i <= 6; i++) sum[i] += log($3 / $i)
      n++
    }
    END {
      printf "| geometric mean | | | | | | %.2f | %.2f | %.2f | | |\n", exp(sum[4] / n), exp(sum[5] / n), exp(sum[6] / n)
    }'
}

set_up_peer
[ $# -gt 0 ] || set -- $(networks)
gcc -O2 -march=native "$top/bench/peak.c" -o "$work/peak"
{
  echo "# Results of bench/run.sh"
  echo
  echo "$(date -u +%Y-%m-%d), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores; $(gcc --version | head -1);"
  echo "$(clang --version | head -1); cnncc at $(git -C "$top" rev-parse --short HEAD). Milliseconds a run, batch 1, fp32; medians of"
  echo "$rounds alternating rounds of $runs runs. Ratio: ONNX Runtime over cnncc. GFLOP/s of C by gcc count two operations a"
  echo "multiply-add of the network, however few Winograd needs."
} >"$work/results.md"
for threads in ${THREADS:-1 2}; do
  : >"$work/lines"
  peak=$("$work/peak" | cut -d' ' -f1)
  for model in "$@"; do
    note "$threads threads: $(basename "$model")"
    check "$model" || { note "the answer is wrong: not timed"; continue; }
    measure "$model" >>"$work/lines"
  done
  {
    echo
    echo "## Threads: $threads"
    echo
    echo "Peak of one core in this run: $peak GFLOP/s."
    echo
    table "$peak" <"$work/lines"
  } >>"$work/results.md"
done
cp "$work/results.md" "$results"
cat "$results"
