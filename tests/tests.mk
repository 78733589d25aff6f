# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
#
# How the tests are built and run; included by the Makefile.

COMMA := ,

# Objects of tests stay, so that the next run compiles only what has changed.
.SECONDARY:

# The parts of `make check`, in this order; a part added elsewhere in this file says CHECKS += it.
CHECKS := all unit headers layers sizes lint integration

# First of what needs root, before any time is spent: could it be?
can-root:
	@packaging/as-root

check: can-root ## every test ## 30 min, packages, root
	@packaging/install-depends
	@tests/check.py $(O) $(CHECKS)

CHECK_LIBS = $(shell pkg-config --libs check)

# A unit test tests/unit/test_X.c links libcommon.a and whatever its line here adds; neighbours
# that are not named are played by the test itself.
UNITS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))

# The parts of the worker that its tests need in several combinations.
RECORD_OBJECTS := $(addprefix $(O)/obj/worker/record/,record.o crypt.o derive.o provider.o selftest.o start.o take.o)
SIDE_OBJECTS := $(addprefix $(O)/obj/worker/,side/side.o side/socket.o side/ssl.o side/bio.o side/record.o) $(RECORD_OBJECTS)

$(O)/unit/%: $(O)/obj/tests/unit/%.o $(O)/libtls.a $(O)/libcommon.a
	@mkdir -p $(@D)
	$(LINKER) -o $@ $(filter %.o,$^) $(O)/libtls.a $(O)/libcommon.a \
		-lssl -lcrypto -lconfig -lseccomp -lcares -lm $(UNIT_LIBS) $(CHECK_LIBS)

$(O)/unit/test_conf_text: $(O)/obj/tests/lib/conf_dump.o
$(O)/unit/test_answer: $(O)/obj/ctl/answer.o
$(O)/unit/test_inherit: $(O)/obj/master/door/inherit.o
$(O)/unit/test_show: $(addprefix $(O)/obj/ctl/,show.o answer.o)
$(O)/unit/test_json: $(addprefix $(O)/obj/ctl/,json.o show.o answer.o)
$(O)/unit/test_json: UNIT_LIBS := -ljansson

$(O)/unit/test_conn: $(addprefix $(O)/obj/worker/,conn/conn.o conn/base.o conn/arrive.o conn/reach.o conn/carry.o conn/leave.o conn/words.o side/relay.o conn/hello.o) $(SIDE_OBJECTS)
$(O)/unit/test_conn: UNIT_LIBS := -Wl,--wrap=malloc
# Everything that a connection allocates, and the test's own allocator before the real one.
$(O)/unit/test_idle: $(addprefix $(O)/obj/worker/,conn/conn.o conn/base.o conn/list.o conn/log.o conn/arrive.o conn/reach.o conn/carry.o conn/leave.o conn/words.o side/relay.o conn/hello.o conn/to_master.o) $(SIDE_OBJECTS)
$(O)/unit/test_idle: UNIT_LIBS := $(addprefix -Wl$(COMMA)--wrap=,malloc calloc realloc free)
$(O)/unit/test_balance: $(O)/obj/worker/conn/balance.o
$(O)/unit/test_to_master: $(O)/obj/worker/conn/to_master.o
$(O)/unit/test_hello: $(O)/obj/worker/conn/hello.o
$(O)/unit/test_relay: $(O)/obj/worker/side/relay.o $(SIDE_OBJECTS)
$(O)/unit/test_relay: UNIT_LIBS := $(addprefix -Wl$(COMMA)--wrap=,send splice)
$(O)/unit/test_side: $(SIDE_OBJECTS)
$(O)/unit/test_list: $(O)/obj/worker/conn/list.o
$(O)/unit/test_words: $(O)/obj/worker/conn/words.o

