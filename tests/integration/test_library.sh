#!/bin/sh
# examples/c/ask.c built against the shared library, as a user would, and run on real documents.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/${RAGD_BUILD:-build/debug}
case ${RAGD_BUILD:-} in /*) build=$RAGD_BUILD ;; esac
model=${RAGD_MODEL_PATH:-$root/models/all-MiniLM-L6-v2}
if [ ! -f "$model/model.safetensors" ]; then
    echo "1..0 # SKIP needs the model"
    exit 0
fi
work=$(mktemp -d /tmp/ragd-library-XXXXXX)
trap 'rm -rf "$work"' EXIT
sanitize=
if nm -D "$build/libragd.so" | grep -q __asan_init; then
    sanitize=-fsanitize=address,undefined
fi

n=0
check() { # check WHAT: the last command's outcome
    rc=$?
    n=$((n + 1))
    [ $rc = 0 ] && echo "ok $n - $1" || { echo "not ok $n - $1"; sed 's/^/# /' "$work/log"; }
}

echo 1..5
gcc -Wall -Werror $sanitize -I"$root/include" "$root/examples/c/ask.c" -L"$build" -lragd \
    -Wl,-rpath,"$work" -o "$work/ask" >"$work/log" 2>&1
check "ask.c compiles and links without a warning"
ln -s "$build/libragd.so" "$work/libragd.so.0" # as `make install` does
cd "$work" || exit 1
export RAGD_MODEL_PATH="$model" RAGD_HELPER="$build/ragd"
./ask "$root/examples/finance" "What is CET1?" >"$work/answer" 2>"$work/log"
check "it reads a folder and answers"
grep -q "highest quality of regulatory capital" "$work/answer" && grep -q "5 documents read" "$work/log"
check "with the sentence that answers, from all five formats"
./ask "$root/examples/finance" "How do I bake sourdough bread?" >"$work/answer" 2>"$work/log" &&
    grep -q "do not answer" "$work/answer" && grep -q "5 as before" "$work/log"
check "it says when the documents do not answer, and reads nothing twice"
[ -z "$(nm -D --defined-only "$build/libragd.so" | awk '$2 ~ /[TDBR]/ && $3 !~ /^(ragd_|__|_init|_fini|_end|_edata)/ {print $3}')" ]
check "the library shows the names of its header and no others"
