# ragd - `make help` lists what can be made.
#
# Variants of one build: release (default), debug (ASan + UBSan, for the tests), tsan, cov.
# Every src/*/*.c but src/cli is part of the library; src/cli makes the program.

VERSION := 0.1.0
PREFIX  ?= /usr/local
DESTDIR ?=
CC      := gcc
V       ?= release
B       := build/$(V)
JOBS    ?= $(shell nproc)
T       ?=

PKGS    := libuv jansson sqlite3 libcurl hiredis gumbo md4c libzip libxml-2.0 libutf8proc \
           libxxhash libzstd libcrypto libconfig
WARN    := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes \
           -Werror=implicit-function-declaration -Wvla -Wwrite-strings -Wundef -Wformat=2 -Wno-format-nonliteral
CFLAGS_release := -O2 -DNDEBUG
CFLAGS_debug   := -O1 -DRAGD_DEBUG -fsanitize=address,undefined -fno-sanitize-recover=undefined \
                  -fno-omit-frame-pointer
CFLAGS_fuzz    := $(CFLAGS_debug) -fsanitize=fuzzer-no-link
CFLAGS_tsan    := -O1 -DRAGD_DEBUG -fsanitize=thread -fno-omit-frame-pointer
CFLAGS_cov     := -O0 -DRAGD_DEBUG --coverage
LDFLAGS_debug  := -fsanitize=address,undefined
LDFLAGS_fuzz   := -fsanitize=fuzzer,address,undefined
LDFLAGS_tsan   := -fsanitize=thread
LDFLAGS_cov    := --coverage

CFLAGS  := -std=gnu17 -D_GNU_SOURCE -g -fPIC -pthread -Isrc -Iinclude -DRAGD_VERSION='"$(VERSION)"' \
           $(WARN) $(CFLAGS_$(V))
LIBS    := -lhttp_parser -lstemmer -lm -lpthread -ldl
PKG_C   := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_L   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
ifeq ($(strip $(PKG_L)),)
NEED    := packages
endif