$(O)/unit/test_conns: $(O)/obj/master/door/conns.o
$(O)/unit/test_handover: $(addprefix $(O)/obj/master/door/,handover.o door.o conns.o)
$(O)/unit/test_succession: $(addprefix $(O)/obj/master/,life/succession.o life/generation.o door/door.o door/conns.o bundle/pairs.o host/errors.o child/backoff.o) $(call objects,master/servers)
$(O)/unit/test_proc: $(addprefix $(O)/obj/master/,child/proc.o child/spawn.o child/logs.o child/from_child.o host/rlimit.o)
$(O)/unit/test_logs: $(O)/obj/master/child/logs.o
$(O)/unit/test_listen: $(addprefix $(O)/obj/master/,door/listen.o door/accept.o door/handover.o door/door.o door/conns.o door/inherit.o)
$(O)/unit/test_sockpath: $(addprefix $(O)/obj/master/,host/sockpath.o host/unixsock.o)
$(O)/unit/test_command: $(addprefix $(O)/obj/master/command/,command.o request.o)
$(O)/unit/test_commands: $(addprefix $(O)/obj/master/,command/command.o command/request.o control/commands.o control/show.o life/commands.o host/errors.o servers/servers.o upgrade/commands.o)
$(O)/unit/test_control_socket: $(addprefix $(O)/obj/master/,command/command.o command/request.o control/control.o)
$(O)/unit/test_notify: $(addprefix $(O)/obj/master/host/,notify.o store.o)
$(O)/unit/test_errors: $(O)/obj/master/host/errors.o
$(O)/unit/test_from_child: $(addprefix $(O)/obj/master/,child/from_child.o life/from_worker.o life/from_checker.o door/conns.o door/door.o)
$(O)/unit/test_budget: $(addprefix $(O)/obj/master/,life/budget.o door/conns.o door/door.o)
$(O)/unit/test_accept: $(addprefix $(O)/obj/master/,door/accept.o door/handover.o door/door.o door/conns.o)
$(O)/unit/test_pairs: $(O)/obj/master/bundle/pairs.o $(O)/obj/master/life/judge.o
$(O)/unit/test_master_sandbox: $(O)/obj/master/host/sandbox.o
$(O)/unit/test_servers: $(addprefix $(O)/obj/master/servers/,servers.o boards.o checked.o resolved.o carry.o tell.o)
$(O)/unit/test_missing: $(addprefix $(O)/obj/master/servers/,missing.o servers.o)
$(O)/unit/test_to_checker: $(O)/obj/master/life/to_checker.o
$(O)/unit/test_layout: $(O)/obj/master/servers/layout.o
$(O)/unit/test_state_record: $(O)/obj/master/upgrade/text.o
$(O)/unit/test_restored: $(addprefix $(O)/obj/master/,command/request.o upgrade/restored.o upgrade/saved.o upgrade/saved_pairs.o bundle/pairs.o upgrade/text.o door/conns.o)
$(O)/unit/test_restored: UNIT_LIBS := -Wl,--wrap=fdopen
$(O)/unit/test_backoff: $(O)/obj/master/child/backoff.o
$(O)/unit/test_pem: $(O)/obj/master/bundle/pem.o
$(O)/unit/test_files: $(addprefix $(O)/obj/master/,bundle/files.o bundle/certs.o)
$(O)/unit/test_files: UNIT_LIBS := -Wl,--wrap=fdopendir,--wrap=reallocarray

$(O)/unit/test_names: $(O)/obj/checker/names.o
$(O)/unit/test_wire: $(O)/obj/checker/wire.o
$(O)/unit/test_check: $(addprefix $(O)/obj/checker/,check.o state.o plan.o probe.o verdict.o)

