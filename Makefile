# torchless.  `make help` lists the targets, `make V=1` shows the commands.
#
# Every configuration builds into its own directory, build/<MODE>, so that a sanitizer build never
# mixes objects with a release build.  A change of compiler or flags rebuilds everything.

VERSION  := 0.1.0
MODE     ?= release
CC       := $(if $(filter default,$(origin CC)),gcc,$(CC))
BUILD    := build/$(MODE)
Q        := $(if $(V),,@)
PREFIX   ?= /usr/local
PYTHON   ?= .venv/bin/python
PKGS     := sqlite3 libcjson libpcre2-8 oniguruma libedit libxxhash ncursesw
# Compiled against, and loaded by whoever needs it: nobody else waits for what it brings along.
LOADED   := cairo
TESTPKGS := criterion

# No -ffast-math: a debugger must be able to see a NaN.  No contraction: the reference kernels
# must give the same bits from every compiler and at every level of optimisation.
CPPFLAGS += -Iinclude -D_XOPEN_SOURCE=700 -D_FILE_OFFSET_BITS=64
CFLAGS   += -std=c11 -g -ffp-contract=off -pthread
CFLAGS   += -Wall -Wextra -Wpedantic -Wshadow -Wvla -Wwrite-strings -Wpointer-arith \
            -Wstrict-prototypes -Wmissing-prototypes
ifdef CI
CFLAGS   += -Werror
endif

SAN := -fno-omit-frame-pointer -fno-sanitize-recover=all
# Frames stay small, so that a thread or a process with a stack of 128 kB is enough; sanitizers
# make them larger.
CFLAGS_release  := -O3 -DNDEBUG -Wframe-larger-than=8192
CFLAGS_debug    := -O0
CFLAGS_asan     := -O1 -fsanitize=address,undefined,float-cast-overflow $(SAN)
CFLAGS_tsan     := -O1 -fsanitize=thread $(SAN)
CFLAGS_coverage := -O0 --coverage
CFLAGS_ubsan    := -O1 -fsanitize=undefined $(SAN)
CFLAGS_fuzz     := -O1 -fsanitize=fuzzer-no-link,address,undefined $(SAN)
ifndef CFLAGS_$(MODE)
$(error unknown MODE=$(MODE): one of release debug asan ubsan tsan coverage fuzz)
endif

# ncurses would have us ask for an older POSIX than we do; headers of others are not ours to lint.
PKGCFLAGS  := $(patsubst -I/%,-isystem /%,$(filter-out -D_XOPEN_SOURCE=% -D_DEFAULT_SOURCE,$(shell pkg-config --cflags $(PKGS) $(LOADED))))
ALL_CFLAGS := $(CPPFLAGS) $(CFLAGS) $(CFLAGS_$(MODE)) $(PKGCFLAGS)
LIBS       := $(LDLIBS) $(shell pkg-config --libs $(PKGS)) -lm -ldl

# src/kernels/<isa>.c and <isa>_*.c are compiled only where they can run, with the flags that their
# name stands for.  On AArch64 avx2*.c are compiled too: neon.h has other words for what they say.
ARCH        := $(shell $(CC) -dumpmachine | cut -d- -f1)
ISA_x86_64    := avx2 avxvnni avx512 avx512vnni
ISA_aarch64   := avx2 neon
ISA_arm64     := $(ISA_aarch64)
ISA_ALL       := $(ISA_x86_64) neon
KERNEL_avx2   := $(if $(filter x86_64,$(ARCH)),-mavx2 -mfma -mf16c)
KERNEL_avxvnni := $(KERNEL_avx2) -mavxvnni
KERNEL_avx512 := $(KERNEL_avx2) -mavx512f -mavx512bw -mavx512dq -mavx512vl
KERNEL_avx512vnni := $(KERNEL_avx512) -mavx512vnni

isa_files    = $(foreach isa,$(1),$(wildcard src/kernels/$(isa).c src/kernels/$(isa)_*.c))
isa_flags    = $(KERNEL_$(firstword $(subst _, ,$(basename $(notdir $(1))))))

