#!/bin/sh
# A real network with reference outputs: interpreter, C and JIT against them.
#
# usage: shared.sh BIN_DIR MODEL_DIR      MODEL_DIR/model.onnx, MODEL_DIR/test_data_set_0/*.pb
#
# The symbolic dimensions to pin stand in the column `dims` of ../MANIFEST.tsv ("SYM=N SYM=N").
# A network with an operator that cnncc does not have counts as skipped.
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

# Outputs that are small differences of large numbers: the reference, computed in single precision,
# is itself off by more than the default tolerance. retinaface: box offsets near zero of outputs
# that reach 2.5, 5e-5 off after 60 layers in single precision, with and without Winograd.
case $(basename "$dir") in
yolox-nano-416) set -- "$@" --atol 1e-3 ;;
retinaface-mnet025-640) set -- "$@" --atol 1e-4 ;;
esac

status=0
"$bin/cnncc" verify "$dir/model.onnx" --test-data "$dir/test_data_set_0" "$@" || status=$?
if [ $status = 3 ]; then
    echo "has an operator that is not supported: skipped"
    exit 77
fi
exit $status