# A keeper to talk to, certificates made when the test runs, handshakes in memory.
KEEPER_OBJS := $(addprefix $(O)/obj/keeper/,keys.o policy.o sign.o serve.o tickets.o)
TLS_OBJS    := $(addprefix $(O)/obj/tests/lib/,certs.o shake.o fork_keeper.o)
$(O)/unit/test_key $(O)/unit/test_sign $(O)/unit/test_serve $(O)/unit/test_verify $(O)/unit/test_budget: $(KEEPER_OBJS) $(TLS_OBJS)
$(O)/unit/test_serve: UNIT_LIBS := -Wl,--wrap=sign
$(O)/unit/test_tls_ctx $(O)/unit/test_tls_ticket $(O)/unit/test_tls_look $(O)/unit/test_tls_choice $(O)/unit/test_tls_chain: $(RECORD_OBJECTS) $(KEEPER_OBJS) $(TLS_OBJS) $(call objects,worker/tls)

$(O)/unit/test_record_derive: $(addprefix $(O)/obj/worker/,record/provider.o record/derive.o)
$(O)/unit/test_record_derive: UNIT_LIBS := -Wl,--wrap=EVP_KDF_CTX_reset
$(addprefix $(O)/unit/,test_record test_record_bad test_record_take): $(RECORD_OBJECTS) $(O)/obj/tests/lib/tls_pair.o

unit: $(addprefix $(O)/unit/,$(UNITS)) ## the unit tests ## 2 min
	@rc=0; for t in $^; do $$t || rc=1; done; exit $$rc

# Those that wait neither for the kernel's TCP nor for a clock: what a package's build runs.
UNSTEADY := test_relay test_conn test_idle test_side test_loop test_listen test_check test_chan
unit-steady: $(addprefix $(O)/unit/,$(filter-out $(UNSTEADY),$(UNITS))) ## those of the unit tests that no load disturbs ## 2 min
	@rc=0; for t in $^; do $$t || rc=1; done; exit $$rc
.PHONY: unit-steady

# Programs that take a child's place: tests/integration starts them by -L.
STAND_INS := $(addprefix $(O)/hostile/,mortal liar brittle)
$(O)/hostile/liar: $(O)/obj/tests/hostile/lies.o
$(STAND_INS): $(O)/hostile/%: $(O)/obj/tests/hostile/%.o $(O)/libcommon.a
	@mkdir -p $(@D)
	$(LINKER) -o $@ $^ -lseccomp

# Real Dovecot, Postfix and clients around the programs, in namespaces of their own.  A process per
# core and one more: the tests mostly wait.
integration: can-root all $(STAND_INS) $(addprefix $(O)/lib/,checker_master torture old_kernel) ## Mailreeve between real clients and real servers ## 10 min, root
	@MAILREEVE_BUILD=$(O) tests/integration/run -q -n $$(($$(nproc) + 1)) --dist loadfile

# The long forms, each of which can be run by itself; a part added elsewhere says LONGER += it.
check-long: can-root ## tests that take minutes, with sanitizers and the long forms of others ## 3 h, packages, root
	@packaging/install-depends
	@tests/check.py $(O) $(LONGER)
# Real servers checked every second for a minute instead of ten seconds; a node without power.
LONGER := checks-long kills-long reloads-long records-long headers-long
checks-long: can-root all $(O)/lib/checker_master ## servers checked every second for a minute ## 3 min, root
	@CHECKS_LONG=1 MAILREEVE_BUILD=$(O) tests/integration/run -q \
	  integration/test_checks_servers.py integration/test_checks_product.py
# A thousand workers killed, a worker that hangs for a minute; a thousand reloads.
kills-long: can-root all $(STAND_INS) ## a thousand workers killed, one that hangs ## 3 min, root
	@LONG=1 MAILREEVE_BUILD=$(O) tests/integration/run -q -rP integration/test_kill.py \
	  integration/test_crash_loop.py
reloads-long: can-root all ## a thousand reloads ## 7 min, root
	@LONG=1 MAILREEVE_BUILD=$(O) tests/integration/run -q -rP integration/test_reload.py -k under_load
# Every record size from 1 to 16384 against OpenSSL; 100,000 PROXY headers.
records-long: $(O)/unit/test_record ## TLS records of every size against OpenSSL ## 5 min
	@RECORD_LONG=1 $(O)/unit/test_record
