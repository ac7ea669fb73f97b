#!/bin/sh
# The kill test of tests/integration with a thousand cycles.
cd "$(dirname "$0")/../.." || exit 1
RAGD_KILL_CYCLES=${RAGD_KILL_CYCLES:-1000} exec python3 tests/integration/test_kill.py
