# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
#
# Fuzz targets: every tests/fuzz/fuzz_X.c, built by clang with its sanitizers from the shipped
# sources; included by tests/tests.mk.
#
#   make fuzz-replay    each corpus tests/fuzz/corpus/X/ once (a part of `make check`)
#   make fuzz T=60      look for new inputs, so many seconds with each target
#   make fuzz-X T=60    the same with one target
#
# What is found goes to build/fuzz/found/X/, an input that fails to build/fuzz/X-crash-...: put it
# into the corpus together with the fix.  tests/fuzz/X.dict, if there, names words of the format.

# Sources beside common/ that a target needs.
FUZZ_conf  := tests/lib/conf_dump.c
FUZZ_expect := checker/verdict.c
FUZZ_hello := worker/conn/hello.c
FUZZ_record := $(addprefix worker/record/,record.c crypt.c derive.c provider.c selftest.c start.c take.c) \
	tests/lib/tls_pair.c

FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
T       ?= 60

FUZZ_BUILD = clang -I. -std=c17 -D_GNU_SOURCE -DMAILREEVE_VERSION='"$(VERSION)"' -O1 -g \
	-fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_RUN = -timeout=20 -rss_limit_mb=2048
fuzz_objects = $(patsubst %.c,$(O)/fuzz/obj/%.o,$(1))

$(O)/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call short,CC,$<)$(FUZZ_BUILD) -MMD -MP -c -o $@ $<
$(O)/fuzz/lib.a: $(call fuzz_objects,$(call sources,common))

.SECONDEXPANSION:
$(O)/fuzz/%: $(O)/fuzz/obj/tests/fuzz/fuzz_%.o $$(call fuzz_objects,$$(FUZZ_$$*)) $(O)/fuzz/lib.a
	$(call short,LD,$@)$(FUZZ_BUILD) -fsanitize=fuzzer -o $@ $^ -lssl -lcrypto -lconfig -lseccomp -lcares

# libFuzzer says how many inputs it ran; a target without a corpus tests nothing, so it fails.
CHECKS += fuzz-replay
fuzz-replay: $(addprefix $(O)/fuzz/,$(FUZZERS)) ## the corpus of each parser, once ## 1 min
	@passed=0; failed=0; for f in $(FUZZERS); do \
	  if [ -n "$$(ls tests/fuzz/corpus/$$f 2>/dev/null)" ] && \
	    $(O)/fuzz/$$f $(FUZZ_RUN) -runs=0 tests/fuzz/corpus/$$f >$(O)/fuzz/$$f.log 2>&1; \
	  then passed=$$((passed + 1)); \
	  else failed=$$((failed + 1)); echo "fuzz target $$f:"; tail -30 $(O)/fuzz/$$f.log; fi; \
	done; echo "$$passed passed, $$failed failed"; [ $$failed = 0 ]

# One after the other, also with -j: each wants a CPU for itself.
fuzz: $(addprefix $(O)/fuzz/,$(FUZZERS)) ## look for inputs that break a parser, T=60 seconds with each; fuzz-X: with one ## 10 min
	@for f in $(FUZZERS); do $(MAKE) --no-print-directory fuzz-$$f || exit 1; done

$(addprefix fuzz-,$(FUZZERS)): fuzz-%: $(O)/fuzz/%
	@mkdir -p $(O)/fuzz/found/$*
	$(O)/fuzz/$* $(FUZZ_RUN) -max_total_time=$(T) -print_final_stats=1 \
	  $(addprefix -dict=,$(wildcard tests/fuzz/$*.dict)) -artifact_prefix=$(O)/fuzz/$*- \
	  $(O)/fuzz/found/$* tests/fuzz/corpus/$*

.PHONY: fuzz fuzz-replay $(addprefix fuzz-,$(FUZZERS))
