# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""Tarball, deb and rpm: each is built twice, from a tree without git the second time, and must be
the same byte for byte; then what is in them, and what lintian and rpmlint say."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
VERSION = (TOP / "VERSION").read_text().strip()
ENV = {**{k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")},
       "DEB_BUILD_OPTIONS": "nocheck", "RPM_FLAGS": "--nocheck", "LC_ALL": "C.UTF-8"}
PROGRAMS = {"usr/sbin/mailreeve", "usr/sbin/mailreevectl", "usr/libexec/mailreeve/mailreeve-worker",
            "usr/libexec/mailreeve/mailreeve-checker", "usr/libexec/mailreeve/mailreeve-keeper"}

CONFFILES = ["/etc/mailreeve/mailreeve.conf", "/etc/needrestart/restart.d/mailreeve-rootless.service",
             "/etc/needrestart/restart.d/mailreeve.service"]


def make(tree, *targets):
    out = subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "O=build", *targets], cwd=tree, env=ENV,
                         text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, errors="replace")
    assert out.returncode == 0, out.stdout[-4000:]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def built(tree):
    debs = [p for p in (tree / "build/deb").glob("*.deb") if "dbgsym" not in p.name]
    return {"tarball": tree / f"build/mailreeve-{VERSION}.tar.gz", "deb": debs[0],
            "rpm": next((tree / "build/rpm/RPMS").glob("*/*.rpm"))}


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """Two sets of packages: of this tree's files, and of the tarball that came out of it."""
    work = tmp_path_factory.mktemp("packages")
    make(TOP, f"O={work}/build", "dist")
    tarball = work / f"build/mailreeve-{VERSION}.tar.gz"
    sets = []
    for name in "first", "second":
        # The same path for both, since debug information names it.
        tree = work / f"mailreeve-{VERSION}"
        subprocess.run(["tar", "-C", work, "-xf", tarball], check=True)
        make(tree, "deb", "rpm")
        kept = work / name
        kept.mkdir()
        sets.append({k: pathlib.Path(shutil.copy(p, kept)) for k, p in built(tree).items()})
        for extra in "changes", "buildinfo":
            shutil.copy(next((tree / "build/deb").glob(f"*.{extra}")), kept)
        for dbgsym in (tree / "build/deb").glob("*dbgsym*.deb"):
            shutil.copy(dbgsym, kept)
        shutil.copy(tree / "build/dist/mailreeve.spec", kept)
        tarball = shutil.copy(sets[-1]["tarball"], work / "again.tar.gz")
        shutil.rmtree(tree)
    return sets


@pytest.fixture(scope="session")
def tree(packages, tmp_path_factory):
    """The deb, unpacked."""
    path = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["dpkg-deb", "-x", packages[0]["deb"], path], check=True)
    return path


@pytest.mark.parametrize("kind", ["tarball", "deb", "rpm"])
def test_reproducible(packages, kind):
    assert digest(packages[0][kind]) == digest(packages[1][kind])


def test_lintian(packages):
    changes = next(packages[0]["deb"].parent.glob("*.changes"))
    out = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", changes],
                         text=True, capture_output=True)
    assert (out.returncode, out.stdout) == (0, ""), out.stderr


def test_no_lintian_overrides(tree):
    assert not list(tree.rglob("*lintian*"))


def test_rpmlint(packages):
    spec = packages[0]["rpm"].parent / "mailreeve.spec"
    out = subprocess.run(["rpmlint", "-c", TOP / "packaging/rpm/rpmlint.toml", packages[0]["rpm"], spec],
                         text=True, capture_output=True)
    assert "1 packages and 1 specfiles checked; 0 errors, 0 warnings" in out.stdout, out.stdout
    assert out.returncode == 0


def test_the_tarball_has_a_finished_spec(packages):
    """One spec, which is what rpmbuild -ta takes, and nothing left to fill in."""
    names = subprocess.run(["tar", "-tf", packages[0]["tarball"]], text=True, capture_output=True,
                           check=True).stdout.split()
    assert [n for n in names if n.endswith(".spec")] == [f"mailreeve-{VERSION}/mailreeve.spec"]
    spec = packages[0]["rpm"].parent / "mailreeve.spec"
    asked = subprocess.run(["rpmspec", "-q", "--srpm", "--qf", "%{version} %{url} %{changelogtime}", spec],
                           text=True, capture_output=True, check=True).stdout.split()
    assert asked[0] == VERSION and asked[1].startswith("https://") and int(asked[2]) > 1_700_000_000
    text = spec.read_text()
    assert "@" not in text.replace("mailreeve@example.org", "")
    assert re.search(r"^%check\n.*\n.*installed-unit$", text, re.M)


