#!/bin/sh
# Every parser under its fuzzer: five seconds each, with RAGD_LONG=1 ten million runs or
# RAGD_FUZZ_SECONDS (150), whichever comes first. Their replay without a fuzzer is in `make test`.
cd "$(dirname "$0")/../.." || exit 1
limits="--seconds 5"
[ "${RAGD_LONG:-0}" != 0 ] && limits="--runs 10000000 --seconds ${RAGD_FUZZ_SECONDS:-150}"

if ! scripts/setup --fuzz --check >/dev/null 2>&1 && ! scripts/setup --fuzz >/dev/null 2>&1; then
    echo "1..0 # SKIP needs clang with libFuzzer (scripts/setup --fuzz)"
    exit 0
fi
out=$(mktemp)
trap 'rm -f "$out"' EXIT
make --no-print-directory fuzz ARGS="$limits --jobs $(nproc)" >"$out" 2>&1
awk '
    /^(ok|FAIL) / { printf "%s %d - %s: %s runs\n", $1 == "ok" ? "ok" : "not ok", ++n, $2, $3; next }
    /targets, .* runs/ { targets = $1; runs = $3; kept = $5; failed = $8; next }
    { print }
    END {
        print "1.." (targets ? n : n + 1)
        printf "# R4 | %d targets, %d runs, %d corpus files | crashes %s\n", targets, runs, kept,
               targets ? failed : "unknown"
    }' "$out"
