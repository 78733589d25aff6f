# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
#
# What leaves the tree: installation, the tarball, Debian's and the rpm package, and what they are
# held to.  Included by the Makefile.

DESTDIR    ?=
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
SBINDIR    ?= $(PREFIX)/sbin
LIBEXECDIR ?= $(PREFIX)/libexec/mailreeve
MANDIR     ?= $(PREFIX)/share/man
DOCDIR     ?= $(PREFIX)/share/doc/mailreeve
UNITDIR    ?= $(PREFIX)/lib/systemd/system
SYSUSERDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILEDIR ?= $(PREFIX)/lib/tmpfiles.d

# The programs that are installed know where the others are, so they are built apart.
INSTALLED := $(O)/install$(subst /,-,$(LIBEXECDIR))

# What needrestart runs instead of a restart, by the name of the unit.
NEEDRESTART := mailreeve.service mailreeve-rootless.service

UNITS_SYSTEMD := $(wildcard packaging/systemd/*.in)

installed:
	@$(MAKE) --no-print-directory O=$(INSTALLED) LIBEXEC=$(LIBEXECDIR) all
installed-unit:
	@$(MAKE) --no-print-directory O=$(INSTALLED) LIBEXEC=$(LIBEXECDIR) unit-steady

install: installed ## into DESTDIR, under PREFIX (/usr/local) ## 1 min, root without DESTDIR
	install -d $(addprefix $(DESTDIR),$(SBINDIR) $(LIBEXECDIR) $(SYSCONFDIR)/mailreeve $(UNITDIR) \
	  $(SYSCONFDIR)/needrestart/restart.d $(SYSUSERDIR) $(TMPFILEDIR) $(MANDIR)/man5 $(MANDIR)/man8 $(DOCDIR)/examples)
	install -m 0755 $(INSTALLED)/mailreeve $(INSTALLED)/mailreevectl $(DESTDIR)$(SBINDIR)
	install -m 0755 $(addprefix $(INSTALLED)/mailreeve-,worker checker keeper) $(DESTDIR)$(LIBEXECDIR)
	[ -e $(DESTDIR)$(SYSCONFDIR)/mailreeve/mailreeve.conf ] || \
	  install -m 0644 conf/mailreeve.conf $(DESTDIR)$(SYSCONFDIR)/mailreeve
	install -m 0755 packaging/upgrade packaging/hand-over $(DESTDIR)$(LIBEXECDIR)
	for name in $(NEEDRESTART); do \
	  install -m 0755 packaging/needrestart \
	    $(DESTDIR)$(SYSCONFDIR)/needrestart/restart.d/$$name || exit 1; \
	done
	install -m 0644 conf/mailreeve.conf.5 $(DESTDIR)$(MANDIR)/man5
	install -m 0644 master/mailreeve.8 ctl/mailreevectl.8 $(DESTDIR)$(MANDIR)/man8
	install -m 0644 README.md SECURITY.md $(wildcard docs/*.md) $(DESTDIR)$(DOCDIR)
	install -m 0644 conf/mailreeve.conf conf/nftables.conf $(wildcard conf/examples/*) \
	  $(DESTDIR)$(DOCDIR)/examples
	install -m 0755 conf/certbot-deploy-hook $(DESTDIR)$(DOCDIR)/examples
	install -m 0644 packaging/systemd/mailreeve.sysusers $(DESTDIR)$(SYSUSERDIR)/mailreeve.conf
	install -m 0644 packaging/systemd/mailreeve.tmpfiles $(DESTDIR)$(TMPFILEDIR)/mailreeve.conf
	for unit in $(UNITS_SYSTEMD); do \
	  sed 's|@SBINDIR@|$(SBINDIR)|g; s|@LIBEXECDIR@|$(LIBEXECDIR)|g' $$unit >$(DESTDIR)$(UNITDIR)/$$(basename $$unit .in) && \
	  chmod 0644 $(DESTDIR)$(UNITDIR)/$$(basename $$unit .in) || exit 1; \
	done

# A directory goes only when it is empty.
uninstall: ## takes back what `make install` put there; the configuration stays ## 1 s, root without DESTDIR
	rm -f $(addprefix $(DESTDIR)$(SBINDIR)/,mailreeve mailreevectl) \
	  $(addprefix $(DESTDIR)$(LIBEXECDIR)/,mailreeve-worker mailreeve-checker mailreeve-keeper upgrade hand-over) \
	  $(addprefix $(DESTDIR)$(MANDIR)/,man5/mailreeve.conf.5 man8/mailreeve.8 man8/mailreevectl.8) \
	  $(addprefix $(DESTDIR)$(DOCDIR)/,README.md SECURITY.md $(notdir $(wildcard docs/*.md))) \
	  $(addprefix $(DESTDIR)$(DOCDIR)/examples/,mailreeve.conf nftables.conf certbot-deploy-hook \
	    $(notdir $(wildcard conf/examples/*))) \
	  $(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(UNITS_SYSTEMD:.in=))) \
	  $(DESTDIR)$(SYSUSERDIR)/mailreeve.conf $(DESTDIR)$(TMPFILEDIR)/mailreeve.conf \
	  $(addprefix $(DESTDIR)$(SYSCONFDIR)/needrestart/restart.d/,$(NEEDRESTART))
	for dir in $(addprefix $(DESTDIR),$(LIBEXECDIR) $(DOCDIR)/examples $(DOCDIR)); do \
	  [ ! -d $$dir ] || rmdir --ignore-fail-on-non-empty $$dir; done

# One time for everything that is packed: the last commit's, or in a tree without git the time of
# the file that `make dist` put there.
EPOCH = $(or $(SOURCE_DATE_EPOCH),$(shell $(if $(wildcard .git),git log -1 --format=%ct,stat -c %Y VERSION)))
DIST  := mailreeve-$(VERSION)

dist: $(O)/$(DIST).tar.gz ## a tarball that builds without git ## 1 s
	@echo $<

# Files that git knows, as they stand in the tree; without git, all but what was built.  A spec with
# version and date is beside them, so that `rpmbuild -ta` takes the tarball as it is.
$(O)/$(DIST).tar.gz: FORCE
	@mkdir -p $(O)/dist
	@sed -e 's/@VERSION@/$(VERSION)/' -e "s/@DATE@/$$(LC_ALL=C date -ud @$(EPOCH) '+%a %b %d %Y')/" \
	  packaging/rpm/mailreeve.spec.in >$(O)/dist/mailreeve.spec
	@$(if $(wildcard .git),git ls-files -z,find . -path './build*' -prune -o -path ./mailreeve.spec -o \
	  -type f -printf '%P\0') | \
	  LC_ALL=C sort -z | tar --null --no-recursion --transform 's|^|$(DIST)/|S' \
	  --owner=0 --group=0 --numeric-owner --mode=u+rwX,go+rX,go-w --mtime=@$(EPOCH) \
	  --format=ustar -cf $@.tar -T - -C $(O)/dist mailreeve.spec
	@gzip -9n <$@.tar >$@.new && rm $@.tar
	@mv $@.new $@

# In a tree of its own under O/, so that debian/ is where Debian's tools want it.
deb: $(O)/$(DIST).tar.gz ## Debian's package; DEB_BUILD_OPTIONS=nocheck leaves the tests out ## 3 min
	@rm -rf $(O)/deb && mkdir -p $(O)/deb
	@tar -C $(O)/deb -xf $<
	@cp $< $(O)/deb/mailreeve_$(VERSION).orig.tar.gz
	@cp -r packaging/debian $(O)/deb/$(DIST)/debian
	@sed -e 's/@VERSION@/$(VERSION)/' -e "s/@DATE@/$$(date -Ru -d @$(EPOCH))/" \
	  packaging/debian/changelog.in >$(O)/deb/$(DIST)/debian/changelog
	@rm $(O)/deb/$(DIST)/debian/changelog.in
	@echo 'deb: builds and tests the package; DEB_BUILD_OPTIONS=nocheck leaves the tests out'
	cd $(O)/deb/$(DIST) && SOURCE_DATE_EPOCH=$(EPOCH) MAKEFLAGS= dpkg-buildpackage -us -uc -b $(DEB_FLAGS)
	@ls $(O)/deb/*.deb

rpm: $(O)/$(DIST).tar.gz ## the rpm package ## 2 min
	@rm -rf $(O)/rpm && mkdir -p $(O)/rpm
	@echo 'rpm: builds and tests the package; RPM_FLAGS=--nocheck leaves the tests out'
	SOURCE_DATE_EPOCH=$(EPOCH) MAKEFLAGS= rpmbuild --quiet --nodeps $(RPM_FLAGS) -ta -D '_topdir $(abspath $(O))/rpm' \
	  -D 'use_source_date_epoch_as_buildtime 1' -D 'clamp_mtime_to_source_date_epoch 1' \
	  -D '_buildhost reproducible' $<
	@ls $(O)/rpm/RPMS/*/*.rpm

# The manual, the default file and the examples name every key and command that the programs know,
# and no other.
docs: $(O)/docs/keys ## manuals, default file and examples against the code ## 10 s
	@/usr/bin/python3 packaging/docs.py $(O)/docs/keys

$(O)/docs/keys: $(O)/obj/tests/lib/keys.o $(O)/libcommon.a
	@mkdir -p $(@D)
	$(LINKER) -o $@ $^ -lconfig -lseccomp

# What packages are held to; needs no running service.
check-packages: docs ## tarball, deb, rpm, units, manuals ## 10 min
	@/usr/bin/python3 -m pytest -c tests/pytest.ini -q --timeout=900 tests/packaging

CHECKS += check-packages

# The packages on a Debian of their own under a real systemd; minutes, and root.
check-systemd: can-root ## the packages under a real systemd ## 10 min, packages, root
	@packaging/install-depends build check systemd
	@packaging/as-root tests/systemd/run $(O)
LONGER += check-systemd

# The libraries, servers and tools of the next Debian, in a tree of its own.
check-debian13: can-root ## `make check` and `make deb` on Debian 13 ## 60 min, packages, root
	@packaging/install-depends systemd
	@packaging/as-root tests/debian13/run $(O) check deb
LONGER += check-debian13
.PHONY: check-debian13

FORCE:
.PHONY: FORCE installed installed-unit install uninstall dist deb rpm docs check-packages check-systemd
