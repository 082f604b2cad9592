#!/bin/sh
# The runner of the golden tests must itself be able to fail: it accepts a right test, rejects
# one that is wrong in any of its sections, and blesses a wrong one into a right one.
set -eu
runner=$(dirname "$0")/run.sh
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cat >"$tmp/right.test" <<'END'
A comment.
--- command
cat in.txt; echo "took 17 ms" >&2; echo made >out.txt; exit 3
--- file in.txt
hello
--- normalise
s/[0-9]* ms/N ms/
--- status
3
--- stdout
hello
--- stderr
took N ms
--- emits out.txt
made
--- files
out.txt
END
sh "$runner" "$tmp" "$tmp/right.test"

for edit in 's/^3$/0/' '/^--- stdout$/{n;s/hello/bye/;}' 's/^took.*/took/' 's/^made$/other/' \
    's/^out.txt$/other.txt/' '/^--- stderr$/,/^took/d'; do
    sed "$edit" "$tmp/right.test" >"$tmp/wrong.test"
    if sh "$runner" "$tmp" "$tmp/wrong.test" >/dev/null 2>&1; then
        echo "the runner accepts a test edited by: $edit" >&2
        exit 1
    fi
done

sed 's/^made$/other/' "$tmp/right.test" >"$tmp/wrong.test"
BLESS=1 sh "$runner" "$tmp" "$tmp/wrong.test" >/dev/null
cmp "$tmp/right.test" "$tmp/wrong.test"
