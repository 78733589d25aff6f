# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""The Makefile as a person meets it."""
import os
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
MAKEFILES = [TOP / name for name in ("Makefile", "tests/tests.mk", "tests/fuzz.mk",
                                     "packaging/packaging.mk")]
ENV = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
# Parts of other targets, which nobody calls.
PARTS = {"FORCE", "can-root", "installed", "installed-unit", "unit-programs"}


def make(*arguments, **more):
    return subprocess.run(["make", *arguments], **{"cwd": TOP, "env": ENV, **more}, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)


def test_help_lists_every_target_with_its_cost():
    text = "\n".join(path.read_text() for path in MAKEFILES).replace("\\\n", " ")
    targets = {name for line in re.findall(r"^\.PHONY: (.*)$", text, re.M)
               for name in re.sub(r"\$\(.*\)", "", line).split()}
    shown = dict(re.findall(r"^make (\S+) .*\((.+)\)$", make("help").stdout, re.M))
    assert targets - PARTS == set(shown)
    assert all(re.match(r"a second|\d+ (s|min|h)\b", cost) for cost in shown.values())


def test_what_installs_packages_or_needs_root_says_so():
    text = "\n".join(path.read_text() for path in MAKEFILES)
    for rule in re.findall(r"^[\w-]+:.* ## .*(?:\n[\t ].*)*", text, re.M):
        words, cost = rule.split("\n")[0].split(" ## ")[1:]
        assert ("packages" in cost) == ("install-depends" in rule), words
        assert "root" in cost or "can-root" not in rule, words
        assert "can-root" not in rule or "$<" not in rule, words  # it would be the first
        assert "can-root" in rule or not re.search(r"integration/run|as-root", rule), words


@pytest.mark.parametrize("name, word", [
    ("a b", "is not one word"), ("", "is not one word"), (".", "holds the sources"),
    ("..", "holds the sources")])
