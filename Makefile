# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
#
#   make          build everything into build/
#   make check    every test; installs what it needs (Debian)
#   make demo     a whole mail site on loopback, to log in to
#   make help     all the other targets
#
# One folder is one executable; folders share only common/, and only worker and checker see
# common/tls/.  `make layers` holds the tree to that.

VERSION := $(shell cat VERSION)
O       ?= build
CC      ?= cc
CFLAGS  ?= -O2 -g

WERROR ?= -Werror # a package's build leaves it out: its compiler is not ours

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wcast-qual -Wvla -Wformat=2 -Wundef $(WERROR)
# Where the processor can watch over jumps and returns, each in its own words.  Debian's start code
# does not say that it goes along; it does.
ARCH := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
HARDEN_x86_64       := -fcf-protection
HARDEN_aarch64      := -mbranch-protection=standard
HARDEN_LINK_x86_64  := -Wl,-z,shstk
HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection $(HARDEN_$(ARCH)) \
	-ftrivial-auto-var-init=$(if $(findstring clang,$(CC)),pattern,zero)
FORTIFY ?= -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
HARDEN_LINK := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed \
	$(HARDEN_LINK_$(ARCH))
SANITIZE ?=

# Where the master finds the other programs; without it, where it lies itself.
LIBEXEC ?=
LIBEXEC_DEFINE := $(if $(LIBEXEC),-DLIBEXEC='"$(LIBEXEC)"')

BUILD := $(CPPFLAGS) -std=c17 -D_GNU_SOURCE -DMAILREEVE_VERSION='"$(VERSION)"' $(LIBEXEC_DEFINE) \
	$(WARN) $(HARDEN) $(FORTIFY) $(SANITIZE) -MMD -MP
LINK := $(HARDEN_LINK) $(SANITIZE) $(LDFLAGS)

PROGRAMS := mailreeve mailreeve-worker mailreeve-checker mailreeve-keeper mailreevectl
FOLDERS  := master worker checker keeper ctl

# What each program links: the walls, as far as a linker can see them.
LIBS_master  := -lconfig -lseccomp
LIBS_worker  := -lssl -lcrypto -lconfig -lseccomp -lm
LIBS_checker := -lssl -lcrypto -lconfig -lcares -lseccomp
LIBS_keeper  := -lcrypto -lseccomp
LIBS_ctl     := -ljansson

objects = $(patsubst %.c,$(O)/obj/%.o,$(wildcard $(1)/*.c))

all: $(addprefix $(O)/,$(PROGRAMS))

$(O)/libcommon.a: $(call objects,common)
$(O)/libtls.a: $(call objects,common/tls)
$(O)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^

$(O)/mailreeve: $(call objects,master) $(O)/libcommon.a
	$(CC) $(LINK) $(CFLAGS) -o $@ $^ $(LIBS_master)
$(O)/mailreeve-worker: $(call objects,worker) $(O)/libtls.a $(O)/libcommon.a
	$(CC) $(LINK) $(CFLAGS) -o $@ $^ $(LIBS_worker)
$(O)/mailreeve-checker: $(call objects,checker) $(O)/libtls.a $(O)/libcommon.a
	$(CC) $(LINK) $(CFLAGS) -o $@ $^ $(LIBS_checker)
$(O)/mailreeve-keeper: $(call objects,keeper) $(O)/libcommon.a
	$(CC) $(LINK) $(CFLAGS) -o $@ $^ $(LIBS_keeper)
$(O)/mailreevectl: $(call objects,ctl) $(O)/libcommon.a
	$(CC) $(LINK) $(CFLAGS) -o $@ $^ $(LIBS_ctl)

$(O)/obj/%.o: %.c Makefile VERSION
	@mkdir -p $(@D)
	$(CC) $(BUILD) $(CFLAGS) -c -o $@ $<

include tests/tests.mk
include packaging/packaging.mk

# Every target that has its words after `##`.
help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(filter-out %.d,$(MAKEFILE_LIST))

.PHONY: all help
-include $(shell find $(O)/obj -type f -name '*.d' 2>/dev/null)
