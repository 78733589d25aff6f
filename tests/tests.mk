# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
#
# How the tests are built and run; included by the Makefile.

# The parts of `make check`, in this order; a part added elsewhere in this file says CHECKS += it.
CHECKS := all unit headers layers sizes lint

check:
	@packaging/install-depends
	@tests/check.py $(O) $(CHECKS)

CHECK_LIBS = $(shell pkg-config --libs check)

# A unit test tests/unit/test_X.c links libcommon.a and whatever its line here adds; neighbours
# that are not named are played by the test itself.
UNITS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))

$(O)/unit/%: $(O)/obj/tests/unit/%.o $(O)/libtls.a $(O)/libcommon.a
	@mkdir -p $(@D)
	$(CC) $(LINK) $(CFLAGS) -o $@ $(filter %.o,$^) $(O)/libtls.a $(O)/libcommon.a \
		-lssl -lcrypto -lconfig -lseccomp -lcares $(UNIT_LIBS) $(CHECK_LIBS)

$(O)/unit/test_answer: $(O)/obj/ctl/answer.o
$(O)/unit/test_show: $(addprefix $(O)/obj/ctl/,show.o answer.o)
$(O)/unit/test_json: $(addprefix $(O)/obj/ctl/,json.o show.o answer.o)
$(O)/unit/test_json: UNIT_LIBS := -ljansson

unit: $(addprefix $(O)/unit/,$(UNITS))
	@rc=0; for t in $^; do $$t || rc=1; done; exit $$rc

# The folders are the walls: no process includes another process's headers, and the root process
# links no TLS.
layers: all
	@! grep -nE '^#include "\.\./(master|worker|checker|keeper|ctl)/' -r master worker checker keeper ctl common
	@! grep -nE '^#include ("\.\./common/tls/|<openssl/)' -r master ctl
	@! grep -nE '^#include <openssl/' common/*.[ch]
	@! grep -nE '^#include "\.\./common/tls/' -r keeper
	@! ldd $(O)/mailreeve | grep -E 'libssl|libcrypto'
	@echo layers: the walls stand

# Each header compiles alone, so it names what it needs.
headers:
	@for h in $(wildcard $(addsuffix /*.h,$(FOLDERS) common common/tls)); do \
	  $(CC) $(filter-out -MMD -MP,$(BUILD)) -fsyntax-only -x c $$h || exit 1; done
	@echo headers: each compiles alone

# Sizes that a reader can hold.
sizes:
	@tests/sizes.py

lint: lint-format lint-gcc lint-clang lint-tidy

SOURCES = $(wildcard $(addsuffix /*.c,$(FOLDERS) common common/tls tests/unit tests/fuzz tests/hostile tests/lib))
HEADERS = $(wildcard $(addsuffix /*.h,$(FOLDERS) common common/tls tests/unit tests/fuzz tests/hostile tests/lib))

lint-format:
	@clang-format --dry-run -Werror $(SOURCES) $(HEADERS)
	@echo lint: formatted
lint-gcc: all
lint-clang:
	@$(MAKE) --no-print-directory O=$(O)/clang CC=clang CFLAGS='-O1' all >/dev/null
	@echo lint: clang has no warnings
# One file at a time, so that -j helps and only what changed is read again.
TIDY = $(patsubst %.c,$(O)/tidy/%.ok,$(filter-out tests/%,$(SOURCES)))
$(O)/tidy/%.ok: %.c .clang-tidy $(HEADERS)
	@mkdir -p $(@D)
	@clang-tidy --quiet --warnings-as-errors='*' $< -- -std=c17 -D_GNU_SOURCE \
	  -DMAILREEVE_VERSION='"x"' 2>$@.err || { cat $@.err; exit 1; }
	@mv $@.err $@
lint-tidy: $(TIDY)
	@echo lint: clang-tidy is content

.PHONY: check unit layers headers sizes lint lint-format lint-gcc lint-clang lint-tidy