ARCH    := $(shell uname -m)
SRC_ALL := $(sort $(wildcard src/*/*.c))
ifneq ($(ARCH),aarch64)
SRC_ALL := $(filter-out %_neon.c %_neondot.c,$(SRC_ALL))
endif
ifneq ($(ARCH),x86_64)
SRC_ALL := $(filter-out %_avx2.c %_avxvnni.c %_avx512.c %_avx512vnni.c %_avx512bf16.c,$(SRC_ALL))
endif
SRC_CLI := $(filter src/cli/%,$(SRC_ALL))
SRC_LIB := $(filter-out src/cli/%,$(SRC_ALL))
OBJ_LIB := $(SRC_LIB:src/%.c=$(B)/obj/%.o)
OBJ_CLI := $(SRC_CLI:src/%.c=$(B)/obj/%.o)

.PHONY: all
all: $(B)/ragd $(B)/libragd.a $(B)/libragd.so  ## build build/release/ragd and the library

# The name of a kernel file is all that decides which instructions it may use.
AVX2_C   := -mavx2 -mfma -mf16c -O3
DOT_C    := -O3 -march=armv8.2-a+dotprod
AVX512_C := -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -mprefer-vector-width=512 -O3
$(B)/obj/%_avx2.o: SIMD_C := $(AVX2_C)
$(B)/obj/%_avxvnni.o: SIMD_C := $(AVX2_C) -mavxvnni
$(B)/obj/%_avx512.o: SIMD_C := $(AVX512_C)
$(B)/obj/%_avx512vnni.o: SIMD_C := $(AVX512_C) -mavx512vnni
$(B)/obj/%_avx512bf16.o: SIMD_C := $(AVX512_C) -mavx512vnni -mavx512bf16
$(B)/obj/%_neon.o: SIMD_C := -O3
$(B)/obj/%_neondot.o: SIMD_C := $(DOT_C)

$(B)/obj/%.o: src/%.c $(B)/flags | $(NEED)
	@mkdir -p $(@D)
	@echo "  cc    $<"
	@$(CC) $(CFLAGS) $(PKG_C) $(SIMD_C) -MMD -MP -c $< -o $@

# Rewritten only when the flags change, so that then everything is built again.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$$RAGD_FLAGS" | cmp -s - $@ || printf '%s\n' "$$RAGD_FLAGS" > $@
$(B)/flags: export RAGD_FLAGS := $(CC) $(CFLAGS) $(PKG_C)
.PHONY: FORCE
FORCE:

.PHONY: packages
packages:
	@scripts/setup --check || { echo "run scripts/setup first (make demo and make test do)" >&2; exit 1; }

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

# ---- using it ----

.PHONY: help setup model demo serve
help:  ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' Makefile | \
	    awk -F'\t' '{ printf "  make %-16s %s\n", $$1, $$2 }'

setup:  ## install the Debian packages that are missing
	@scripts/setup

model:
	@scripts/fetch-model

# Packages may be installed only now, so what needs them is another make.
demo: setup  ## install, build, ingest examples/finance, ask four questions
	@$(MAKE) --no-print-directory -j$(JOBS) V=release all model
	@scripts/demo

serve: setup  ## serve what `make demo` ingested, on http://127.0.0.1:8080
	@$(MAKE) --no-print-directory -j$(JOBS) V=release all model
	@scripts/demo --serve

# ---- tests: one Criterion program a file, against the sanitized library ----

TESTS_C := $(sort $(wildcard tests/unit/*/test_*.c tests/integration/test_*.c))
# Of the torture tests those whose short form takes a minute or so.
SCRIPTS := $(sort $(wildcard tests/integration/test_*.sh tests/integration/test_*.py) tests/torture/test_drain.py)
RACES_C := $(sort $(wildcard tests/race/*.c))
chosen  = $(if $(T),$(foreach f,$(1),$(if $(findstring $(T),$(f)),$(f))),$(1))
TESTS_CHOSEN   := $(call chosen,$(TESTS_C))
SCRIPTS_CHOSEN := $(call chosen,$(SCRIPTS))
TEST_BIN := $(TESTS_CHOSEN:tests/%.c=$(B)/tests/%)
NEON_BIN := $(if $(findstring test_neon,$(SCRIPTS_CHOSEN)),$(if $(shell command -v aarch64-linux-gnu-gcc),build/neon/test_kernels))
BENCH_BIN := $(if $(findstring test_bench_embed,$(SCRIPTS_CHOSEN)),$(B)/bench/bench_embed) \
             $(if $(findstring test_bench_load,$(SCRIPTS_CHOSEN)),$(B)/bench/bench_load) \
             $(if $(findstring test_bench_search,$(SCRIPTS_CHOSEN)),$(addprefix $(B)/bench/bench_,search scale live vectors))
RACE_BIN := $(RACES_C:tests/%.c=$(B)/tests/%)
FUZZ_C   := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN := $(patsubst tests/%.c,$(B)/tests/%,$(if $(F),$(F:%=tests/fuzz/fuzz_%.c),$(FUZZ_C)))
REPLAY_BIN := $(if $(call chosen,$(FUZZ_C)),$(B)/tests/fuzz/replay)

$(B)/tests/race/%: tests/race/%.c $(B)/libragd.a
	@mkdir -p $(@D)
	@echo "  race  $<"
	@$(CC) $(CFLAGS) -Itests $(PKG_C) $(LDFLAGS_$(V)) -MMD -MP $< $(B)/libragd.a -o $@ $(PKG_L) $(LIBS)

# The commands are not in the library; their tests get them from here.
$(B)/cli.a: $(filter-out %/main.o,$(OBJ_CLI))
	@rm -f $@
	@ar rcs $@ $^

$(B)/tests/unit/cli/%: tests/unit/cli/%.c $(B)/cli.a $(B)/libragd.a
	@mkdir -p $(@D)
	@echo "  test  $<"
	@$(CC) $(CFLAGS) -Itests $(PKG_C) $(LDFLAGS_$(V)) -MMD -MP $< $(B)/cli.a $(B)/libragd.a -o $@ $(PKG_L) $(LIBS) -lcriterion

# The same targets twice: all of them in one program that replays what was kept (gcc, in the
# tests), and each with libFuzzer (clang, `make fuzz`).
FUZZ_H := $(wildcard tests/fuzz/*.h)
$(B)/fuzz_obj/%.o: tests/fuzz/%.c $(FUZZ_H) $(B)/flags
	@mkdir -p $(@D)
	@echo "  cc    $<"
	@$(CC) $(CFLAGS) -Itests $(PKG_C) -MMD -MP -c $< -o $@

$(B)/tests/fuzz/replay: $(FUZZ_C:tests/fuzz/%.c=$(B)/fuzz_obj/%.o) $(B)/fuzz_obj/fuzz.o $(B)/fuzz_obj/replay.o $(B)/libragd.a
	@mkdir -p $(@D)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS_$(V)) $^ -o $@ $(PKG_L) $(LIBS)

$(B)/tests/fuzz/large: $(FUZZ_C:tests/fuzz/%.c=$(B)/fuzz_obj/%.o) $(B)/fuzz_obj/fuzz.o $(B)/fuzz_obj/large.o $(B)/libragd.a
	@mkdir -p $(@D)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS_$(V)) $^ -o $@ $(PKG_L) $(LIBS)

$(B)/tests/fuzz/make_seeds: $(B)/fuzz_obj/make_seeds.o $(B)/fuzz_obj/fuzz.o $(B)/libragd.a
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS_$(V)) $^ -o $@ $(PKG_L) $(LIBS)

$(FUZZ_C:tests/%.c=$(B)/tests/%): $(B)/tests/fuzz/fuzz_%: $(B)/fuzz_obj/fuzz_%.o $(B)/fuzz_obj/fuzz.o $(B)/fuzz_obj/libfuzzer.o $(B)/libragd.a
	@mkdir -p $(@D)
	@echo "  link  $@"
	@$(CC) $(LDFLAGS_fuzz) $^ -o $@ $(PKG_L) $(LIBS)

$(B)/tests/%: tests/%.c $(B)/libragd.a
	@mkdir -p $(@D)
	@echo "  test  $<"
	@$(CC) $(CFLAGS) -Itests $(PKG_C) $(LDFLAGS_$(V)) -MMD -MP $< $(B)/libragd.a -o $@ $(PKG_L) $(LIBS) -lcriterion

# Preloaded, so it is built without sanitizers.
$(B)/tests/fail_calls.so: tests/support/fail_calls.c
	@mkdir -p $(@D)
	@echo "  test  $<"
	@$(CC) -std=gnu17 -O1 -g -fPIC -shared $(WARN) $< -o $@ -ldl -lpthread

# Tests of the extractors start it where ragd itself would be started.
$(filter $(B)/tests/unit/extract/test_extract% $(B)/tests/integration/test_ingest%,$(TEST_BIN)): | $(B)/tests/extract_helper

.PHONY: test test-programs test-run check tsan tsan-run cov cov-run torture
test: setup  ## every test under ASan and UBSan (T=name: those whose path has the name)
	@$(MAKE) --no-print-directory model
	@$(if $(SCRIPTS_CHOSEN),scripts/client-venv)
	@$(MAKE) --no-print-directory -j$(JOBS) V=debug T=$(T) test-programs
	@$(MAKE) --no-print-directory V=debug T=$(T) test-run

# Scripts use the program and the C example, two of them benchmarks, so they are built with them.
test-programs: $(TEST_BIN) $(REPLAY_BIN) $(if $(SCRIPTS_CHOSEN),$(B)/ragd $(B)/libragd.so $(B)/tests/fail_calls.so $(BENCH_BIN)) $(NEON_BIN)

# One more than processors, as many of them wait; the scripts first, which take longest.
TEST_JOBS ?= $(shell expr $(JOBS) + 1)
test-run:
	@tests/run --build $(B) --jobs $(TEST_JOBS) $(SCRIPTS_CHOSEN) $(TEST_BIN) $(REPLAY_BIN)

.PHONY: clients-litellm
clients-litellm:  ## LiteLLM's proxy in build/litellm, for the test against it
	@scripts/client-venv --litellm

check:  ## format, layers, headers alone, tests for every module, cppcheck
	@tools/check

tsan:  ## the threaded parts under the thread sanitizer
	@$(MAKE) --no-print-directory -j$(JOBS) V=tsan tsan-run
tsan-run: $(RACE_BIN)
	@tests/race/run $^

cov:  ## line coverage of the tests, in build/cov/index.html
	@$(MAKE) --no-print-directory -j$(JOBS) V=cov T=$(T) test-programs
	@$(MAKE) --no-print-directory V=cov T=$(T) cov-run
cov-run:
	@find $(B) -name '*.gcda' -delete
	@tests/run --build $(B) --jobs $(JOBS) $(TEST_BIN) $(REPLAY_BIN) $(SCRIPTS_CHOSEN) || true
	@gcovr --root . --filter 'src/' --html-details $(B)/index.html --print-summary $(B)

FUZZ_CC ?= clang
.PHONY: fuzz fuzz-programs fuzz-run fuzz-seeds
fuzz:  ## fuzz the parsers, 20 s each (F="json url", RUNS=N, SECONDS=S; ARGS="--merge")
	@scripts/setup --fuzz
	@$(MAKE) --no-print-directory -j$(JOBS) V=fuzz CC="$(FUZZ_CC)" F="$(F)" fuzz-programs
	@$(MAKE) --no-print-directory V=fuzz CC="$(FUZZ_CC)" F="$(F)" fuzz-run
fuzz-programs: $(FUZZ_BIN)
fuzz-run:
	@scripts/fuzz $(if $(RUNS),--runs $(RUNS)) $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS) $(FUZZ_BIN)

fuzz-seeds:  ## the first inputs of binary formats, of this version's layouts
	@$(MAKE) --no-print-directory -j$(JOBS) V=debug build/debug/tests/fuzz/make_seeds
	@build/debug/tests/fuzz/make_seeds

.PHONY: fuzz-large
fuzz-large:  ## each parser with a megabyte made of its kept inputs: nothing over a second (F="json url")
	@$(MAKE) --no-print-directory -j$(JOBS) V=release build/release/tests/fuzz/large
	@build/release/tests/fuzz/large $(F)

TORTURE_C = $(shell grep -l 'support/figure.h' $(TESTS_C))
torture:  ## what must survive, in figures: docs/reliability.md, in hours (SHORT=1: in minutes)
	@scripts/setup --torture
	@$(MAKE) --no-print-directory -j$(JOBS) V=release all \
	    build/release/tests/fail_calls.so build/release/bench/bench_load
	@$(MAKE) --no-print-directory -j$(JOBS) V=debug T= $(TORTURE_C:tests/%.c=build/debug/tests/%)
	@scripts/torture $(if $(SHORT),--short) $(T)

# The ARM kernels: built by the cross compiler, linked statically, run by the emulator.
NEON_CC  := aarch64-linux-gnu-gcc
NEON_SRC := $(filter-out %_avx2.c %_avxvnni.c %_avx512.c %_avx512vnni.c %_avx512bf16.c, \
                         $(wildcard src/simd/*.c)) \
            src/base/cpu.c src/base/err.c src/base/utf8.c src/base/check.c src/base/mem.c
NEON_OBJ := $(patsubst %.c,build/neon/%.o,$(NEON_SRC) tests/neon/test_kernels.c)

build/neon/%_neondot.o: SIMD_C := $(DOT_C)
build/neon/%.o: %.c $(wildcard src/simd/*.h tests/unit/simd/*.h)
	@mkdir -p $(@D)
	@echo "  neon  $<"
	@$(NEON_CC) -std=gnu17 -D_GNU_SOURCE -O2 -g -Isrc -Itests $(WARN) $(SIMD_C) -c $< -o $@

build/neon/test_kernels: $(NEON_OBJ)
	@$(NEON_CC) -static $^ -o $@ -lm -lpthread

.PHONY: test-neon
test-neon: build/neon/test_kernels  ## the 64-bit ARM kernels under qemu-user
	@qemu-aarch64 $<

# ---- numbers ----

.PHONY: bench eval results
bench: all  ## stage timings, memory, start to first answer, size
	@scripts/bench

eval: all  ## how good retrieval is on all of ../shared/data; the table stays in docs/quality.md
	@scripts/evaluate --library 1 --report docs/quality.md

results: all  ## make docs/results.md from ../shared/data
	@$(MAKE) --no-print-directory V=release build/release/bench/bench_embed
	@scripts/results

.PHONY: bench-ingest precisions
bench-ingest: all  ## ingest end to end beside embedding alone, on ../shared/data
	@$(MAKE) --no-print-directory V=release build/release/bench/bench_embed
	@scripts/bench-ingest

.PHONY: bench-tiers
bench-tiers: all  ## what an answer takes out of each tier of the cache, on ../shared/data
	@$(MAKE) --no-print-directory V=release build/release/bench/bench_tiers
	@scripts/bench-tiers $(ARGS)

precisions: all  ## what bf16 and int8 cost in quality, on ../shared/data
	@$(MAKE) --no-print-directory V=release build/release/bench/compare_precisions
	@scripts/precisions

LOAD_C := $(addprefix bench/,load.c load_link.c load_requests.c load_report.c delays.c cpu_time.c)
$(B)/bench/bench_load: $(LOAD_C) $(LOAD_C:.c=.h)
$(B)/bench/%: bench/%.c $(B)/libragd.a
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(PKG_C) $(LDFLAGS_$(V)) $(filter %.c,$^) $(B)/libragd.a -o $@ $(PKG_L) $(LIBS)

EMBED_C := $(addprefix bench/,embed_case.c embed_serve.c peak.c)
$(B)/bench/bench_embed: $(EMBED_C) $(EMBED_C:.c=.h)

.PHONY: bench-cached
bench-cached: all  ## cached replies over HTTP beside nginx (ARGS="--paths all --rounds 7")
	@$(MAKE) --no-print-directory V=release build/release/bench/bench_load
	@scripts/bench-cached $(ARGS)

.PHONY: bench-serve
bench-serve: all  ## questions a second at 1 to 512 connections, closed and open loop (ARGS, REPORT)
	@$(MAKE) --no-print-directory V=release build/release/bench/bench_load
	@RAGD_MODEL_PATH=$(MODEL_DIR) scripts/bench-serve $(if $(REPORT),--report $(REPORT)) $(ARGS)

.PHONY: seedstack bench-seedstack
seedstack:  ## the usual Python stack in build/seedstack (6.3 GB), for bench-seedstack
	@scripts/seedstack-venv

bench-seedstack: all  ## ragd beside the usual Python stack (ARGS="--rounds 3", REPORT)
	@$(MAKE) --no-print-directory V=release build/release/bench/bench_load
	@RAGD_MODEL_PATH=$(MODEL_DIR) scripts/bench-seedstack $(if $(REPORT),--report $(REPORT)) $(ARGS)

# The same objects, but what looks at them is linked to nothing.
UNSEEN := metrics_count metrics_request metrics_bytes metrics_trace metrics_adjust answers_count answers_saved \
          reply_timing access_log_add tracing_begin
$(B)/bench/ragd_unobserved: bench/unobserved.c $(OBJ_CLI) $(B)/libragd.a
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) $(PKG_C) $(LDFLAGS_$(V)) -Wl,--gc-sections $(UNSEEN:%=-Wl,--wrap=%) $^ -o $@ $(PKG_L) $(LIBS)

.PHONY: bench-observe
bench-observe: all  ## what log, metrics, timings and traces cost a cached reply (ARGS="--rounds 15")
	@$(MAKE) --no-print-directory V=release build/release/bench/bench_load build/release/bench/ragd_unobserved
	@scripts/bench-observe $(ARGS)

.PHONY: bench-live-ingest
bench-live-ingest: all  ## questions while documents come over HTTP (ARGS="--rounds 15")
	@scripts/bench-live-ingest $(ARGS)

.PHONY: bench-added
bench-added: all  ## what is added to a language model's first token (ARGS="--questions 200")
	@$(MAKE) --no-print-directory V=release build/release/bench/bench_added
	@scripts/bench-added $(ARGS)

# REPORT=docs/performance.md puts the tables there. Peers take part when build/peers is there.
PEERS_PYTHON := $(firstword $(wildcard build/peers/bin/python) python3)
.PHONY: bench-embed
bench-embed:  ## the encoder beside its peers and this processor's peak (ARGS, REPORT)
	@$(MAKE) --no-print-directory V=release build/release/bench/bench_embed
	@$(PEERS_PYTHON) bench/peers/compare.py $(if $(RAGD_MODEL_PATH),$(RAGD_MODEL_PATH),models/all-MiniLM-L6-v2) \
	    $(if $(REPORT),--report $(REPORT)) $(ARGS)

.PHONY: bench-graph
bench-graph:  ## the vector index on one thread (ARGS="BASE.f32 QUERIES.f32 DIM ...")
	@$(MAKE) --no-print-directory V=release build/release/bench/bench_graph
	@build/release/bench/bench_graph $(ARGS)

.PHONY: bench-words
bench-words:  ## the word index by itself (ARGS="TEXTS QUESTIONS [--gold FILE] [--copies N]")
	@$(MAKE) --no-print-directory V=release build/release/bench/bench_words
	@build/release/bench/bench_words $(ARGS)

SHELF_C := $(addprefix bench/,corpus.c shelf.c asking.c rows.c)
$(B)/bench/bench_scale $(B)/bench/bench_live: $(SHELF_C) $(SHELF_C:.c=.h)
SEARCH_C := $(addprefix bench/,search_serve.c search_vectors.c search_words.c)
$(B)/bench/bench_search: $(SEARCH_C) bench/search_serve.h $(SHELF_C) $(SHELF_C:.c=.h)
$(B)/bench/bench_vectors $(B)/bench/bench_tiers: bench/rows.c bench/rows.h

# Sentences and their exact neighbours come from ../shared/data; without it that part is skipped.
BENCH_DATA ?= build/bench-data
MODEL_DIR := $(if $(RAGD_MODEL_PATH),$(RAGD_MODEL_PATH),models/all-MiniLM-L6-v2)
.PHONY: bench-data bench-search bench-scale
bench-data:
	@$(MAKE) --no-print-directory V=release build/release/bench/bench_vectors
	@RAGD_MODEL_PATH=$(MODEL_DIR) scripts/bench-data $(BENCH_DATA)

SEARCH_PYTHON := $(firstword $(wildcard build/peers-search/bin/python) python3)
bench-search: bench-data  ## the indexes beside hnswlib, faiss, USearch, bm25s, tantivy (ARGS, REPORT)
	@$(MAKE) --no-print-directory V=release build/release/bench/bench_search build/release/bench/bench_live
	@$(SEARCH_PYTHON) bench/peers/compare_search.py $(BENCH_DATA) $(if $(REPORT),--report $(REPORT)) $(ARGS)

bench-scale: bench-data  ## a question, an ingest, an opening at 1k to 1M chunks (SIZES="1000 10000")
	@$(MAKE) --no-print-directory V=release build/release/bench/bench_scale
	@build/release/bench/bench_scale --data $(BENCH_DATA) --model $(MODEL_DIR) $(SIZES)

.PHONY: bench-tokenizer
bench-tokenizer:  ## the tokenizer beside what touching the bytes costs (F="texts")
	@$(MAKE) --no-print-directory V=release build/release/bench/bench_tokenizer
	@build/release/bench/bench_tokenizer $(if $(RAGD_MODEL_PATH),$(RAGD_MODEL_PATH),models/all-MiniLM-L6-v2) 15 $(F)

# ---- looking after the code ----

.PHONY: format tidy shape clean
CODE := $(wildcard src/*/*.[ch] include/*.h tests/*/*.[ch] tests/*/*/*.[ch] bench/*.[ch] examples/c/*.c)
format:  ## clang-format in place
	@clang-format -i $(CODE)

tidy:  ## clang-tidy
	@clang-tidy --quiet $(SRC_ALL) -- $(CFLAGS) $(PKG_C) 2>/dev/null

shape:  ## the longest functions and files
	@tools/shape

clean:  ## remove build/
	@rm -rf build

# ---- installing ----

.PHONY: install uninstall
install: all  ## program, library, header, pkg-config file, man page (PREFIX, DESTDIR)
	@scripts/install install '$(DESTDIR)' '$(PREFIX)' '$(VERSION)' '$(B)'

uninstall:  ## what install put there
	@scripts/install uninstall '$(DESTDIR)' '$(PREFIX)' '$(VERSION)' '$(B)'

-include $(OBJ_LIB:.o=.d) $(OBJ_CLI:.o=.d) $(TEST_BIN:%=%.d) $(RACE_BIN:%=%.d)
