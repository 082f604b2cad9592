#!/bin/sh
# Times each convolution shape of networks by each algorithm, one layer at a time, by the JIT.
#
#   bench/kernels.sh MODEL.onnx…        bench/run.sh leaves its networks in build/bench
#
# A table of shape, multiply-adds, algorithm, tile, microseconds and effective GFLOP/s (two operations a
# multiply-add of the convolution, however few Winograd needs), the fastest tile of each algorithm
# and shape. The weights are in the caches
# here as far as they fit, in a whole run they are not: `cnncc bench --per-node` shows that.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
build=${BUILD:-$top/build}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

[ $# -gt 0 ] || { echo "usage: bench/kernels.sh MODEL.onnx…" >&2; exit 2; }

# TSV of a model's candidates: shape, MMACs, algorithm, tile, microseconds.
candidates() {
  "$build/cnncc" explain "$1" --tune "$tmp/plan" --json | awk '
    /"candidates": \[\{/ {
      macs = $0; sub(/.*"macs": /, "", macs); sub(/,.*/, "", macs)
      shape = $0; sub(/.*"kernel": "/, "", shape); sub(/".*/, "", shape)
      sub(/_v[0-9]+$/, "", shape); sub(/^(winograd|im2col)/, "conv", shape)
      list = $0; sub(/.*"candidates": \[/, "", list); sub(/\}\], *"macs".*/, "", list)
      n = split(list, c, /\}, \{/)
      for (i = 1; i <= n; i++) {
        algo = c[i]; sub(/.*"algorithm": "/, "", algo); sub(/".*/, "", algo)
        tile = c[i]; sub(/.*"tile": \[/, "", tile); sub(/\].*/, "", tile); split(tile, t, ", ")
        us = c[i]; sub(/.*"microseconds": /, "", us); sub(/,.*/, "", us)
        if (algo == "winograd") algo = algo " F" t[3]
        if (us + 0 > 0) printf "%s\t%.3f\t%s\t%dx%d\t%.1f\n", shape, macs / 1e6, algo, t[1], t[2], us
      }
    }'
}

printf '| shape | MMACs | algorithm | tile | us | GFLOP/s |\n|---|---|---|---|---|---|\n'
for model in "$@"; do candidates "$model"; done | sort -t "$(printf '\t')" -k1,1 -k3,3 -k5,5n |
  awk -F '\t' '!seen[$1 $3]++ { printf "| %s | %s | %s | %s | %s | %.0f |\n", $1, $2, $3, $4, $5, 2e3 * $2 / $5 }'
