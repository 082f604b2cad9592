#!/bin/sh
# Runs the include rule on the project, and on a small tree that breaks it: the check must object
# to the one and must not to the other.
#
# usage: test.sh SOURCE_DIR
set -eu
source=$1
check=$(dirname "$0")/check.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

sh "$check" "$source"

mkdir -p "$tmp/docs" "$tmp/ir" "$tmp/codegen" "$tmp/runtime"
cp "$source/docs/DESIGN.md" "$tmp/docs"
echo '#include "ir/graph.h"' >"$tmp/codegen/good.c"
sh "$check" "$tmp"
for bad in 'ir codegen/lower.h' 'codegen passes/passes.h' 'runtime ir/graph.h'; do
    room=${bad%% *}
    echo "#include \"${bad#* }\"" >"$tmp/$room/bad.c"
    if sh "$check" "$tmp" 2>"$tmp/errors"; then
        echo "the check accepts $bad" >&2
        exit 1
    fi
    grep -q "^$room/bad.c:1: $room must not include" "$tmp/errors"
    rm "$tmp/$room/bad.c"
done
