# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The Mailreeve authors
"""`make layers` sees a breach of each of its rules."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / os.environ.get("MAILREEVE_BUILD", "build")
FOLDERS = ("master", "worker", "checker", "keeper", "ctl", "common")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The sources and their objects."""
    tree = tmp_path_factory.mktemp("whole")
    for folder in FOLDERS:
        shutil.copytree(TOP / folder, tree / folder)
        shutil.copytree(BUILD / "obj" / folder, tree / "build/obj" / folder)
    (tree / "tests").mkdir()
    shutil.copy(TOP / "tests/layers.py", tree / "tests")
    shutil.copy(BUILD / "mailreeve", tree / "build")
    return tree


@pytest.fixture
def tree(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "tree")


def add(tree, path, text):
    with open(tree / path, "a", encoding="utf-8") as file:
        file.write(text)
    if path.endswith(".c"):
        made = tree / "build/obj" / path.replace(".c", ".o")
        # What the planted lines need of others is in objects alone, so no header is read.
        alone = made.with_name("planted.c")
        alone.write_text(re.sub(r'^#include ".*', "", text, flags=re.M))
        old = made.with_name("old.o")
        if made.exists():
            made.rename(old)
        subprocess.run(["cc", "-I", tree, "-w", "-c", "-o", made.with_name("planted.o"), alone], check=True)
        subprocess.run(["ld", "-r", "-o", made, made.with_name("planted.o"),
                        *([old] if old.exists() else [])], check=True)


def layers(tree):
    done = subprocess.run([sys.executable, "tests/layers.py", "build"], cwd=tree, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def test_the_tree_is_clean(tree):
    code, text = layers(tree)
    assert code == 0, text


@pytest.mark.parametrize("path, text, where, what", [
    pytest.param("common/stack.h", '#include "common/tls/why.h"\n', r"common/stack\.h:\d+",
                 "common/tls is not below common", id="upward_include"),
    pytest.param("common/stack.c", "void why_alert(void);\nvoid planted(void) { why_alert(); }\n",
                 r"common/stack\.c:\d+", "calls why_alert of common/tls/why.c", id="upward_call"),
    pytest.param("checker/probe.c", '#include "worker/shed.h"\n', r"checker/probe\.c:\d+",
                 "worker is not below checker", id="another_process"),
    pytest.param("keeper/tickets.c", '#include "common/tls/pem.h"\n', r"keeper/tickets\.c:\d+",
                 "common/tls is not below keeper", id="common_tls"),
    pytest.param("master/host/places.c", "#include <openssl/ssl.h>\n", r"master/host/places\.c:\d+",
                 "only common/tls, worker, checker, keeper speak OpenSSL", id="openssl"),
    pytest.param("common/stack.h", '#include "stack.h"\n', r"common/stack\.h:\d+",
                 'name it from the root, as "common/stack.h"', id="not_from_the_root"),
    pytest.param("common/stack.h", '#include "common/conf/int.h"\n', r"common/stack\.h:\d+",
                 "this is the inside of common/conf", id="inside"),
    pytest.param("common/stack.h", '#include "common/conf.h"\n#include "common/addr.h"\n', None, None,
                 id="nothing_wrong"),
    pytest.param("common/addr.c", "void planted_bytes(void);\nvoid planted_addr(void)"
                 "{ planted_bytes(); }\n", None, None, id="half_a_circle"),
    pytest.param("master/door/conns.h", "struct master;\n", r"master/door/conns\.h:\d+",
                 "names struct master: master/door does not know it", id="struct_master"),
    pytest.param("master/door/conns.h", "/* struct master */\n", None, None, id="in_a_comment"),
    pytest.param("checker/alone.c", "int checker_alone;\n", r"checker/alone\.c:1",
                 "declare what it gives to others in checker/alone.h", id="no_header"),
    pytest.param("checker/new/main.c", "int checker_new;\n#include \"common/log.h\"\n",
                 r"checker/new/main\.c:1", "give it one in FLOORS", id="no_floor"),
])
def test_a_breach(tree, path, text, where, what):
    (tree / path).parent.mkdir(exist_ok=True)
    (tree / "build/obj" / path).parent.mkdir(exist_ok=True)
    add(tree, path, text)
    code, said = layers(tree)
    if what is None:
        assert code == 0, said
    else:
        assert code == 1
        assert re.search(rf"^{where}: .*{re.escape(what)}", said, re.M), said


def test_a_file_that_does_not_include_its_header(tree):
    source = tree / "common/stack.c"
    source.write_text(source.read_text().replace('#include "common/stack.h"\n', ""))
    code, said = layers(tree)
    assert code == 1 and 'common/stack.c:1: does not include "common/stack.h"; include it' in said


def test_a_circle_by_calls(tree):
    add(tree, "common/addr.c", "void planted_memfd(void);\nvoid planted_addr(void) { planted_memfd(); }\n")
    add(tree, "common/memfd.c", "void planted_addr(void);\nvoid planted_memfd(void) { planted_addr(); }\n")
    code, said = layers(tree)
    assert code == 1
    assert re.search(r"^common/addr\.c: a circle: common/addr\.c:\d+ calls planted_memfd of "
                     r"common/memfd\.c; common/memfd\.c:\d+ calls planted_addr of common/addr\.c", said, re.M)


def test_a_circle_by_a_call_and_an_include(tree):
    add(tree, "common/memfd.c", '#include "common/addr.h"\nvoid planted_memfd(void) { }\n')
    add(tree, "common/addr.c", "void planted_memfd(void);\nvoid planted_addr(void) { planted_memfd(); }\n")
    code, said = layers(tree)
    assert code == 1
    assert re.search(r'a circle: .*common/memfd\.c:\d+ includes "common/addr\.h"', said)


def test_a_master_that_loads_openssl(tree):
    (tree / "build/planted.c").write_text("#include <openssl/crypto.h>\n"
                                          "int main(void) { return !OpenSSL_version_num(); }\n")
    subprocess.run(["cc", "-o", tree / "build/mailreeve", tree / "build/planted.c", "-lcrypto"], check=True)
    code, said = layers(tree)
    assert code == 1
    assert re.search(r"^build/mailreeve: loads libcrypto\.so\S*: .* must not; leave out", said, re.M)


def test_a_file_that_was_not_built(tree):
    (tree / "build/obj/common/addr.o").unlink()
    code, said = layers(tree)
    assert code == 1 and "build/obj/common/addr.o is missing: run make first" in said


def test_known_faults_only_become_fewer(tree):
    tool = tree / "tests/layers.py"
    mended = "floor checker/probe worker/shed"
    tool.write_text(tool.read_text().replace('\nKNOWN = """\n', f'\nKNOWN = """\n{mended}\n'))
    code, said = layers(tree)
    assert code == 1 and f"KNOWN has `{mended}`, which is mended: take it out" in said
    add(tree, "checker/probe.c", '#include "worker/shed.h"\n')
    assert layers(tree)[0] == 0
