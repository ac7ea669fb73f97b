#!/usr/bin/env python3
"""The unit of deploy/systemd: systemd finds nothing wrong with it, and the server works inside what it asks for.

There is no systemd to start it here: support/sandbox.py makes what can be made without (read-only tree, filters of
system calls and address families, no rights, no writable code). Speaks TAP. RAGD_BUILD is the build folder.
"""
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap
from test_reload import lines_of, reload
from test_server import MODEL, RAGD, ROOT, Server

UNIT = os.path.join(ROOT, "deploy/systemd/ragd.service")
SANDBOX = os.path.join(ROOT, "tests/support/sandbox.py")
EXPOSURE_MAX = 2.0  # of 10; from there on systemd says "MEDIUM"
TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


def need(*programs):
    for p in programs:
        if not shutil.which(p):
            raise tap.Skip("needs " + p)


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)


class Installed:
    """The unit as `make install` would leave it, with the program that was built."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="ragd-unit.")
        path = os.path.join(self.folder, "ragd.service")
        with open(UNIT, encoding="utf-8") as f, open(path, "w", encoding="utf-8") as out:
            out.write(f.read().replace("@PREFIX@/bin/ragd", RAGD))
        return path

    def __exit__(self, *_):
        shutil.rmtree(self.folder)


@test
def systemd_finds_nothing_wrong_with_it():
    need("systemd-analyze")
    with Installed() as unit:
        r = run("systemd-analyze", "verify", "--man=no", unit)
        assert r.returncode == 0 and not r.stderr.strip(), r.stderr


@test
def little_is_left_open():
    need("systemd-analyze")
    with Installed() as unit:
        r = run("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
        found = re.search(r"Overall exposure level for ragd\.service: ([0-9.]+)", r.stdout)
        assert found, r.stdout + r.stderr
        print("# exposure %s of 10 by systemd-analyze security" % found.group(1))
        assert float(found.group(1)) < EXPOSURE_MAX, r.stdout


@test
def it_has_longer_to_stop_than_requests_have_to_end():
    with open(UNIT, encoding="utf-8") as f:
        stop = int(re.search(r"^TimeoutStopSec=(\d+)$", f.read(), re.MULTILINE).group(1))
    shown = json.loads(subprocess.run([RAGD, "config", "show", "--json"], capture_output=True, check=True,
                                      env=dict(os.environ, RAGD_MODEL_PATH=MODEL)).stdout)
    assert stop >= 2 * (shown["server"]["drain_s"] + shown["server"]["ready_wait_s"]), shown["server"]


# ---- inside ----

def sandboxed(unit, data, *words):
    return ["unshare", "--mount", sys.executable, SANDBOX, unit, data, *words]


def need_a_sandbox(unit, data):
    need("systemd-analyze", "unshare", "mount")
    if os.geteuid() != 0:
        raise tap.Skip("needs root")
    if any(os.path.realpath(p).startswith(("/tmp/", "/home/", "/root/")) for p in (RAGD, MODEL)):
        raise tap.Skip("needs program and model in a folder that the service would see")
    if run(*sandboxed(unit, data, "/bin/true")).returncode != 0:
        raise tap.Skip("needs mounts of its own, and libseccomp")


class Sandboxed(Server):
    """`ragd serve` inside; its data folder is /mnt there."""

    def __init__(self, unit, data):
        self.data = data
        self.log_path = os.path.join(data, "log")
        self.log_file = open(self.log_path, "ab")
        env = dict(os.environ, RAGD_MODEL_PATH=MODEL, RAGD_MODEL_PACK="/mnt/pack")
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # looks by ptrace, which the unit forbids
        self.process = subprocess.Popen(
            sandboxed(unit, data, RAGD, "serve", "--data", "/mnt/data", "--listen", "127.0.0.1:0", "--config",
                      "/mnt/ragd.conf"), stdin=subprocess.DEVNULL, stdout=self.log_file, stderr=self.log_file, env=env)
        self.port = self.wait_for_port()


def post_file(server, name):
    mark = "----------------ragd"
    with open(os.path.join(ROOT, "examples/finance", name), "rb") as f:
        body = ("--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\"\r\n\r\n" % (mark, name)).encode() + \
               f.read() + ("\r\n--%s--\r\n" % mark).encode()
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    c.request("POST", "/documents", body, {"Content-Type": "multipart/form-data; boundary=" + mark})
    reply = json.loads(c.getresponse().read())
    c.close()
    return [d["status"] for d in reply["documents"]]


@test
def the_sandbox_forbids_what_the_unit_does():
    with Installed() as unit:
        data = tempfile.mkdtemp(prefix="ragd-unit.")
        try:
            need_a_sandbox(unit, data)
            for code in ("open('/var/x', 'w')", "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
                         "import os; os.setuid(1)", "import os; os.listdir('/home')",
                         "import os; os.sched_setaffinity(0, [0])"):
                assert run(*sandboxed(unit, data, "/usr/bin/python3", "-c", code)).returncode != 0, code
            assert run(*sandboxed(unit, data, "/usr/bin/python3", "-c", "open('/mnt/x', 'w')")).returncode == 0
        finally:
            shutil.rmtree(data)


@test
def everything_works_inside():
    with Installed() as unit:
        data = tempfile.mkdtemp(prefix="ragd-unit.")
        try:
            need_a_sandbox(unit, data)
            with open(os.path.join(data, "ragd.conf"), "w", encoding="utf-8") as f:
                f.write("")
            os.chmod(os.path.join(data, "ragd.conf"), 0o644)
            s = Sandboxed(unit, data)
            for name in ("aml-program.pdf", "basel-iii.html", "reporting.docx", "capital.md"):
                assert post_file(s, name) == ["ingested"], (name, s.log()[-1000:])
            reply, _ = s.query("What does Basel III ask for?")
            assert reply["sources"], reply
            assert reload(s, "server = { drain_s = 5; };")["changed"] == "server.drain_s"
            s.process.send_signal(signal.SIGTERM)
            assert s.process.wait(60) == 0, s.log()[-1000:]
            s.log_file.close()
            os.remove(s.log_path)
            s = Sandboxed(unit, data)
            assert s.query("What does Basel III ask for?")[0]["sources"][0]["document"] == reply["sources"][0]["document"]
            assert s.stop(keep=True) == 0
            assert lines_of(s, "stopped")
        finally:
            shutil.rmtree(data)


if __name__ == "__main__":
    sys.exit(tap.run(tap.chosen(TESTS), lambda fn: fn()))
