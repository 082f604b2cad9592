#!/bin/sh
# A real network with reference outputs: interpreter, C by gcc, C by clang and JIT against them.
#
# usage: shared.sh BIN_DIR MODEL_DIR      MODEL_DIR/model.onnx, MODEL_DIR/test_data_set_0/*.pb
#
# One tolerance: every element within 1e-4 of its output's range (the default of `cnncc verify`),
# but for two networks whose reference is further than that from the exact result, as the
# interpreter, which sums in double precision, shows. The symbolic dimensions to pin stand in the
# column `dims` of ../MANIFEST.tsv ("SYM=N SYM=N"). A network that cnncc refuses is a failure.
set -eu
bin=$1
dir=$2
[ -d "$dir" ] || { echo "no models beside the project: skipped"; exit 77; }

dims=$(awk -F'\t' -v name="$(basename "$dir")" '
    NR == 1 { for (i = 1; i <= NF; i++) if ($i == "dims") column = i }
    $1 == name && $column != "-" { print $column }' "$dir/../MANIFEST.tsv" | tr ',;' '  ')
set --
for dim in $dims; do
    set -- "$@" --dim "$dim"
done
for compiler in gcc clang; do
    command -v "$compiler" >/dev/null || { echo "no $compiler here: skipped"; exit 77; }
    set -- "$@" --cc "$compiler"
done

# mlsd-tiny: scores of pixels that equal the maximum around them, 0 elsewhere; two pixels of 25600
# are taken or not by the last bit. style-candy: fifteen normalisations enlarge the reference's
# own rounding; the interpreter is 1.1e-3 away from it.
case $(basename "$dir") in
mlsd-tiny-320 | style-candy-256) set -- "$@" --range-tol 2e-3 ;;
esac

"$bin/cnncc" verify "$dir/model.onnx" --test-data "$dir/test_data_set_0" "$@"
