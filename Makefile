# ragd - `make help` lists what can be made.
#
# Variants of one build: release (default), debug (ASan + UBSan, for the tests), tsan, cov.
# Every src/*/*.c but src/cli is part of the library; src/cli makes the program.

VERSION := 0.1.0
PREFIX  ?= /usr/local
CC      := gcc
V       ?= release
B       := build/$(V)

PKGS    := libuv jansson sqlite3 libcurl gumbo md4c libzip libxml-2.0 libutf8proc libxxhash \
           libzstd libcrypto libconfig
WARN    := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
           -Wvla -Wwrite-strings -Wundef -Wformat=2 -Wno-format-nonliteral
CFLAGS_release := -O2 -DNDEBUG
CFLAGS_debug   := -O1 -DRAGD_DEBUG -fsanitize=address,undefined -fno-sanitize-recover=undefined \
                  -fno-omit-frame-pointer
CFLAGS_tsan    := -O1 -DRAGD_DEBUG -fsanitize=thread -fno-omit-frame-pointer
CFLAGS_cov     := -O0 -DRAGD_DEBUG --coverage
LDFLAGS_debug  := -fsanitize=address,undefined
LDFLAGS_tsan   := -fsanitize=thread
LDFLAGS_cov    := --coverage

CFLAGS  := -std=gnu17 -D_GNU_SOURCE -g -fPIC -pthread -Isrc -Iinclude -DRAGD_VERSION='"$(VERSION)"' \
           $(WARN) $(CFLAGS_$(V))
LIBS    := -lhttp_parser -lstemmer -lm -lpthread -ldl
PKG_C   := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_L   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)

ARCH    := $(shell uname -m)
SRC_ALL := $(sort $(wildcard src/*/*.c))
ifneq ($(ARCH),aarch64)
SRC_ALL := $(filter-out %_neon.c,$(SRC_ALL))
endif
ifneq ($(ARCH),x86_64)
SRC_ALL := $(filter-out %_avx2.c %_avx512.c,$(SRC_ALL))
endif
SRC_CLI := $(filter src/cli/%,$(SRC_ALL))
SRC_LIB := $(filter-out src/cli/%,$(SRC_ALL))
OBJ_LIB := $(SRC_LIB:src/%.c=$(B)/obj/%.o)
OBJ_CLI := $(SRC_CLI:src/%.c=$(B)/obj/%.o)

.PHONY: all
all: $(B)/ragd $(B)/libragd.a $(B)/libragd.so

# The name of a kernel file is all that decides which instructions it may use.
$(B)/obj/%_avx2.o: SIMD_C := -mavx2 -mfma -mf16c -O3
$(B)/obj/%_avx512.o: SIMD_C := -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mprefer-vector-width=512 -O3
$(B)/obj/%_neon.o: SIMD_C := -O3

$(B)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  cc    $<"
	@$(CC) $(CFLAGS) $(PKG_C) $(SIMD_C) -MMD -MP -c $< -o $@

$(B)/libragd.a: $(OBJ_LIB)
	@echo "  ar    $@"
	@rm -f $@
	@ar rcs $@ $^

$(B)/libragd.so: $(OBJ_LIB)
	@echo "  link  $@"
	@$(CC) -shared -Wl,-soname,libragd.so.0 -Wl,--version-script=tools/exports.map $(LDFLAGS_$(V)) $^ -o $@ $(PKG_L) $(LIBS)

$(B)/ragd: $(OBJ_CLI) $(B)/libragd.a
	@echo "  link  $@"
	@$(CC) $(LDFLAGS_$(V)) -Wl,--gc-sections $^ -o $@ $(PKG_L) $(LIBS)

# ---- tests: one Criterion program a file, against the sanitized library ----

TESTS_C := $(sort $(wildcard tests/unit/*/test_*.c tests/integration/test_*.c))
TEST_BIN := $(TESTS_C:tests/%.c=$(B)/tests/%)

$(B)/tests/%: tests/%.c $(B)/libragd.a
	@mkdir -p $(@D)
	@echo "  test  $<"
	@$(CC) $(CFLAGS) -Itests $(PKG_C) $(LDFLAGS_$(V)) -MMD -MP $< $(B)/libragd.a -o $@ $(PKG_L) $(LIBS) -lcriterion

# Tests of the extractors start it where ragd itself would be started.
$(filter $(B)/tests/unit/ingest/test_extract%,$(TEST_BIN)): | $(B)/tests/extract_helper

.PHONY: test-programs
test-programs: $(TEST_BIN)

-include $(OBJ_LIB:.o=.d) $(OBJ_CLI:.o=.d) $(TEST_BIN:%=%.d)