def test_a_build_directory_that_cannot_be(name, word):
    made = make(f"O={name}", "all")
    assert made.returncode != 0
    assert f"O='{name}' {word}" in made.stdout and "name a directory" in made.stdout


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The Makefile around sources that take no time to build."""
    tree = tmp_path_factory.mktemp("small")
    subprocess.run(["cp", "-r", *(TOP / n for n in ("Makefile", "VERSION", "conf", "docs", "packaging")),
                    TOP / "README.md", TOP / "SECURITY.md", tree], check=True)
    for folder in ("master", "worker", "checker", "keeper", "ctl", "common", "common/tls", "tests"):
        (tree / folder).mkdir()
        (tree / folder / "main.c").write_text(
            "int main(void)\n{\n\treturn 0;\n}\n" if "common" not in folder else
            f"extern int {folder[-3:]};\nint {folder[-3:]};\n")
    for name in ("master/mailreeve.8", "ctl/mailreevectl.8", "tests/tests.mk"):
        (tree / name).write_text((TOP / name).read_text() if "tests.mk" not in name else "")
    return tree


def test_short_lines_unless_whole_ones_are_asked_for(small):
    made = make("O=short", cwd=small)
    assert made.returncode == 0, made.stdout
    assert set(made.stdout.splitlines()) >= {"  CC worker/main.c", "  AR short/libtls.a",
                                             "  LD short/mailreeve-worker"}
    assert "-fstack" not in made.stdout
    made = make("O=whole", "V=1", cwd=small)
    assert re.search(r"^\S*cc .*-fstack.* worker/main\.c$", made.stdout, re.M)
    assert "  CC " not in made.stdout


def test_clean_keeps_what_came_from_the_network(small):
    make("O=out", cwd=small)
    (small / "out/systemd/tree").mkdir(parents=True)
    (small / "packaging/__pycache__").mkdir()
    assert make("O=out", "clean", cwd=small).returncode == 0
    assert [p.name for p in (small / "out").iterdir()] == ["systemd"]
    assert make("O=out", "distclean", cwd=small).returncode == 0
    assert not (small / "out").exists() and not (small / "packaging/__pycache__").exists()


@pytest.mark.parametrize("target", ["clean", "distclean"])
def test_clean_leaves_a_directory_that_is_not_a_build(small, tmp_path, target):
    (tmp_path / "letters").write_text("dear")
    assert make(f"O={tmp_path}", target, cwd=small).returncode == 0
    assert (tmp_path / "letters").exists()


def test_uninstall_takes_back_what_install_put_there(small, tmp_path):
    made = make("O=out", f"DESTDIR={tmp_path}", "install", cwd=small)
    assert made.returncode == 0, made.stdout
    (tmp_path / "etc/mailreeve/mailreeve.conf").write_text("# mine\n")
    (tmp_path / "usr/local/sbin/other").write_text("somebody's")
    assert make("O=out", f"DESTDIR={tmp_path}", "uninstall", cwd=small).returncode == 0
    left = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if not p.is_dir()}
    assert left == {"etc/mailreeve/mailreeve.conf", "usr/local/sbin/other"}
    assert not list(tmp_path.rglob("usr/local/*/mailreeve"))
    # A second time nothing is there to remove.
    assert make("O=out", f"DESTDIR={tmp_path}", "uninstall", cwd=small).returncode == 0


def test_deb_says_how_to_leave_the_tests_out():
    assert "DEB_BUILD_OPTIONS=nocheck leaves the tests out" in make("-n", "deb").stdout


LINES = """\
50%: Checks: 3, Failures: 2, Errors: 1
tests/unit/test_a.c:12:F:core:one_thing:0: Assertion '1 == 2' failed
tests/unit/test_a.c:15:E:core:rows:3: (after this point) Received signal 11
tests/unit/test_a.c:15:E:core:rows:3: (after this point) Received signal 11
FAILED integration/test_b.py::test_it[a b] - AssertionError: no - not so
ERROR integration/test_c.py - ImportError
ERROR integration/test_d.py::test_setup
fuzz target hello:
in a message: FAILED integration/test_e.py::no
"""


def test_closing_lines_name_what_failed(tmp_path):
    (tmp_path / "lines").write_text(LINES + "2 failed, 1 passed in 1.00s\n")
    (tmp_path / "Makefile").write_text(
        "bad:\n\t@cat lines; exit 1\ngood:\n\t@echo '4 passed, 0 failed'\nmute:\n\t@exit 3\n")
    ran = subprocess.run([TOP / "tests/check.py", "out", "good", "bad", "mute"], cwd=tmp_path, env=ENV,
                         text=True, capture_output=True, check=False)
    closing = ran.stdout.rpartition("---\n")[2].splitlines()
    assert ran.returncode == 1
    assert closing[3:-1] == [f"failed: {name}" for name in (
        "bad: tests/unit/test_a.c::one_thing", "bad: tests/unit/test_a.c::rows[3]",
        "bad: integration/test_b.py::test_it[a b]", "bad: integration/test_c.py",
        "bad: integration/test_d.py::test_setup", "bad: fuzz target::hello",
        "mute: see out/check/mute.log")]
    assert closing[-1] == "5 passed, 6 failed"


# Somebody who is not root, on a machine without sudo.

@pytest.fixture(scope="module")
def no_sudo(tmp_path_factory):
    programs = tmp_path_factory.mktemp("programs")
    for folder in ("/usr/bin", "/bin"):
        for path in pathlib.Path(folder).iterdir():
            if path.name != "sudo" and not (programs / path.name).is_symlink():
                (programs / path.name).symlink_to(path)
    for path in (programs, *programs.parents):
        if path.name.startswith(("programs", "pytest-")):
            path.chmod(0o755)
    return {**ENV, "PATH": str(programs)}


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody else")
@pytest.mark.parametrize("target", ["check", "demo", "soak", "bench", "interop", "check-systemd"])
def test_a_missing_sudo_is_said_before_anything_else(no_sudo, target):
    made = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "make",
                           "O=/nonexistent/build", target], cwd=TOP, env=no_sudo, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert made.returncode != 0
    assert made.stdout.splitlines()[0] == \
        "This needs root, and there is no sudo here: run it as root, or install sudo."
    assert made.stdout.count("\n") == 2, made.stdout


def test_as_root_runs_what_it_is_given():
    ran = subprocess.run([TOP / "packaging/as-root", "echo", "a b"], text=True, capture_output=True,
                         check=False)
    assert ran.stdout == "a b\n" or os.geteuid() != 0