def test_same_files_in_deb_and_rpm(packages, tree):
    listed = subprocess.run(["rpm", "-qpl", packages[0]["rpm"]], text=True, capture_output=True,
                            check=True).stdout.split()
    def plain(names):
        return {re.sub(r"^/?(usr/)?lib/systemd", "lib/systemd", n).removeprefix("/").removesuffix(".gz")
                for n in names if not re.search(r"/\.build-id|/licenses/|/doc/mailreeve/(changelog|copyright)", n)}
    rpm = plain(listed)
    deb = plain(str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file())
    assert deb <= rpm
    assert all((tree / n).is_dir() for n in rpm - deb)


def test_scripts_know_the_units(packages, tree):
    """debhelper found the units where they are: the scripts that it writes name them."""
    units = {p.name for p in tree.rglob("*/systemd/system/*")}
    assert units
    out = subprocess.run(["dpkg-deb", "-I", packages[0]["deb"], "postinst"], text=True,
                         capture_output=True, check=True)
    assert units <= set(re.findall(r"[\w-]+\.(?:service|socket)", out.stdout))


def test_programs(tree):
    found = {str(p.relative_to(tree)) for p in tree.rglob("*")
             if p.is_file() and p.read_bytes()[:4] == b"\x7fELF"}
    assert found == PROGRAMS


@pytest.mark.parametrize("program", sorted(PROGRAMS))
def test_hardening(tree, program):
    read = subprocess.run(["readelf", "-hdlnW", tree / program], text=True, capture_output=True,
                          check=True).stdout
    symbols = subprocess.run(["readelf", "--dyn-syms", "-W", tree / program], text=True,
                             capture_output=True, check=True).stdout
    assert re.search(r"Type:\s+DYN", read)
    assert re.search(r"FLAGS_1\).*\bPIE\b", read) and "BIND_NOW" in read
    assert re.search(r"GNU_RELRO", read)
    assert re.search(r"GNU_STACK.* RW ", read)
    assert "__stack_chk_fail" in symbols
    assert re.search(r"__\w+_chk@", symbols)
    # The linker says CET only where libc has it too, which Debian 12's has not.  Without the option
    # 2 are left, which the start code of every program has.
    code = subprocess.run(["objdump", "-d", tree / program], text=True, capture_output=True, check=True)
    assert code.stdout.count("endbr64") > 10 or os.uname().machine != "x86_64"
    assert not re.search(r"RPATH|RUNPATH", read)


def test_walls(tree):
    """What the installed programs link: no TLS in the root process, no network client in the keeper."""
    def needed(program):
        out = subprocess.run(["readelf", "-dW", tree / program], text=True, capture_output=True)
        return set(re.findall(r"NEEDED.*\[(lib[\w-]+?)\.so", out.stdout))
    assert not needed("usr/sbin/mailreeve") & {"libssl", "libcrypto"}
    assert not needed("usr/sbin/mailreevectl") & {"libssl", "libcrypto"}
    assert not needed("usr/libexec/mailreeve/mailreeve-keeper") & {"libssl", "libcares"}


def test_configuration_is_kept(packages):
    out = subprocess.run(["dpkg-deb", "-I", packages[0]["deb"], "conffiles"], text=True,
                         capture_output=True, check=True)
    assert out.stdout.split() == CONFFILES
    out = subprocess.run(["rpm", "-qp", "--configfiles", packages[0]["rpm"]], text=True,
                         capture_output=True, check=True)
    assert out.stdout.split() == CONFFILES


def test_version_comes_from_one_place(packages):
    deb = subprocess.run(["dpkg-deb", "-f", packages[0]["deb"], "Version"], text=True, capture_output=True)
    rpm = subprocess.run(["rpm", "-qp", "--qf", "%{VERSION}", packages[0]["rpm"]], text=True,
                         capture_output=True)
    assert deb.stdout.strip().rsplit("-", 1)[0] == rpm.stdout.strip() == VERSION


def test_manual_pages(tree):
    for program in "usr/sbin/mailreeve", "usr/sbin/mailreevectl":
        assert (tree / f"usr/share/man/man8/{pathlib.Path(program).name}.8.gz").is_file()
    assert (tree / "usr/share/man/man5/mailreeve.conf.5.gz").is_file()


def test_what_root_runs_belongs_to_root(packages):
    """Nobody but root may write what root runs; the deb's own archive says owner and mode."""
    out = subprocess.run(["dpkg-deb", "-c", packages[0]["deb"]], text=True, capture_output=True, check=True)
    for line in out.stdout.splitlines():
        mode, owner = line.split()[:2]
        assert owner == "root/root" and mode[8] == mode[5] == "-", line
        assert "s" not in mode and "t" not in mode.lower(), line
