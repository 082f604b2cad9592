#!/bin/sh
# Style and static checks: clang-format on every C file, clang-tidy on every source file of the
# release build (which must be configured: clang-tidy reads its compile_commands.json).
#
# usage: scripts/lint.sh [FILE.c...]       without files: all that git knows
set -eu
cd "$(dirname "$0")/.."

if [ $# -gt 0 ]; then
    files=$*
else
    files=$(git ls-files '*.c' '*.h')
fi
# shellcheck disable=SC2086 # names of the repository have no blanks
clang-format --dry-run -Werror $files

sources=$(for file in $files; do
    if grep -qF "/$file\"" build/compile_commands.json; then echo "$file"; fi
done)
[ -n "$sources" ] || exit 0
status=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
printf '%s\n' "$sources" | xargs -n 4 -P "$(nproc)" clang-tidy -p build --quiet >"$log" 2>&1 ||
    status=1
grep -v 'warnings\{0,1\} generated' "$log" || true
exit $status
