#!/bin/sh
# The fault test of tests/integration with ten times the faults, allocations among them (that needs
# the release build); RAGD_FAULTS=0 is every call of every kind with every errno.
cd "$(dirname "$0")/../.." || exit 1
RAGD_FAULTS=${RAGD_FAULTS:-4000} exec python3 tests/integration/test_faults.py
