#!/bin/sh
# The 64-bit ARM kernels against the scalar ones, under qemu-user; `make` builds the program.
program=$(dirname "$0")/../../build/neon/test_kernels
if ! command -v qemu-aarch64 >/dev/null || [ ! -x "$program" ]; then
    echo "1..0 # SKIP needs qemu-aarch64 and aarch64-linux-gnu-gcc"
    exit 0
fi
exec qemu-aarch64 "$program"
