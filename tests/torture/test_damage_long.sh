#!/bin/sh
# The damage test of tests/integration with ten thousand damaged files.
cd "$(dirname "$0")/../.." || exit 1
RAGD_DAMAGES=${RAGD_DAMAGES:-10000} exec python3 tests/integration/test_damage.py
