#!/bin/sh
# The include rule: no file includes a room that the table in docs/DESIGN.md does not allow.
#
# usage: check.sh SOURCE_DIR
#
# A row of the table is "| `room/`, … | what it holds | may include |", where the last column is
# "all", "nothing" or names of rooms. A room may always include itself. The test also fails when
# the table has lost its rows, since then it would prove nothing.
set -eu
cd "$1"

table=$(awk -F'|' '/^\| *`[a-z]+\/`/ {
    rooms = $2; may = $4
    gsub(/[`\/,]/, " ", rooms); gsub(/[`\/,]/, " ", may)
    n = split(rooms, room, " ")
    for (i = 1; i <= n; i++) print room[i], may
}' docs/DESIGN.md)

for room in frontend ir passes codegen runtime driver; do
    if ! printf '%s\n' "$table" | grep -q "^$room "; then
        echo "docs/DESIGN.md: the table of rooms has no row for $room" >&2
        exit 1
    fi
done

find . -name 'build*' -prune -o \( -name '*.c' -o -name '*.h' -o -name '*.def' \) -print |
    sed 's|^\./||' | sort |
    xargs grep -Hn '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' |
    awk -v table="$table" '
BEGIN {
    n = split(table, line, "\n")
    for (i = 1; i <= n; i++) {
        m = split(line[i], word, " ")
        known[word[1]] = 1
        for (k = 2; k <= m; k++) allowed[word[1] "," word[k]] = 1
    }
}
{
    split($0, part, ":")
    file = part[1]; from = file; sub(/\/.*/, "", from)
    to = $0; sub(/^[^"]*"/, "", to); sub(/".*/, "", to)
    if (to !~ /\//) next              # beside the file
    sub(/\/.*/, "", to)
    if (!(from in known) || !(to in known) || from == to) next
    if (("" from ",all") in allowed || (from "," to) in allowed) next
    printf "%s:%s: %s must not include %s\n", file, part[2], from, to
    bad = 1
}
END { exit bad }' >&2
