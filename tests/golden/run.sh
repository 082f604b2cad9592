#!/bin/sh
# Runs golden tests: a command line, its input and all that it must produce, in one file.
#
# usage: run.sh BIN_DIR TEST...       BIN_DIR holds cnncc and the test tools
#        BLESS=1 run.sh BIN_DIR TEST… writes what the commands produced into the tests
#
# A test is text in sections. A line "--- WORD [NAME]" begins one; before the first there is a
# comment. The command runs by sh in an empty folder that holds the test's files.
#
#   --- command           shell lines; the last one's status counts
#   --- file NAME         an input file
#   --- normalise         sed script that is applied to everything below before comparing
#   --- status            expected exit status
#   --- stdout, stderr    expected output (an absent stderr section means: empty)
#   --- emits NAME        expected content of a file that the command wrote
#   --- files             expected names of the files that the command left, one a line
#
# Each section's actual content is put in the place of the expected one; the two texts must agree.
set -u
bin=$(cd "$1" && pwd) || exit 2
shift
PATH=$bin:$PATH
export PATH LC_ALL=C
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
failed=0

# Splits a test into $tmp/N.head ("--- …" line) and $tmp/N.body for N = 001, 002, …
split_test() {
    awk -v dir="$tmp/sections" '
        /^--- / { n++; name = sprintf("%s/%03d", dir, n); print > (name ".head"); printf "" > (name ".body"); next }
        n       { print > (name ".body") }
        !n      { print > (dir "/000.body") }' "$1"
}

# The body of the first section with this head.
body_of() {
    for head in "$tmp"/sections/*.head; do
        if [ "$(cat "$head")" = "--- $1" ]; then
            echo "${head%.head}.body"
            return
        fi
    done
}

normalise() {
    script=$(body_of normalise)
    if [ -n "$script" ]; then sed -f "$script"; else cat; fi
}

# What a section holds after the run.
actual() {
    case $1 in
    status) cat "$tmp/status" ;;
    stdout | stderr) normalise <"$tmp/$1" ;;
    "emits "*) normalise <"$tmp/work/${1#emits }" ;;
    files) (cd "$tmp/work" && find . -type f | sed 's|^\./||' | sort | grep -vxFf "$tmp/inputs") ;;
    *) return 1 ;;
    esac
}

run_test() {
    rm -rf "$tmp/sections" "$tmp/work"
    mkdir "$tmp/sections" "$tmp/work"
    : >"$tmp/inputs"
    split_test "$1"
    for head in "$tmp"/sections/*.head; do
        section=$(cut -c5- "$head")
        case $section in
        "file "*)
            cp "${head%.head}.body" "$tmp/work/${section#file }"
            echo "${section#file }" >>"$tmp/inputs"
            ;;
        esac
    done
    echo "(no inputs)" >>"$tmp/inputs"
    (cd "$tmp/work" && sh "$(body_of command)") >"$tmp/stdout" 2>"$tmp/stderr" </dev/null
    echo $? >"$tmp/status"

    cat "$tmp/sections/000.body" >"$tmp/actual" 2>/dev/null || : >"$tmp/actual"
    for head in "$tmp"/sections/*.head; do
        cat "$head" >>"$tmp/actual"
        actual "$(cut -c5- "$head")" >>"$tmp/actual" 2>/dev/null ||
            case $(cut -c5- "$head") in
            "emits "* | files) ;;
            *) cat "${head%.head}.body" >>"$tmp/actual" ;;
            esac
    done
    if [ -z "$(body_of stderr)" ] && [ -s "$tmp/stderr" ]; then
        echo "--- stderr" >>"$tmp/actual"
        normalise <"$tmp/stderr" >>"$tmp/actual"
    fi
}

for test in "$@"; do
    run_test "$test"
    if cmp -s "$test" "$tmp/actual"; then
        continue
    elif [ "${BLESS:-}" = 1 ]; then
        cp "$tmp/actual" "$test"
        echo "blessed $test"
    else
        echo "FAILED $test" >&2
        diff -u "$test" "$tmp/actual" >&2
        failed=1
    fi
done
exit $failed