# What learners include, which the program writes where they compile.
GIVEN := include/torchless/lesson_kernels.h
SRCS := $(filter-out $(call isa_files,$(ISA_ALL)),$(wildcard src/*/*.c src/*/*/*.c)) \
        $(call isa_files,$(ISA_$(ARCH)))
SQL  := $(wildcard src/trace/*.sql)
LIB  := $(BUILD)/libtorchless.a
COMMANDS := $(shell sed -n 's/^COMMAND.\([a-z_]*\),.*/\1/p' include/torchless/commands.def)
HELP := $(COMMANDS:%=src/cli/help/%.txt)
SHELLS := $(wildcard src/cli/completion/*.in)
# Modeling code, which the debugger shows as the source of the ops.
SHOWN := src/model/mistral.c
# The lessons, without the model and without pictures.
COURSE := $(wildcard lessons/*.conf) $(filter-out %.svg %.png,$(shell find lessons/[0-9][0-9]-* -type f 2>/dev/null))
# The page of `torchless report`.
PAGE := $(wildcard src/picture/report/page/*)
OBJS := $(BUILD)/src/lesson/carried.o $(PAGE:%=$(BUILD)/%.o) $(SRCS:%.c=$(BUILD)/%.o) $(SQL:%.sql=$(BUILD)/%_sql.o) $(HELP:%.txt=$(BUILD)/%_txt.o) \
        $(SHELLS:%.in=$(BUILD)/%_in.o) $(SHOWN:%.c=$(BUILD)/%_source.o) $(GIVEN:%.h=$(BUILD)/%_header.o)
MAIN := $(filter $(BUILD)/src/cli/%,$(OBJS))
LIBOBJS := $(filter-out $(MAIN),$(OBJS))
TESTS   := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*.c))
TSAN_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/tsan/*.c))
FUZZERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCHES := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/bench_*.c))

## all: build ./torchless (MODE=debug|asan|tsan|coverage build build/MODE/torchless)
.PHONY: all
all: $(BUILD)/torchless
ifeq ($(MODE),release)
all: torchless
torchless: $(BUILD)/torchless
	$(Q)cp -f $< $@
endif

$(BUILD)/torchless: $(MAIN) $(LIB)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(LIB): $(LIBOBJS)
	@echo "  AR    $@"
	$(Q)$(RM) $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) $(ALL_CFLAGS) -I$(BUILD) $(if $(filter src/kernels/%,$<),$(call isa_flags,$<)) \
		$(if $(filter src/inspect/% src/trace/database.c,$<),-DSQLITE_CORE) \
		-MMD -MP -c -o $@ $<

# schema.sql becomes `const char schema_sql[]`: the program carries its SQL as text.
$(BUILD)/%_sql.c: %.sql scripts/embed-text
	@mkdir -p $(@D)
	$(Q)scripts/embed-text $(notdir $*)_sql < $< > $@.tmp && mv $@.tmp $@
# bash.in becomes `const char bash_in[]`: the completion scripts are templates.
$(BUILD)/%_in.c: %.in scripts/embed-text
	@mkdir -p $(@D)
	$(Q)scripts/embed-text $(notdir $*)_in < $< > $@.tmp && mv $@.tmp $@
# mistral.c becomes `const char mistral_source[]`, beside what it is compiled to.
$(SHOWN:%.c=$(BUILD)/%_source.c): $(BUILD)/%_source.c: %.c scripts/embed-text
	@mkdir -p $(@D)
	$(Q)scripts/embed-text $(notdir $*)_source < $< > $@.tmp && mv $@.tmp $@
# lesson_kernels.h becomes `const char lesson_kernels_header[]`.
$(GIVEN:%.h=$(BUILD)/%_header.c): $(BUILD)/%_header.c: %.h scripts/embed-text
	@mkdir -p $(@D)
	$(Q)scripts/embed-text $(notdir $*)_header < $< > $@.tmp && mv $@.tmp $@
# src/cli/help/run.txt becomes the structure help_run of what `torchless run --help` says.
$(HELP:%.txt=$(BUILD)/%_txt.c): $(BUILD)/%_txt.c: %.txt scripts/embed-help
	@mkdir -p $(@D)
	$(Q)scripts/embed-help $(notdir $*) < $< > $@.tmp && mv $@.tmp $@
# page/report.css becomes `const char page_report_css[]`.
$(PAGE:%=$(BUILD)/%.c): $(BUILD)/%.c: % scripts/embed-text
	@mkdir -p $(@D)
	$(Q)scripts/embed-text page_$(subst .,_,$(notdir $*)) < $< > $@.tmp && mv $@.tmp $@
$(PAGE:%=$(BUILD)/%.o): $(BUILD)/%.o: $(BUILD)/%.c $(BUILD)/flags
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-overlength-strings -c -o $@ $<
# lessons/ becomes the array course_carried.  A lesson that is taken away changes the list.
$(BUILD)/course.list: FORCE
	@mkdir -p $(@D)
	@echo '$(COURSE)' | cmp -s - $@ || echo '$(COURSE)' > $@
$(BUILD)/src/lesson/carried.c: $(BUILD)/course.list $(COURSE) scripts/embed-course
	@mkdir -p $(@D)
	$(Q)scripts/embed-course lessons > $@.tmp && mv $@.tmp $@
$(BUILD)/src/lesson/carried.o: $(BUILD)/src/lesson/carried.c $(BUILD)/flags
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-overlength-strings -MMD -MP -c -o $@ $<
$(BUILD)/%_sql.o: $(BUILD)/%_sql.c $(BUILD)/flags
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-overlength-strings -c -o $@ $<
$(BUILD)/%_source.o: $(BUILD)/%_source.c $(BUILD)/flags
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-overlength-strings -c -o $@ $<
$(BUILD)/%_header.o: $(BUILD)/%_header.c $(BUILD)/flags
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-overlength-strings -c -o $@ $<
$(BUILD)/%_in.o: $(BUILD)/%_in.c $(BUILD)/flags
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-overlength-strings -c -o $@ $<
$(BUILD)/%_txt.o: $(BUILD)/%_txt.c $(BUILD)/flags
	$(Q)$(CC) $(ALL_CFLAGS) -Wno-overlength-strings -MMD -MP -c -o $@ $<

$(BUILD)/tests/%: tests/%.c $(LIB) $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  TEST  $<"
	$(Q)$(CC) $(ALL_CFLAGS) $(shell pkg-config --cflags $(TESTPKGS)) -Wno-write-strings -Wno-pedantic -Wno-frame-larger-than \
		-Isrc -Itests -MMD -MP -o $@ $< $(LIB) $(LDFLAGS) $(shell pkg-config --libs $(TESTPKGS)) $(LIBS)

# A test that says how much memory there is.
$(BUILD)/tests/unit/test_session: LDFLAGS += -Wl,--wrap=mem_available_bytes
# One that plays a file system without second names.
$(BUILD)/tests/unit/test_recording_file: LDFLAGS += -Wl,--wrap=link
# What the command line and the shell of query suggest, and how lessons look: everything but main.c, which exits.
$(BUILD)/tests/unit/test_suggest $(BUILD)/tests/unit/test_lesson_show: $(filter-out $(BUILD)/src/cli/main.o,$(MAIN))
$(BUILD)/tests/unit/test_suggest $(BUILD)/tests/unit/test_lesson_show: LDFLAGS += $(filter-out $(BUILD)/src/cli/main.o,$(MAIN)) $(LIB)
# Benchmarks stand beside what the machine can do.
RACER   := $(BUILD)/tests/bench/race_torchless
PROBING := $(BENCHES) $(RACER) $(BUILD)/tests/unit/test_probe
$(PROBING): $(BUILD)/tests/bench/probe.o
$(PROBING): LDFLAGS += $(BUILD)/tests/bench/probe.o $(LIB)

## extension: build torchless.so, the SQL functions for sqlite3's .load and Python's load_extension
# src/inspect and what it stands on, compiled again: SQLite is called through the host's table.
EXT      := $(BUILD)/torchless.so
# What asks a recording that the program opened stays out of it.
EXTSRCS  := $(filter-out $(addprefix src/inspect/,recording.c outline.c pass_source.c),$(filter src/core/% src/kernels/% src/array/% \
            src/program/% src/model/% src/inspect/% src/trace/capture_sets.c \
            src/trace/database.c src/trace/open_files.c src/trace/side_files.c,$(SRCS)))
EXTOBJS  := $(EXTSRCS:%.c=$(BUILD)/pic/%.o)
EXTPKGS  := libcjson libpcre2-8 oniguruma libxxhash
.PHONY: extension
extension: $(EXT)
$(EXT): $(EXTOBJS)
	@echo "  LINK  $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -shared -Wl,-z,defs -o $@ $^ $(shell pkg-config --libs $(EXTPKGS)) -lm
$(BUILD)/pic/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  PIC   $<"
	$(Q)$(CC) $(ALL_CFLAGS) -fPIC -fvisibility=hidden $(if $(filter src/kernels/%,$<),$(call isa_flags,$<)) \
		-MMD -MP -c -o $@ $<

# What is made on the way to an object stays.
.SECONDARY:

# Written again only when its contents change, so that only what depends on it is rebuilt.
.PHONY: FORCE
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS) $(LIBS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS) $(LIBS)' > $@
$(BUILD)/version.h: FORCE
	@mkdir -p $(@D)
	@{ echo '#define TORCHLESS_VERSION "$(VERSION)"'; \
	   echo "#define TORCHLESS_COMMIT \"$$(git describe --always --dirty 2>/dev/null)\""; \
	   echo '#define TORCHLESS_PREFIX "$(PREFIX)"'; } > $@.tmp
	@cmp -s $@.tmp $@ && $(RM) $@.tmp || mv $@.tmp $@
$(BUILD)/src/cli/version.o: $(BUILD)/version.h

-include $(OBJS:.o=.d) $(EXTOBJS:.o=.d) $(TESTS:%=%.d) $(TSAN_TESTS:%=%.d) $(FUZZERS:%=%.d) $(BENCHES:%=%.d) $(RACER).d $(BUILD)/tests/bench/probe.d

# ---- tests: each is a target, so that make runs them side by side, or one by its name ------------

UNIT_TESTS := $(patsubst tests/unit/%.c,unit/%,$(wildcard tests/unit/*.c))
CLI_TESTS  := $(patsubst tests/cli/%.sh,cli/%,$(wildcard tests/cli/*.sh))
# What takes long and seldom breaks: `make test` runs them, `make check` and the sanitizers do not.
CLI_SLOW   := cli/long_prompts cli/query_limits cli/completion
PY_TESTS   := $(patsubst tests/py/%.py,py/%,$(wildcard tests/py/test_*.py))
RACES      := $(patsubst tests/tsan/%.c,tsan/%,$(wildcard tests/tsan/*.c))

# run-test -- NAME COMMAND: what it prints is shown when it fails, or with V=1.
RUN_TEST = $(Q)scripts/run-test $(if $(V),-v) '$@$(if $(filter-out release,$(MODE)), [$(MODE)])' $(BUILD)/tests/log/$@
# It may take an hour, and shows how far it is.
RUN_LONG = $(Q)TEST_SECONDS=3600 scripts/run-test -v $@ $(BUILD)/tests/log/$@

## check: the unit tests, the layers and the command-line tests (about a minute with -j)
## cli-slow: the command-line tests that take long, which check leaves out
.PHONY: check unit cli-tests cli-slow
# The longest of them begin first.
check: $(filter unit/test_walk unit/test_inspect_damage cli/trace_resume cli/terminal,$(UNIT_TESTS) $(CLI_TESTS)) cli-tests unit layers
unit: $(UNIT_TESTS)
cli-tests: $(filter-out $(CLI_SLOW),$(CLI_TESTS))
cli-slow: $(CLI_SLOW)

## unit/test_NAME: one unit test, tests/unit/test_NAME.c
# Criterion runs the cases of a program side by side as well, so that a long one ends on every core.
.PHONY: $(UNIT_TESTS)
$(UNIT_TESTS): unit/%: $(BUILD)/tests/unit/%
	$(RUN_TEST) $<

## cli/NAME: one command-line test, tests/cli/NAME.sh
.PHONY: $(CLI_TESTS)
$(CLI_TESTS): cli/%: all
	$(RUN_TEST) env TORCHLESS=$(BUILD)/torchless PYTHON=$(PYTHON) sh tests/$@.sh

## asan: the unit and command-line tests under the sanitizers of addresses and of undefined behaviour
## asan-slow: those that asan leaves out: documents and helps that are typed again, looks of a terminal, learners' kernels
# What takes minutes there and shows the sanitizers little of ours.
ASAN_SLOW := cli/pasted cli/pasted_docs cli/examples cli/help cli/look cli/narrow cli/called cli/scripts \
             unit/test_lesson_kernels unit/test_lesson_bugs
.PHONY: asan asan-slow asan-tests asan-slow-tests
asan-tests: $(filter-out $(ASAN_SLOW) $(CLI_SLOW),$(UNIT_TESTS) $(CLI_TESTS))
asan-slow-tests: $(ASAN_SLOW)
# Criterion runs each test in a child and does not fail on a leak in one unless it aborts.
asan asan-slow:
	$(Q)ASAN_OPTIONS=abort_on_error=1:detect_leaks=1 \
		LSAN_OPTIONS=suppressions=$(CURDIR)/tests/support/leaks.supp:print_suppressions=0 \
		TEST_SECONDS=900 WALKS=200 \
		$(MAKE) MODE=asan $@-tests

## walks: a thousand random walks through time on each model, see tests/support/walk.h; and by the debugger's commands
.PHONY: walks
walks: all $(BUILD)/tests/unit/test_walk $(BUILD)/tests/unit/test_debug_walk
	$(RUN_LONG) env WALKS=1000 $(BUILD)/tests/unit/test_walk
	$(RUN_LONG) env DEBUG_WALKS=1000 $(BUILD)/tests/unit/test_debug_walk

## tsan: the thread tests under ThreadSanitizer (plain programs: Criterion aborts under it)
.PHONY: tsan
tsan:
	$(Q)$(MAKE) MODE=tsan tsan-run
.PHONY: tsan-run $(RACES)
tsan-run: $(RACES)
$(RACES): tsan/%: $(BUILD)/tests/tsan/%
	$(RUN_TEST) $<

## fuzz: feed every surface that strangers' bytes reach for FUZZ_SECONDS each (default 60); needs clang
## fuzz-quick: what is known of each, and thousands of mutations where they can be the same ones each time
## fuzz-long: until 10,000,000 executions or 30 minutes each, going on where it was; writes docs/robustness.md
## fuzz-long/NAME: one of them, tests/fuzz/fuzz_NAME.c
## fuzz-corpus: make tests/fuzz/corpus of what the runs have found
.PHONY: fuzz fuzz-quick fuzz-long fuzz-corpus fuzzers fuzzers-built
FUZZ_SECONDS ?= 60
FUZZ_CC      ?= clang
FUZZ_LONG    := $(patsubst tests/fuzz/fuzz_%.c,fuzz-long/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ         := $(PYTHON) tests/fuzz/run.py --build build/fuzz
fuzzers:
	$(Q)$(MAKE) CC="$(FUZZ_CC)" MODE=fuzz BUILD=build/fuzz fuzzers-built
fuzzers-built: $(FUZZERS)
# They reach into the commands too: everything but main.c, which exits.
$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(filter-out $(BUILD)/src/cli/main.o,$(MAIN)) $(LIB) $(BUILD)/flags
	@mkdir -p $(@D)
	@echo "  FUZZ  $<"
	$(Q)$(CC) $(ALL_CFLAGS) -Isrc -Itests -fsanitize=fuzzer -MMD -MP -o $@ $(filter %.c %.o %.a,$^) $(LDFLAGS) $(LIBS)
fuzz: fuzzers
	$(RUN_LONG) $(FUZZ) --seconds $(FUZZ_SECONDS)
fuzz-quick: fuzzers
	$(RUN_LONG) $(FUZZ) --quick
fuzz-long: fuzzers
	$(Q)$(FUZZ) --long --write docs/robustness.md
.PHONY: $(FUZZ_LONG)
$(FUZZ_LONG): fuzz-long/%: fuzzers
	$(Q)$(FUZZ) --long --write docs/robustness.md $*
fuzz-corpus: fuzzers
	$(Q)$(FUZZ) --merge

## torture: every call failing or fatal, random kills, full disks and a crowd (TORTURE_SECONDS=420 TORTURE_SEED=1)
# The library is never sanitized: it stands between a program, sanitized or not, and the kernel.
.PHONY: torture
FAULTS := build/tests/faults.so
$(FAULTS): tests/torture/faults.c
	@mkdir -p $(@D)
	@echo "  CC    $<"
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -fPIC -shared -o $@ $<
torture: all $(FAULTS)
	$(Q)$(MAKE) MODE=asan all
	$(RUN_LONG) env TORCHLESS=$(BUILD)/torchless TORCHLESS_ASAN=build/asan/torchless FAULTS=$(FAULTS) \
		$(PYTHON) tests/torture/torture.py $(if $(TORTURE_WRITE),--write $(TORTURE_WRITE))

## test: everything CI runs: check, the lessons, sanitizers, torture, threads, fuzzing, lint, scripts, the model, parity, tokenizers
## test-slow: what takes long and seldom breaks: before something is given away
# A failure ends it, after the other tests of its kind; the last line counts the tests that ran.
JOBS := -k -Otarget --no-print-directory -j$(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
export TALLY
.PHONY: test test-steps
test:
	@mkdir -p build && : > build/tally
	$(Q)$(MAKE) TALLY=$(CURDIR)/build/tally test-steps; status=$$?; \
		scripts/run-test --tally build/tally; exit $$status
test-steps:
	$(Q)$(MAKE) $(JOBS) CI=1 all benches extension
	$(Q)$(MAKE) $(JOBS) CI=1 check cli-slow
	$(Q)$(MAKE) $(JOBS) CI=1 walks lesson-check lesson-robot
	$(Q)$(MAKE) $(JOBS) CI=1 asan
	$(Q)$(MAKE) $(JOBS) CI=1 torture
	$(Q)$(MAKE) $(JOBS) CI=1 tsan
	$(Q)$(MAKE) $(JOBS) CI=1 fuzz-quick # built by clang, whose warnings are errors
	$(Q)$(MAKE) $(JOBS) check-format lint
	$(Q)$(MAKE) $(JOBS) py-tests viz browser site-check model-check-quick tokenizers-quick others parity-quick
.PHONY: test-slow
test-slow:
	$(Q)$(MAKE) $(JOBS) CI=1 clang
	$(Q)$(MAKE) $(JOBS) CI=1 analyze
	$(Q)$(MAKE) $(JOBS) CI=1 fuzz
	$(Q)$(MAKE) $(JOBS) CI=1 asan-slow model-check

## check-neon: the NEON kernels and the program on an AArch64 that qemu plays, held against this machine's bits (minutes; needs scripts/setup --neon)
.PHONY: check-neon
check-neon: all $(BUILD)/tests/neon/kernel_bits
	$(RUN_LONG) tests/neon/check $(BUILD)

## py-tests: the scripts against their references (needs scripts/setup --tests)
## py/test_NAME: one of them, tests/py/test_NAME.py
.PHONY: py-tests $(PY_TESTS)
py-tests: $(PY_TESTS)
py/test_race: $(RACER)
$(PY_TESTS): py/%: all extension
	$(RUN_TEST) $(PYTHON) tests/$@.py
# It asks a program what kernels make of bytes.
py/test_blocks: $(BUILD)/tests/support/decode_blocks
py/test_blocks: export DECODE_BLOCKS := $(BUILD)/tests/support/decode_blocks

## viz: the graphs by a current Graphviz (npm's @viz-js/viz) and by the one installed: no warning, the same ids and links
.PHONY: viz
viz: all
	$(Q)scripts/node-modules tests/viz
	$(RUN_TEST) node tests/viz/test_viz.mjs $(BUILD)/torchless
## browser: the page of `torchless report` in headless Chromium (needs scripts/setup --tests)
.PHONY: browser
browser: all
	$(Q)scripts/node-modules tests/browser
	$(RUN_TEST) env TORCHLESS=$(BUILD)/torchless node --test --test-reporter=spec tests/browser/test_report.mjs

## lesson-pictures: make the pictures of the lessons, the numbers of their texts and what steps print again
.PHONY: lesson-pictures
lesson-pictures: all
	$(Q)./torchless lesson --course lessons dev render --write

## lesson-check: all that the lessons have to be: torchless lesson dev check, with the large models of lesson 16 (340 MB in the cache)
## lesson-robot: the whole course at a terminal, from an installed tree, by root and by another user: wrong, hinted, right, killed
# The other user has to be able to read the tree, wherever the project lies.
.PHONY: lesson-check lesson-robot
lesson-check: all
	$(RUN_LONG) ./torchless lesson --course lessons dev check --all
lesson-robot: all extension man
	@tree=$$(mktemp -d) && chmod 755 $$tree && trap 'rm -rf '$$tree EXIT && \
	$(MAKE) -s PREFIX=$$tree install >/dev/null && mkdir -p build/robot && \
	: > build/robot/nobody.log && chmod 666 build/robot/nobody.log && \
	{ $(call ROBOT,root,1) & $(call ROBOT,nobody,2 --as-nobody); \
	nobody=$$?; wait $$! && exit $$nobody; }
# The robot plays as somebody, by a seed; a line of the log says how it went.
ROBOT = TEST_SECONDS=3600 scripts/run-test -v $@/$1 $(BUILD)/tests/log/$@-$1 $(PYTHON) \
	tests/robot/robot.py --torchless $$tree/bin/torchless --log build/robot/$1.log --seed $2

## site: the course as static pages in build/site (SITE=DIR; needs scripts/setup --tests)
## site-check: the pages in headless Chromium, at two widths and in both themes
.PHONY: site site-check
SITE := build/site
site:
	$(Q)scripts/node-modules scripts/site
	$(Q)node scripts/site/site.mjs --course lessons --out $(SITE)
site-check: site
	$(Q)scripts/node-modules tests/browser
	$(RUN_TEST) env SITE=$(SITE) node --test --test-reporter=spec tests/browser/test_site.mjs

## parity: every point against Hugging Face, prefill and decode; writes docs/parity.md
.PHONY: parity parity-quick
parity: all
	$(Q)$(PYTHON) scripts/parity_suite.py --write docs/parity.md
## traces: make the recordings of Hugging Face that ship in traces/ anew (needs scripts/setup --tests)
.PHONY: traces
traces:
	$(Q)$(PYTHON) scripts/make_traces.py
parity-quick: all
	$(RUN_LONG) $(PYTHON) scripts/parity_suite.py --quick

## tokenizers: every id against the tokenizers library; writes docs/tokenizers.md
.PHONY: tokenizers tokenizers-quick
tokenizers: all
	$(Q)$(PYTHON) scripts/check_tokenizers.py --write docs/tokenizers.md
tokenizers-quick: all
	$(RUN_LONG) $(PYTHON) scripts/check_tokenizers.py --quick

## others: other people's chat templates, configurations and expressions against transformers, jinja2 and tokenizers
# OTHERS_ONLY=templates, configurations or regexes; OTHERS_WRITE=docs/tokenizers.md puts the table there.
.PHONY: others
others: all
	$(RUN_LONG) $(PYTHON) tests/others/others.py --torchless $(BUILD)/torchless \
		$(if $(OTHERS_ONLY),--only $(OTHERS_ONLY)) $(if $(OTHERS_WRITE),--write $(OTHERS_WRITE))

## model-check: what lessons/model can do and what one finds inside, with bounds (needs scripts/setup --tests)
## model-check-quick: a few items of each kind
.PHONY: model-check model-check-quick
model-check: all
	$(RUN_LONG) $(PYTHON) scripts/model_check.py --torchless $(BUILD)/torchless
model-check-quick: all
	$(RUN_LONG) $(PYTHON) scripts/model_check.py --torchless $(BUILD)/torchless --quick

## smollm2: fetch and import SmolLM2-135M-Instruct into models/smollm2-135m
.PHONY: smollm2
smollm2:
	$(Q)scripts/venv import && scripts/fetch-smollm2

## teach: train the model of lessons/model again into build/teach/model (an hour or two)
.PHONY: teach
teach:
	$(Q)PYTHON=$(PYTHON) scripts/teach/again build/teach

## docs: write docs/cli.md, docs/recording*.md, the debugger's tables and what README.md and docs/lessons.md show of the terminal again
.PHONY: docs
docs: all
	$(Q)./torchless help --markdown > docs/cli.md.tmp && mv docs/cli.md.tmp docs/cli.md
	$(Q)scripts/recording-doc > docs/recording.md.tmp && mv docs/recording.md.tmp docs/recording.md
	$(Q)scripts/recording-doc answers > docs/recording-answers.md.tmp && mv docs/recording-answers.md.tmp docs/recording-answers.md
	$(Q)scripts/recording-doc reference > docs/recording-reference.md.tmp && mv docs/recording-reference.md.tmp docs/recording-reference.md
	$(Q)scripts/debugger-doc commands > docs/debugger-commands.md.tmp && mv docs/debugger-commands.md.tmp docs/debugger-commands.md
	$(Q)scripts/debugger-doc expressions > docs/expressions.md.tmp && mv docs/expressions.md.tmp docs/expressions.md
	$(Q)scripts/shown README.md docs/lessons.md

## tui-capture: write docs/images/debug-tui.svg, what `torchless debug --tui` looks like (needs tmux)
.PHONY: tui-capture
tui-capture: all
	@mkdir -p docs/images
	$(Q)scripts/tui-capture docs/images/debug-tui.svg

## pictures: make docs/pictures again, of the teaching model and SmolLM2 (PICTURES="teaching-graph report": some of them)
.PHONY: pictures
pictures: all
	$(Q)$(PYTHON) scripts/pictures $(PICTURES)

## stories: play the debugger's stories in terminals and compare with docs/debugger.md and the golden transcripts (WRITE=1 writes them)
.PHONY: stories
stories: all
	$(Q)$(PYTHON) scripts/stories $(if $(WRITE),--write) $(STORY)

## man: write the manual pages into build/MODE/man
.PHONY: man
MAN_PAGES := torchless.1 $(COMMANDS:%=torchless-%.1)
man: all
	@mkdir -p $(BUILD)/man
	$(Q)for page in $(MAN_PAGES); do \
		command=$${page#torchless}; command=$${command#-}; \
		$(BUILD)/torchless help --man $${command%.1} > $(BUILD)/man/$$page || exit 1; done

## install: install the program, its model, extension, manual and completions (PREFIX=/usr/local, DESTDIR=)
.PHONY: install uninstall
INSTALLED = bin/torchless lib/torchless.so share/bash-completion/completions/torchless \
            share/zsh/site-functions/_torchless share/fish/vendor_completions.d/torchless.fish \
            share/doc/torchless/LICENSE $(LESSON_FILES:lessons/%=share/torchless/%) \
            $(MAN_PAGES:%=share/man/man1/%)
LESSON_FILES = $(wildcard lessons/model/*) lessons/prompts.jsonl
install: all extension man
	$(Q)install -Dm755 $(BUILD)/torchless $(DESTDIR)$(PREFIX)/bin/torchless
	$(Q)install -Dm755 $(EXT) $(DESTDIR)$(PREFIX)/lib/torchless.so
	$(Q)install -Dm644 LICENSE $(DESTDIR)$(PREFIX)/share/doc/torchless/LICENSE
	$(Q)for f in $(LESSON_FILES); do \
		install -Dm644 $$f $(DESTDIR)$(PREFIX)/share/torchless/$${f#lessons/} || exit 1; done
	$(Q)for page in $(MAN_PAGES); do \
		install -Dm644 $(BUILD)/man/$$page $(DESTDIR)$(PREFIX)/share/man/man1/$$page || exit 1; done
	$(Q)for s in bash:bash-completion/completions/torchless zsh:zsh/site-functions/_torchless \
		fish:fish/vendor_completions.d/torchless.fish; do \
		to=$(DESTDIR)$(PREFIX)/share/$${s#*:}; mkdir -p $$(dirname $$to); \
		$(BUILD)/torchless completion $${s%%:*} > $$to || exit 1; done
	@echo "  INSTALL $(DESTDIR)$(PREFIX)/bin/torchless"
uninstall:
	$(Q)$(RM) $(INSTALLED:%=$(DESTDIR)$(PREFIX)/%)
	$(Q)rmdir $(DESTDIR)$(PREFIX)/share/torchless/model $(DESTDIR)$(PREFIX)/share/torchless 2>/dev/null || true

## bench: what the machine can do and what share of it is used, what recording and the debugger cost, how long one waits (under 10 minutes; BENCHFLAGS=--json for JSON lines, BENCH_SECONDS=N for more time)
.PHONY: bench benches
BENCH_SECONDS ?= 600
benches: $(BENCHES)
# The machine first: a busy one is said before anything is measured.
bench: all benches
	$(Q)BENCHFLAGS='$(BENCHFLAGS)' tests/bench/run $(BENCH_SECONDS) $(BUILD)/tests/bench/bench_machine \
		$(filter-out %/bench_machine,$(BENCHES))

## bench-tokenizer: text to ids against the tokenizers library (minutes; BENCHFLAGS="--write docs/tokenizers.md" puts the table there)
.PHONY: bench-tokenizer
bench-tokenizer: $(BUILD)/tests/bench/bench_tokenizer
	$(Q)$(PYTHON) tests/bench/tokenizer.py --bench $< $(BENCHFLAGS)

## bench-long: what recording a prompt of 4,096 tokens costs (minutes; needs make smollm2)
.PHONY: bench-long
bench-long: all
	$(Q)$(PYTHON) tests/bench/long_prompt.py

## bench-trace: what a trace costs beside its run, against what is promised (minutes; needs make smollm2)
.PHONY: bench-trace
bench-trace: all benches
	$(Q)$(PYTHON) tests/bench/trace_price.py --all

## bench-many: what recording 1,000 short prompts costs, and asking about them
.PHONY: bench-many
bench-many: all
	$(Q)$(PYTHON) tests/bench/many_prompts.py

## bench-lessons: how long one waits in the course, command by command, against what is promised (minutes)
.PHONY: bench-lessons
bench-lessons: all
	$(Q)$(PYTHON) tests/bench/lessons.py $(BENCHFLAGS)

## clang: the unit tests built by clang, warnings are errors, under its sanitizer of undefined behaviour, which knows more than gcc's
.PHONY: clang
clang:
	$(Q)$(MAKE) CC="$(FUZZ_CC)" CI=1 MODE=ubsan BUILD=build/clang all unit

## layers: check that no file includes a header from a layer above it, and that nothing goes in circles
.PHONY: layers
layers: $(OBJS)
	@echo "  CHECK layers"
	$(Q)scripts/check-layers
	$(Q)scripts/check-rings $(BUILD) $(OBJS)

## format: rewrite the sources with clang-format
## check-format: report what `make format` would change
.PHONY: format check-format
FORMATTED = $(shell git ls-files '*.c' '*.h' 2>/dev/null)
format:
	$(Q)clang-format -i $(FORMATTED)
check-format:
	@echo "  CHECK format"
	$(Q)clang-format --dry-run --Werror $(FORMATTED)

## lint: clang-tidy over src, shellcheck over the scripts; zero warnings
## analyze: clang's analyzer over src, which follows paths and takes twenty times as long
.PHONY: lint analyze
LINTED   := $(SRCS:%=lint-%)
ANALYZED := $(SRCS:%=analyze-%)
lint: $(LINTED)
	$(Q)shellcheck $$(git ls-files | xargs grep -lE '^#!.*\b(ba)?sh\b')
analyze: $(ANALYZED)
TIDIED    = $(patsubst lint-%,%,$(@:analyze-%=%))
$(LINTED): TIDY_CHECKS := -clang-analyzer-*
.PHONY: $(LINTED) $(ANALYZED)
$(LINTED) $(ANALYZED): $(BUILD)/version.h
	@echo "  TIDY  $@"
	$(Q)clang-tidy --quiet --checks='$(TIDY_CHECKS)' $(TIDIED) -- $(CPPFLAGS) -I$(BUILD) -std=c11 -DSQLITE_CORE $(call isa_flags,$(TIDIED)) $(PKGCFLAGS) 2>/dev/null

## clean: remove every build
.PHONY: clean
clean:
	$(Q)$(RM) -r build torchless

## help: print this list
.PHONY: help
help:
	@awk -F': ' '/^## /{ printf "  %-14s %s\n", substr($$1, 4), substr($$0, length($$1) + 3) }' $(firstword $(MAKEFILE_LIST))
