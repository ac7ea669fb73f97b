#!/usr/bin/env python3
"""No room: a full disk, no descriptors, a used-up memory budget. Reads go on, writes say why not, and
go on when there is room again.

A full disk is a tmpfs of this process's own, in a namespace where it may mount one; where that is not
permitted those tests are skipped by name.

    RAGD_NO_ROOM_ROUNDS (6; of filling the disk)   RAGD_NO_ROOM_SEED   RAGD_BUILD (build/debug)
"""
import http.client
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("../quality", "../support"):
    sys.path.insert(0, os.path.join(HERE, folder))
os.environ.setdefault("RAGD_BUILD", os.path.join(HERE, "../../build/debug"))
import faults
import served
import service
import tap
import tiny_model

ROUNDS = int(os.environ.get("RAGD_NO_ROOM_ROUNDS") or 6)
SEED = int(os.environ.get("RAGD_NO_ROOM_SEED") or time.time_ns() % 1000000)
DISK_BYTES = 12 << 20
PAGE = 4096
TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


class Place:
    """A folder for one test, with what all of them want."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="ragd-no-room.")
        self.chance = random.Random(SEED)
        os.environ["RAGD_MODEL_PATH"] = tiny_model.write(os.path.join(self.folder, "model"))
        self.kept = []

    def keep(self, served):
        """Its server ends with the place, however the test does."""
        self.kept.append(served)
        return served

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for w in self.kept:
            if w.server:
                w.server.process.kill()
                w.server.process.wait()
        subprocess.run(["umount", "-l", os.path.join(self.folder, "disk")], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)


def all_questions(w):
    wrong = []
    for i in range(len(w.shelf.questions)):
        wrong += w.question(i, cache="no-store") + w.question(i)
    return wrong


def reads_go_on(w):
    """Every question is answered, and rightly."""
    before = w.n_errors, w.n_broken
    wrong = all_questions(w) + w.look_round()
    if (w.n_errors, w.n_broken) != before:
        wrong.append("a read failed: %s" % list(w.said)[-1:])
    return wrong


# ---- disk ----


class Disk:
    def __init__(self, place):
        self.path = os.path.join(place.folder, "disk")
        os.makedirs(self.path)
        if os.environ.get("RAGD_NO_ROOM_INSIDE") != "1" or subprocess.run(
                ["mount", "-t", "tmpfs", "-o", "size=%d" % DISK_BYTES, "none", self.path], check=False,
                stderr=subprocess.DEVNULL).returncode:
            raise tap.Skip("may not mount a tmpfs here")
        self.ballast = os.path.join(self.path, "ballast")

    def free(self):
        s = os.statvfs(self.path)
        return s.f_bavail * s.f_frsize

    def fill(self, leave=0):
        with open(self.ballast, "ab") as f:
            while self.free() > leave:
                try:
                    f.write(b"\0" * min(self.free() - leave, 1 << 20))
                    f.flush()
                except OSError:
                    return

    def empty(self):
        os.remove(self.ballast)


def until_507(w):
    """Documents until there is no room for one; what is wrong with how that is said."""
    for _ in range(400):
        before = dict(w.said)
        wrong = w.add()
        if wrong:
            return wrong
        new = [k for k in w.said if k not in before or k[0] == 507]
        if new:
            status, detail = new[-1]
            return [] if status == 507 and "no room" in detail else ["%d %s" % (status, detail)]
    return ["no document was refused on a full disk"]


@test
def a_full_disk_stops_documents_and_nothing_else():
    with Place() as place:
        disk = Disk(place)
        w = place.keep(served.Served(place.folder, place.chance, os.path.join(disk.path, "data")))
        w.start()
        n_refused = 0
        for i in range(ROUNDS):
            # Always less than a commit and its segment need in the end, so each step fails sometimes.
            disk.fill(place.chance.randrange(120) * PAGE if i else 0)
            wrong = until_507(w)
            n_refused += 1
            if i % 3 == 2:
                time.sleep(1.3)  # merging into files finds no room either
            wrong += w.remove() + reads_go_on(w)
            code, _, more = w.command("backup", "--force", os.path.join(disk.path, "copy"), ok=(0, 1, 2))  # 0: it fits
            wrong += more
            disk.empty()
            wrong += w.works_again(i)
            assert not wrong, (i, code, wrong)
            if code == 0:
                os.remove(os.path.join(disk.path, "copy"))
            left = [n for n in os.listdir(disk.path) if n.startswith("copy")]
            assert not left, left
        wrong = w.look(w.http) + w.stop()
        assert not wrong, wrong
        assert not w.check(), w.check()
        print("# R9 | disk filled %d times under a server that is written to | 507 each time, %d right answers "
              "meanwhile, 0 wrong, 0 lost" % (n_refused, w.n_right))


@test
def killed_on_a_full_disk_it_comes_back_with_all_it_said():
    with Place() as place:
        disk = Disk(place)
        w = place.keep(served.Served(place.folder, place.chance, os.path.join(disk.path, "data")))
        for i in range(max(2, ROUNDS // 2)):
            w.start()
            disk.fill(place.chance.randrange(60) * PAGE)
            assert not until_507(w)
            w.server.stop(signal.SIGKILL)
            w.http.close()
            code, out, _ = w.command("query", "--json", "--collection", "shelf", w.shelf.questions[0]["question"])
            if code == 0:
                assert not w.shelf.wrong(json.loads(out), 0)
            disk.empty()
            assert not w.check(), w.check()
            w.start()
            wrong = w.look(w.http) + w.works_again(i) + w.stop()
            assert not wrong, wrong


# ---- descriptors ----


def cpu_s(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class FewDescriptors(served.Served):
    MOST = 64

    def start(self):
        soft_hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.MOST, soft_hard[1]))
        try:  # the child inherits it
            self.server = service.Server(self.data)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, soft_hard)
        resource.prlimit(self.server.pid, resource.RLIMIT_NOFILE, (self.MOST, self.MOST))
        self.open(self.server.port)


@test
def without_descriptors_those_who_are_in_go_on_and_others_wait():
    with Place() as place:
        w = place.keep(FewDescriptors(place.folder, place.chance))
        w.start()
        assert not w.question(0)  # this connection is in
        crowd = []
        for _ in range(w.MOST + 40):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", w.server.port))
            crowd.append(s)
        time.sleep(0.5)
        assert faults.descriptors(w.server.pid) >= w.MOST - 4, faults.descriptors(w.server.pid)
        before = cpu_s(w.server.pid)
        time.sleep(1)
        spent = cpu_s(w.server.pid) - before
        assert spent < 0.5, "%.2f s of processor time in a second of waiting" % spent
        answered = [w.question(i) for i in range(5)]
        assert w.n_right >= 6 and not any(answered), answered
        for s in crowd:
            s.close()
        wrong = w.works_again(0) + w.stop()
        assert not wrong, wrong
        print("# R9 | %d connections to a server with %d descriptors | %.2f s of processor time a second, all "
              "who were in answered, others when there was room" % (len(crowd), w.MOST, spent))


@test
def who_waited_for_a_descriptor_is_answered():
    with Place() as place:
        w = place.keep(FewDescriptors(place.folder, place.chance))
        w.start()
        crowd = [socket.create_connection(("127.0.0.1", w.server.port)) for _ in range(w.MOST)]
        late = service.Client(w.server.port, 20)
        late.http.connect()
        late.http.putrequest("GET", "/stats")
        late.http.endheaders()
        time.sleep(0.5)
        for s in crowd:
            s.close()
        assert late.http.getresponse().status == 200
        late.close()
        wrong = w.stop()
        assert not wrong, wrong


# ---- memory ----


def own_mb(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        return sum(int(line.split()[1]) for line in f if line.startswith("RssAnon")) / 1024


def big_text(chance, n):
    return " ".join("w%06d" % chance.randrange(200000) for _ in range(n))


def ask_with_a_head_alone(port, n_bytes, line=b""):
    """What is said to a body that was not sent yet; None: it is waited for."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.5) as s:
        s.sendall(b"POST /documents HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s"
                  b"Content-Length: %d\r\n\r\n" % (line, n_bytes))
        reply = http.client.HTTPResponse(s)
        try:
            reply.begin()
        except TimeoutError:
            return None
        return reply.status, json.loads(reply.read())["code"]