headers-long: $(O)/lib/proxy_driver ## 100,000 PROXY headers ## 1 min
	@tests/proxy_decode.py $(O)/lib/proxy_driver 100000 2
# Clients, reloads, upgrades, deaths and failures at once, for T seconds; in `make check` for twelve.
soak: can-root all ## everything at once, for T=600 seconds ## 10 min, root
	@T=$(if $(filter command environment,$(origin T)),$(T),600) MAILREEVE_BUILD=$(O) \
	  tests/integration/run -q -rP integration/test_soak.py
# Programs and unit tests by every other compiler that is here, warnings being errors.
COMPILERS ?= $(notdir $(wildcard /usr/bin/gcc-[0-9]* /usr/bin/clang-[0-9]*))
compilers: ## built by each gcc-N and clang-N that is installed ## 2 min each
	+@for cc in $(COMPILERS); do \
	  $(MAKE) --no-print-directory CC=$$cc O=$(O)/by/$$cc all unit-programs || exit 1; \
	  echo "compilers: $$cc has no warnings"; done
unit-programs: $(addprefix $(O)/unit/,$(UNITS))
LONGER += compilers
.PHONY: compilers unit-programs
.PHONY: soak
.PHONY: check-long checks-long kills-long reloads-long records-long headers-long

# The checker alone, with a program that plays its master.
$(O)/lib/checker_master: $(O)/obj/tests/lib/checker_master.o $(O)/libcommon.a
	@mkdir -p $(@D)
	$(LINKER) -o $@ $^ -lconfig -lseccomp

# Runs programs on a kernel that seems to lack something.
$(O)/lib/old_kernel: $(O)/obj/tests/lib/old_kernel.o
	@mkdir -p $(@D)
	$(LINKER) -o $@ $^ -lseccomp

# A whole mail site on loopback, until it is interrupted.
demo: can-root ## a whole mail site on loopback, to log in to ## 1 min, packages, root
	@packaging/install-depends build demo
	@$(MAKE) --no-print-directory all
	@MAILREEVE_BUILD=$(O) tests/demo

# The folders are walls and floors: tests/layers.py has them, and what is forbidden.
layers: all ## who may use whom, no circle between files ## 10 s
	@tests/layers.py $(O)

# Each header compiles alone, so it names what it needs.
headers: ## each header compiles alone ## 10 s
	@for h in $(shell find $(FOLDERS) common -name '*.h'); do \
	  $(CC) $(filter-out -MMD -MP,$(BUILD)) -fsyntax-only -x c $$h || exit 1; done
	@echo headers: each compiles alone

# Sizes that a reader can hold.
sizes: ## files and functions that a reader can hold ## 1 s
	@tests/sizes.py

lint: lint-format lint-gcc lint-clang lint-tidy ## format, gcc, clang and clang-tidy ## 10 min

SOURCES = $(shell find $(FOLDERS) common tests/unit tests/fuzz tests/hostile tests/lib -name '*.c')
HEADERS = $(shell find $(FOLDERS) common tests/unit tests/fuzz tests/hostile tests/lib -name '*.h')

# Every version of clang-format has its own idea of some lines; the tree has that of 14.
lint-format: lint-dialect ## clang-format and the dialect ## 5 s
	@case "$$(clang-format --version)" in *' 14.'*) \
	  clang-format --dry-run -Werror $(SOURCES) $(HEADERS) && echo lint: formatted;; \
	*) echo "lint: the format is that of clang-format 14, which is not here";; esac
lint-dialect: ## one dialect of C where a compiler takes several ## 1 s
	@tests/dialect.py
lint-gcc: all ## gcc alone ## 1 min
lint-clang: ## clang alone ## 1 min
	@$(MAKE) --no-print-directory O=$(O)/clang CC=clang CFLAGS='-O1' all >/dev/null
	@echo lint: clang has no warnings
