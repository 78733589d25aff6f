# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
#
#   make          build everything into build/
#   make check    every test; installs what it needs (Debian)
#   make demo     a whole mail site on loopback, to log in to
#   make help     all the other targets, and what each costs
#
# One folder is one executable; folders share only common/, and only worker and checker see
# common/tls/.  Includes begin at the root.  `make layers` holds the tree to that.

VERSION := $(shell cat VERSION)
O       ?= build
$(if $(filter-out 1,$(words $(O))),$(error O='$(O)' is not one word: name a directory without blanks))
$(if $(filter $(abspath $(O))/%,$(CURDIR)/),$(error O='$(O)' holds the sources: name a directory of its own, as O=build))
CC      ?= cc
CFLAGS  ?= -O2 -g

WERROR ?= -Werror# a package's build leaves it out: its compiler is not ours

# Short lines, `CC worker/conn/conn.c`; V=1 shows the commands.
V     ?= 0
short = $(if $(filter-out 0,$(V)),,@echo '  $(1) $(2)';)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wcast-qual -Wvla -Wformat=2 -Wundef $(WERROR)
# Where the processor can watch over jumps and returns, each in its own words.  Debian's start code
# does not say that it goes along; it does.
ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
HARDEN_x86_64       := -fcf-protection
HARDEN_aarch64      := -mbranch-protection=standard
HARDEN_LINK_x86_64  := -Wl,-z,shstk
# Flags that older compilers lack (gcc 11 both): those that CC takes without a word.
taken = $(shell $(CC) -Werror -O2 -U_FORTIFY_SOURCE $(1) -include features.h -x c -c -o /dev/null \
	/dev/null 2>/dev/null && echo '$(1)')
HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection $(HARDEN_$(ARCH)) \
	$(call taken,-ftrivial-auto-var-init=$(if $(findstring clang,$(CC)),pattern,zero))
FORTIFY ?= -U_FORTIFY_SOURCE $(or $(call taken,-D_FORTIFY_SOURCE=3),-D_FORTIFY_SOURCE=2)
HARDEN_LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed \
	$(HARDEN_LINK_$(ARCH))
SANITIZE ?=

# Where the master finds the other programs; without it, where it lies itself.
LIBEXEC ?=
LIBEXEC_DEFINE := $(if $(LIBEXEC),-DLIBEXEC='"$(LIBEXEC)"')

BUILD := $(CPPFLAGS) -I. -std=c17 -D_GNU_SOURCE -DMAILREEVE_VERSION='"$(VERSION)"' $(LIBEXEC_DEFINE) \
	$(WARN) $(HARDEN) $(FORTIFY) $(SANITIZE) -MMD -MP
LINK := $(HARDEN_LINK) $(SANITIZE) $(LDFLAGS)
COMPILER = $(call short,CC,$<)$(CC) $(BUILD) $(CFLAGS)
LINKER   = $(call short,LD,$@)$(CC) $(LINK) $(CFLAGS)

PROGRAMS := mailreeve mailreeve-worker mailreeve-checker mailreeve-keeper mailreevectl
FOLDERS  := master worker checker keeper ctl

# What each program links: the walls, as far as a linker can see them.
LIBS_master  := -lconfig -lseccomp
LIBS_worker  := -lssl -lcrypto -lconfig -lseccomp -lm
LIBS_checker := -lssl -lcrypto -lconfig -lcares -lseccomp
LIBS_keeper  := -lcrypto -lseccomp
LIBS_ctl     := -ljansson

# Sources of folders with all below them; common/tls/ is a library of its own.
sources = $(sort $(filter-out $(2),$(shell find $(1) -name '*.c')))
objects = $(patsubst %.c,$(O)/obj/%.o,$(sources))

all: $(addprefix $(O)/,$(PROGRAMS)) ## the programs; `make` alone does it ## 1 min

$(O)/libcommon.a: $(call objects,common,common/tls/%)
$(O)/libtls.a: $(call objects,common/tls)
$(O)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(call short,AR,$@)$(AR) qcs $@ $^

$(O)/mailreeve: $(call objects,master) $(O)/libcommon.a
	$(LINKER) -o $@ $^ $(LIBS_master)
$(O)/mailreeve-worker: $(call objects,worker) $(O)/libtls.a $(O)/libcommon.a
	$(LINKER) -o $@ $^ $(LIBS_worker)
$(O)/mailreeve-checker: $(call objects,checker) $(O)/libtls.a $(O)/libcommon.a
	$(LINKER) -o $@ $^ $(LIBS_checker)
$(O)/mailreeve-keeper: $(call objects,keeper) $(O)/libcommon.a
	$(LINKER) -o $@ $^ $(LIBS_keeper)
$(O)/mailreevectl: $(call objects,ctl) $(O)/libcommon.a
	$(LINKER) -o $@ $^ $(LIBS_ctl)

$(O)/obj/%.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	$(COMPILER) -c -o $@ $<

include tests/tests.mk
include packaging/packaging.mk

# Systems that tests brought in from the network, below O/.
TREES := systemd debian13

clean: ## what was built; the systems that tests brought in stay ## a second
	@$(if $(wildcard $(O)/obj),find $(O) -mindepth 1 -maxdepth 1 $(TREES:%=! -name %) \
	  -exec rm -rf --one-file-system {} +,echo "nothing was built in $(O)")
distclean: clean ## these systems too, and what Python left in the tree ## a second
	@rm -rf --one-file-system $(TREES:%=$(O)/%)
	@[ ! -d $(O) ] || rmdir --ignore-fail-on-non-empty $(O)
	@find packaging tests -name __pycache__ -prune -exec rm -rf {} +

# Every target that has words after `##`; behind the next `##`, what it costs on two CPUs.
help: ## this list ## a second
	@awk -F ' ## ' '/^[a-z-]+[0-9]*:.* ## / { sub(/:.*/, "", $$1); \
	  printf "make %-16s %s (%s)\n", $$1, $$2, $$3 }' $(filter-out %.d,$(MAKEFILE_LIST))
	@echo 'packages: missing ones are installed (packaging/depends lists them); root: by sudo if need be'
	@echo 'O=DIR: build there, not in build/; V=1: whole commands; CC=, CFLAGS=: another compiler'

.PHONY: all clean distclean help
-include $(shell find $(O)/obj -type f -name '*.d' 2>/dev/null)
