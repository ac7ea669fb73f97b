#!/bin/sh
# The no-room test of tests/integration, the disk filled a hundred times.
cd "$(dirname "$0")/../.." || exit 1
RAGD_NO_ROOM_ROUNDS=${RAGD_NO_ROOM_ROUNDS:-100} exec python3 tests/integration/test_no_room.py