# One file at a time, so that -j helps and only what changed is read again.
TIDY = $(patsubst %.c,$(O)/tidy/%.ok,$(filter-out tests/%,$(SOURCES)))
$(O)/tidy/%.ok: %.c .clang-tidy $(HEADERS)
	@mkdir -p $(@D)
	@clang-tidy --quiet --warnings-as-errors='*' $< -- -I. -std=c17 -D_GNU_SOURCE \
	  -DMAILREEVE_VERSION='"x"' 2>$@.err || { cat $@.err; exit 1; }
	@mv $@.err $@
lint-tidy: $(TIDY) ## clang-tidy alone ## 8 min
	@echo lint: clang-tidy is content

.PHONY: can-root check demo unit integration layers headers sizes lint lint-format lint-dialect lint-gcc lint-clang lint-tidy

# Small programs that tests drive, tests/lib/X.c.
$(O)/lib/%: $(O)/obj/tests/lib/%.o $(O)/libtls.a $(O)/libcommon.a
	@mkdir -p $(@D)
	$(LINKER) -o $@ $(filter %.o,$^) $(O)/libtls.a $(O)/libcommon.a -lssl -lcrypto

# PROXY headers as an independent reader sees them.
CHECKS += proxy-decode
proxy-decode: $(O)/lib/proxy_driver ## PROXY headers as an independent reader sees them ## 10 s
	@tests/proxy_decode.py $<

include tests/fuzz.mk

.PHONY: proxy-decode

# The hand-over as a model, every reachable state of it; `make check` lets one worker die, not two.
model: ## the hand-over, by a model checker ## 5 min
	@mkdir -p $(O)
	@tests/model/run.sh $(O) $(DEATHS)
model-short: ## the same with one death of a worker ## 1 min
	@$(MAKE) --no-print-directory model DEATHS=1
CHECKS += model-short
.PHONY: model model-short

# Side by side with the peers of Debian, in one run of at most twelve minutes and a network namespace
# of its own; BENCH picks peers, tests and rounds.
BENCH ?= --peer table --test table --reps 3 --size 0.5 --quiet 0 --minutes 11 --idle 1000,4000 --fresh
bench: can-root all $(addprefix $(O)/bench/,load backend relay) ## side by side with HAProxy, hitch, nginx and stunnel ## 12 min, packages, root
	@packaging/install-depends bench
	@packaging/as-root env BENCH_BUILD=$(O)/bench unshare --net sh -c 'ip link set lo up && exec tests/bench/bench.py $(BENCH)'
	@BENCH_BUILD=$(O)/bench tests/bench/table.py
bench-table: ## the last `make bench` into the README ## 1 s
	@BENCH_BUILD=$(O)/bench tests/bench/table.py README.md
$(O)/bench/%: tests/bench/%.c tests/bench/common.h
	@mkdir -p $(@D)
	$(call short,CC,$@)$(CC) -std=c17 -D_GNU_SOURCE -O2 -g -Wall -Wextra -o $@ $< -lssl -lcrypto
.PHONY: bench bench-table

# What N idle TLS connections cost; IDLE="--peer mailreeve,haproxy26 --test idle,tt-idle" asks for more.
N ?= 50000
bench-idle: can-root all $(addprefix $(O)/bench/,load backend) ## what N=50000 idle TLS connections cost ## 20 min, packages, root
	@packaging/install-depends bench
	@packaging/as-root env BENCH_BUILD=$(O)/bench unshare --net sh -c \
	  'ip link set lo up && exec timeout 1200 tests/bench/idle.py $(N) $(IDLE)'
