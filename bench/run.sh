#!/bin/sh
# Times cnncc beside ONNX Runtime, in one run, and checks every answer before timing it.
#
#   bench/run.sh [MODEL.onnx…]      without models: LeNet-5, the six networks of tools/mknet and
#                                   eight of torchvision (bench/export.py); no blanks in paths
#
# For each network and number of THREADS ("1 2") one process of cnncc bench holds C by gcc, C by clang
# and the JIT, and talks to one of the peer (bench/peer.js). They take turns: ROUNDS times (default 7)
# RUNS runs (5) each. Times are medians of all runs; a ratio is the median of the ratios of each
# round, which drift of the machine's speed hardly touches. The tables are printed, and written to
# RESULTS (bench/RESULTS.md). Needs a release build, gcc, clang, and node with npm for the peer, the
# library inside the package onnxruntime-node, which is put into build/bench; the torchvision
# networks need Debian's python3-torchvision and are left out without it.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$top/build}
work=$build/bench
runs=${RUNS:-5}
rounds=${ROUNDS:-7}
results=${RESULTS:-$top/bench/RESULTS.md}
export NODE_PATH="$work/node_modules${NODE_PATH:+:$NODE_PATH}"
mkdir -p "$work"

note() { echo "$*" >&2; }

set_up_peer() {
  node -e 'require.resolve("onnxruntime-node")' 2>/dev/null && return
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

check() {
  "$build/cnncc" verify "$1" --backend c,jit --cc gcc --cc clang --threads "$threads" >/dev/null
}

# json FIELD FILE: its number for each engine, on one line
json() { sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p" "$2" | tr '\n' ' '; }

# One line of numbers: name, multiply-adds, the milliseconds of the peer, and the milliseconds and
# ratios of C by gcc, C by clang and JIT.
measure() {
  name=$(basename "$1" .onnx)
  [ "$name" = model ] && name=$(basename "$(dirname "$1")")
  "$build/cnncc" bench "$1" --backend c,jit --cc gcc --cc clang --threads "$threads" --runs "$runs" \
    --rounds "$rounds" --beside "node $top/bench/peer.js $threads $1" --json >"$work/measured.json" || return 1
  for field in macs peer_ms; do
    name="$name $(json $field "$work/measured.json" | cut -d' ' -f1)"
  done
  echo "$name $(json median_ms "$work/measured.json") $(json ratio "$work/measured.json")"
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
        $1, 1e-9 * $2, $3, $4, $5, $6, $7, $8, $9, rate, 100 * rate / (peak * threads)
      for (i = 7; i <= 9; i++) sum[i] += log($i)
      n++
    }
    END {
      printf "| geometric mean | | | | | | %.2f | %.2f | %.2f | | |\n", exp(sum[7] / n), exp(sum[8] / n), exp(sum[9] / n)
    }'
}

set_up_peer
[ $# -gt 0 ] || set -- $(networks)
gcc -O2 -march=native "$top/bench/peak.c" -o "$work/peak"
{
  echo "# Results of bench/run.sh"
  echo
  echo "$(date -u +%Y-%m-%d), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores; $(gcc --version | head -1);"
  echo "$(clang --version | head -1); cnncc at $(git -C "$top" rev-parse --short HEAD). Milliseconds a run, batch 1, fp32. All"
  echo "take turns, $rounds rounds of $runs runs each; times are medians of all runs. Ratio: ONNX Runtime over cnncc, the median"
  echo "of each round's ratio of medians, so it is not quite that of the two times. GFLOP/s of C by gcc count two"
  echo "operations a multiply-add of the network, however few Winograd needs."
} >"$work/results.md"
for threads in ${THREADS:-1 2}; do
  : >"$work/lines"
  peak=$("$work/peak" | cut -d' ' -f1)
  for model in "$@"; do
    note "$threads threads: $(basename "$model")"
    check "$model" || { note "the answer is wrong: not timed"; continue; }
    measure "$model" >>"$work/lines" || note "not timed"
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