def refused_late_and_early(w):
    """A small document, when it has come; a large one before, unless it may be one that was sent before."""
    small = {"documents": [{"id": "late", "text": "Few words."}]}
    for _ in range(20):  # in between, memory may come back
        late, reply = w.ask("POST", "/documents", small)
        early = ask_with_a_head_alone(w.port, 1 << 20)
        known = ask_with_a_head_alone(w.port, 1 << 20, b"Idempotency-Key: k\r\n")
        if (late, early, known) == (507, (507, (reply or {}).get("code")), None):
            return True
    return False


@test
def beyond_the_memory_budget_documents_wait_and_questions_do_not():
    with Place() as place:
        w = place.keep(served.Served(place.folder, place.chance))
        # A sanitizer keeps what is freed for a while; what it keeps is no room.
        env = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
               ":quarantine_size_mb=1:thread_local_quarantine_size_kb=16:allocator_release_to_os_interval_ms=100"}
        w.env = env
        w.start()
        assert not all_questions(w)
        limit = int(own_mb(w.server.pid)) + 40
        wrong = w.stop()
        assert not wrong, wrong
        w.env = {**env, "RAGD_LIMITS_MEMORY": "%dMB" % limit}
        w.start()
        n = 0
        for n in range(400):
            status, reply = w.ask("POST", "/documents", {"collection": "big", "documents": [
                {"id": "b%d" % n, "text": big_text(place.chance, 10000)}]})
            if status != 200:
                break
        assert status == 507 and "limits.memory" in reply["detail"], (n, status, reply)
        assert refused_late_and_early(w)
        wrong = reads_go_on(w)
        code, _, more = w.command("ingest", place.folder + "/model/config.json", ok=(0, 1))  # 0: what was read meanwhile made room
        assert not wrong and not more, (code, wrong, more)
        for i in range(n):
            status, reply = w.ask("DELETE", "/documents/b%d?collection=big" % i)
            assert status == 204, (status, reply)
        for _ in range(100):  # until the segments without them are written
            status, reply = w.ask("POST", "/documents", {"documents": [{"id": "small", "text": "Few words."}]})
            if status == 200:
                break
            assert status == 507, (status, reply)
            time.sleep(0.2)
        assert status == 200, "%s; %.0f MB of %d are in use" % (reply, own_mb(w.server.pid), limit)
        wrong = w.stop()
        assert not wrong and not w.check(), wrong
        print("# R9 | memory budget of %d MB used up by %d documents | 507 naming it, %d right answers meanwhile, "
              "documents again after deletions" % (limit, n, w.n_right))


def main():
    if os.environ.get("RAGD_NO_ROOM_INSIDE") is None:
        permitted = shutil.which("unshare") and subprocess.run(
            ["unshare", "-rm", "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0
        os.environ["RAGD_NO_ROOM_INSIDE"] = "1" if permitted else "0"
        if permitted:
            os.execvp("unshare", ["unshare", "-rm", sys.executable, os.path.abspath(__file__), *sys.argv[1:]])
    print("# seed %d" % SEED)
    return tap.run(tap.chosen(TESTS), lambda fn: fn())


if __name__ == "__main__":
    sys.exit(main())