# How cost grows: docs/scale.md and its drawing, in ROUNDS rounds of about six minutes.
ROUNDS ?= 2
bench-scale: can-root all $(addprefix $(O)/bench/,load backend) ## how cost grows, docs/scale.md, in ROUNDS=2 rounds ## 12 min, packages, root
	@packaging/install-depends bench
	@packaging/as-root env BENCH_BUILD=$(O)/bench unshare --net sh -c \
	  'ip link set lo up && exec tests/bench/scale.py $(O)/bench/scale $(ROUNDS)'
	@cp $(O)/bench/scale.md docs/scale.md
	@gnuplot -e "in='$(O)/bench/scale.dat'; out='docs/scale.svg'" tests/bench/scale.gp
.PHONY: bench-idle bench-scale

# From inside a locked worker, checker and keeper: what an attacker would try, and what they need.
$(O)/hostile/attacks: $(addprefix $(O)/obj/tests/hostile/,attacks.o attack_list.o try_list.o locked.o needs.o) \
    $(addprefix $(O)/obj/,worker/sandbox.o checker/sandbox.o keeper/sandbox.o) \
    $(addprefix $(O)/obj/tests/lib/,certs.o shake.o) $(O)/libcommon.a
	@mkdir -p $(@D)
	$(LINKER) -o $@ $^ -lssl -lcrypto -lconfig -lseccomp
CHECKS += attacks
attacks: $(O)/hostile/attacks ## what an attacker inside a locked process would try ## 10 s
	@$<

# The same programs with sanitizers, behind the same walls: unit and integration tests, and first of
# all whether a sanitizer can speak there.  The lists are longer then, so the attacks are not tried.
ASAN_MAKE = $(MAKE) --no-print-directory O=$(O)/asan CFLAGS='-O1 -g -fno-omit-frame-pointer' FORTIFY= \
	WERROR= SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined'
ASAN_ENV = ASAN_OPTIONS=detect_leaks=0
$(O)/hostile/sanitized: $(addprefix $(O)/obj/,tests/hostile/sanitized.o tests/hostile/locked.o \
    worker/sandbox.o checker/sandbox.o keeper/sandbox.o) $(O)/libcommon.a
	@mkdir -p $(@D)
	$(LINKER) -o $@ $^ -lconfig -lseccomp
sanitized: $(O)/hostile/sanitized ## whether a sanitizer can speak behind the walls ## 1 min
	@$<
LONGER += asan
asan: can-root ## every unit and integration test with sanitizers, behind the walls ## 30 min, root
	+@$(ASAN_MAKE) all
	@$(ASAN_ENV) $(ASAN_MAKE) sanitized unit integration
# The part of it that feeds the programs what is wrong.
CHECKS += asan-short
asan-short: can-root ## of these what feeds the programs what is wrong ## 3 min, root
	+@$(ASAN_MAKE) all
	@$(ASAN_ENV) $(ASAN_MAKE) sanitized
	@$(ASAN_ENV) MAILREEVE_BUILD=$(O)/asan tests/integration/run -q \
	  -n $$(($$(nproc) + 1)) integration/test_bad_input.py integration/test_refusals.py
.PHONY: sanitized asan asan-short

# Leaks: LeakSanitizer cannot work behind the walls, so the programs of this build have none; how
# that is done, and that only tests do it, stands in walls_down.c.
LEAKS_MAKE = $(MAKE) --no-print-directory O=$(O)/leaks CFLAGS='-O1 -g -fno-omit-frame-pointer' \
	FORTIFY= WERROR= SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined'
WALLS_DOWN := $(O)/leaks/obj/tests/lib/walls_down.o
WRAPPED    := $(addprefix --wrap=,chroot prctl syscall setrlimit getrlimit seccomp_load \
	CRYPTO_secure_malloc_init epoll_wait _exit)
LEAKS      := $(addprefix integration/,leaks_seen.py test_bad_input.py test_refusals.py test_log.py \
	test_layout_tls.py test_layout_plain.py test_reload.py)
# IMAP and submission over IPv4 stand for all; of reloads those that do not count processes, which
# take their time to end here.
LEAKS_OF   := not (pop3 or sieve or smtp or 2001) and \
	(not test_reload or syntax or ports_come or drain)
leaks: can-root ## memory that the programs lose: without walls, with LeakSanitizer ## 10 min, root
	+@$(LEAKS_MAKE) $(WALLS_DOWN)
	@rm -f $(addprefix $(O)/leaks/,$(PROGRAMS))
	+@$(LEAKS_MAKE) LDFLAGS='$(WALLS_DOWN) $(addprefix -Wl$(COMMA),$(WRAPPED))' all
	@MAILREEVE_BUILD=$(O)/leaks tests/integration/run -q -n $$(($$(nproc) + 1)) $(LEAKS) \
	  -k '$(LEAKS_OF)'
COMMA := ,
LONGER += leaks
.PHONY: leaks

# The build's promises, read from the programs.
CHECKS += hardening
hardening: all ## the build's promises, read from the programs ## 1 s
	@tests/hardening.py $(addprefix $(O)/,$(PROGRAMS))
.PHONY: attacks hardening

# The keeper itself, and a worker that lies to it.
$(O)/hostile/keeper: $(addprefix $(O)/obj/tests/,hostile/keeper.o lib/certs.o) $(O)/libcommon.a
	@mkdir -p $(@D)
	$(LINKER) -o $@ $^ -lcrypto -lconfig -lseccomp $(CHECK_LIBS)
CHECKS += hostile-keeper
hostile-keeper: $(O)/hostile/keeper $(O)/mailreeve-keeper ## the keeper, and a worker that lies to it ## 10 s
	@$^
.PHONY: hostile-keeper

# The real worker, checker and keeper, and a master that lies to them.
$(O)/hostile/master: $(addprefix $(O)/obj/tests/hostile/,master.o subject.o lies.o) $(O)/libcommon.a
	@mkdir -p $(@D)
	$(LINKER) -o $@ $^ -lconfig -lseccomp
CHECKS += hostile-master
hostile-master: $(O)/hostile/master $(addprefix $(O)/mailreeve-,worker checker keeper) ## worker, checker and keeper, and a master that lies to them ## 1 min
	@$^
.PHONY: hostile-master

# What scanners say of both policies: sslscan, nmap and, which takes minutes, testssl.sh.
scan: can-root all ## TLS as scanners see it ## 10 min, packages, root
	@packaging/install-depends build demo check scan
	@MAILREEVE_BUILD=$(O) tests/integration/run -q -n 2 integration/test_tls_scan.py integration/scan_testssl.py
.PHONY: scan

# TLS records against other libraries (group interop of packaging/depends), in a network namespace
# of its own; STEP=1 tries every record size.
STEP ?= 97
$(O)/lib/record_peer: $(RECORD_OBJECTS)
interop: can-root $(O)/lib/record_peer ## TLS with other libraries; STEP=1 tries every record size ## 1 min, packages, root
	@packaging/install-depends interop
	@packaging/as-root unshare --net sh -c 'ip link set lo up && exec tests/interop/records.py $(O)/lib/record_peer $(STEP)'
.PHONY: interop

# The same programs as on other processors: what the libraries choose there must make no difference.
# In `make check` those that compute with keys, under two masks.
PROCESSORS_SHORT := $(addprefix $(O)/unit/,test_record_take test_record_derive test_side test_idle \
	test_tls_ctx test_key)
processors: can-root $(addprefix $(O)/unit/,$(UNITS)) $(O)/hostile/attacks $(O)/lib/record_peer ## every test program as on other processors ## 8 min, packages, root
	@packaging/install-depends interop
	@packaging/as-root unshare --net sh -c \
	  'ip link set lo up && exec tests/processors.sh long $(filter-out can-root,$^)'
processors-short: $(PROCESSORS_SHORT) ## the same with the two that differ most ## 3 min
	@tests/processors.sh short $^
CHECKS += processors-short
LONGER += processors
.PHONY: processors processors-short
