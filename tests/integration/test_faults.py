#!/usr/bin/env python3
"""System calls that fail, one at a time: nothing crashes, nothing is answered wrongly, the error is told.

A fault is one call of one kind, the n-th after it was armed, that fails with an errno or does half
of what it was asked for (tests/support/fail_calls.c). It comes

    while a server does a round of work (questions cold, cached and streamed, documents over HTTP
    and by a command, a search, a deletion, listings, and what happens in the background),
    while a server starts, or
    in a command that has the folder to itself.

Every reply must be the one that a run without faults gives, or say what failed, or the connection
ends; then all works again without a restart. Every N_TOGETHER faults the server stops with 0, `ragd
check` finds database and index equal, each document is there in exactly one version that it may
have, and neither descriptors nor threads have become more. When an allocation of ragd's own fails
it stops by itself (70), and after a restart the same holds.

    RAGD_FAULTS (200; 0: every call of every kind with every errno)
    RAGD_FAULTS_SEED (from the clock, printed)   RAGD_BUILD (build/debug)
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("../quality", "../support"):
    sys.path.insert(0, os.path.join(HERE, folder))
os.environ.setdefault("RAGD_BUILD", os.path.join(HERE, "../../build/debug"))
import faults
import service
import shelf
import test_kill
import tiny_model

N_FAULTS = int(os.environ.get("RAGD_FAULTS") or 200)
SEED = int(os.environ.get("RAGD_FAULTS_SEED") or time.time_ns() % 1000000)
N_TOGETHER = 20
N_DOCUMENTS = 12
OUT_OF_MEMORY = 70  # the exit code of base/mem.c
QUIET_S = 1.3       # after the last change the segments are written, a second later
END_S = 30
BROKEN = (OSError, ValueError, service.http.client.HTTPException)


class Ended(Exception):
    """The server is gone."""


class Fault:
    def __init__(self, phase, kind, before, error):
        self.phase, self.kind, self.before, self.error = phase, kind, before, error

    def __str__(self):
        return "%s: %s %d fails with %s" % (self.phase, self.kind, self.before + 1, faults.name_of(self.error))


class World(test_kill.Cycle):
    """The documents and what each may be are test_kill's."""

    def __init__(self, folder, chance):
        super().__init__(folder, chance)
        self.folder, self.server, self.details = folder, None, {}
        self.page = faults.Page(os.path.join(folder, "page"), service.RAGD)
        self.env = {**os.environ, **self.page.env}
        self.n_degraded = self.n_errors = self.n_broken = self.n_right = 0
        with service.Server(self.data) as server:
            http = service.Client(server.port)
            self.shelf = shelf.Shelf(http)
            self.add(http)
            http.close()
        self.model_files()

    def model_files(self):
        """What a command that has the folder to itself works on, and answers."""
        self.alone = os.path.join(self.folder, "alone")
        shutil.copytree(self.data, self.alone)
        self.more = os.path.join(self.folder, "more")
        os.makedirs(self.more)
        for name, text in (("a.txt", "Plain words."), ("b.md", "# Marked\n\nwords"), ("c.html", "<p>Tagged words")):
            with open(os.path.join(self.more, name), "w", encoding="ascii") as f:
                f.write(text)

    # ---- a server ----

    def start(self):
        self.server = service.Server(self.data, env=self.env)
        self.open(self.server.port)

    def open(self, port):
        self.port, self.http = port, service.Client(port, END_S)

    def stop(self):
        """Ends it in good order; everything that is wrong."""
        self.http.close()
        code = self.server.stop()
        self.server = None
        return [] if code == 0 else ["the server stopped with %d" % code]

    def is_gone(self):
        if self.server.process.poll() is None:
            try:
                self.server.process.wait(0.02)
            except subprocess.TimeoutExpired:
                return False
        return True

    def reconnect(self):
        self.http.close()
        self.open(self.port)

    # ---- one request ----

    def ask(self, method, path, body=None):
        """Status and reply; status 0: the connection broke, or the reply."""
        try:
            status, reply = self.http.ask(method, path, body)
        except BROKEN:
            self.n_broken += 1
            self.reconnect()
            return 0, None
        if status >= 400 and status != 404:
            self.n_errors += 1
            self.details.setdefault((status, (reply or {}).get("detail", "")), self.page.last())
        return status, reply

    @staticmethod
    def told(status, reply):
        """Whether this is an error that says something."""
        return status == 0 or (status >= 400 and isinstance(reply, dict) and len(reply.get("detail") or "") > 8)

    def question(self, i, **more):
        status, reply = self.ask("POST", "/query", {**self.shelf.questions[i], **more})
        if status != 200:
            return [] if self.told(status, reply) else ["a question got %d %s" % (status, reply)]
        self.n_right += 1
        self.n_degraded += bool(reply["degraded"])
        wrong = self.shelf.wrong(reply, i)
        return [wrong] if wrong else []

    def stream(self, i):
        body = json.dumps(self.shelf.questions[i]).encode()
        try:
            self.http.http.request("POST", "/query/stream", body, {"Content-Type": "application/json"})
            reply = self.http.http.getresponse()
            status, text = reply.status, reply.read().decode()
        except BROKEN:
            self.n_broken += 1
            self.reconnect()
            return []
        if status != 200:
            return [] if self.told(status, json.loads(text)) else ["a stream got %d %s" % (status, text)]
        blocks = [dict(line.split(": ", 1) for line in b.split("\n") if ": " in line) for b in text.split("\n\n")]
        last = next((b for b in reversed(blocks) if "event" in b), {})
        if last.get("event") == "error":
            return [] if len(last["data"]) > 8 else ["a stream's error says nothing"]
        if last.get("event") != "done":
            return []  # cut: whoever reads sees that it is not over
        done, tokens = json.loads(last["data"]), ""
        for b in blocks:
            tokens += json.loads(b["data"])["text"] if b.get("event") == "token" else ""
        right = json.loads(self.shelf.truth[i])[0]
        if done["degraded"] or (done["answer"] == right and tokens == right):
            return []
        return ["a stream says %r, not %r" % (tokens, right)]

    def add(self, http=None):
        """Two documents; what is acknowledged is known."""
        keys = self.chance.sample(["p%03d" % i for i in range(N_DOCUMENTS)], 2)
        some = {k: self.next_version() for k in keys}
        for k, v in some.items():
            self.known.under_way(k, v)
        body = {"documents": [{"id": k, "text": self.text(k, v)} for k, v in some.items()]}
        status, reply = http.ask("POST", "/documents", body) if http else self.ask("POST", "/documents", body)
        for d in reply["documents"] if status == 200 else []:
            if d["status"] == "ingested":
                self.known.acknowledged(d["id"], some[d["id"]])
                self.n_replies += 1
            elif not d["reason"]:
                return ["%s was refused without a reason" % d["id"]]
        if status != 200 and not self.told(status, reply):
            return ["documents got %d %s" % (status, reply)]
        return []

    @staticmethod
    def text(key, version):
        return test_kill.text_of(key, version)

    def remove(self):
        key = "p%03d" % self.chance.randrange(N_DOCUMENTS)
        self.known.under_way(key, test_kill.GONE)
        status, reply = self.ask("DELETE", "/documents/" + key)
        if status in (200, 204, 404):
            self.known.acknowledged(key, test_kill.GONE)
        elif not self.told(status, reply):
            return ["a deletion got %d %s" % (status, reply)]
        return []

    def command(self, *words, data=None, env=None, ok=(0, 1, 2, 3)):
        """Exit code, what it printed, and what is wrong with that."""
        run = subprocess.run([service.RAGD, words[0], "--data", data or self.data, *words[1:]], check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, timeout=END_S)
        if run.returncode in ok and (run.returncode == 0 or len((run.stderr + run.stdout).strip()) > 8):
            return run.returncode, run.stdout, []
        return run.returncode, run.stdout, [
            "ragd %s: exit %d: %s%s" % (words[0], run.returncode, run.stderr[-1500:], run.stdout[-300:])]

    def look_round(self):
        wrong = []
        for path in ("/documents?limit=3", "/stats", "/cache", "/readyz"):
            status, reply = self.ask("GET", path)
            if status != 200 and not self.told(status, reply):
                wrong.append("%s got %d %s" % (path, status, reply))
        return wrong

    def round(self, i):
        """Work of every kind; everything that is wrong with what came back."""
        wrong = self.question(i, cache="no-store")
        wrong += self.question(i)
        wrong += self.stream(i)
        wrong += self.add()
        wrong += self.command("ingest", "--json", "--collection", "more", self.more, ok=(0, 1, 3, 4))[2]
        wrong += self.remove()
        wrong += self.look_round()
        wrong += self.question((i + 1) % len(self.shelf.questions))
        with open(os.path.join(self.more, "a.txt"), "w", encoding="ascii") as f:
            f.write("Plain words, %d of them." % self.next_version())
        return wrong

    def works_again(self, i):
        """Without the fault nothing may fail."""
        before = self.n_errors, self.n_broken
        self.reconnect()
        wrong = self.question(i, cache="no-store") + self.question(i) + self.add()
        key = self.chance.choice(["p%03d" % k for k in range(N_DOCUMENTS)])
        may = self.known.may.get(key, {test_kill.GONE})
        there = self.version_there(self.http, key)
        if there not in may:
            wrong.append("%s: version %d is there, %s would be right" % (key, there, sorted(may)))
        self.known.acknowledged(key, there)
        if (self.n_errors, self.n_broken) != before:
            wrong.append("an error although nothing fails any more: %s" % list(self.details)[-1:])
        return wrong


# ---- faults ----


def counted(world, work):
    before = world.page.calls()
    work()
    after = world.page.calls()
    return {k: after[k] - before[k] for k in faults.KINDS if after[k] > before[k]}


def calls_of_phases(world):
    """How many calls of each kind a round, a start and the commands make."""
    world.page.disarm()
    made = {"start": counted(world, world.start)}
    for i in range(2):  # the second one finds pools and caches as they will be
        assert world.round(i) == []
        made["serve"] = counted(world, lambda: world.round(0))
    made["rest"] = counted(world, lambda: time.sleep(QUIET_S))
    assert world.stop() == []
    for words in COMMANDS:
        made[words[0]] = counted(world, lambda words=words: alone(world, words))
    return made


def all_faults(world, made):
    return [Fault(phase, kind, n, error) for phase, kinds in made.items() for kind, count in kinds.items()
            for n in range(count) for error in faults.ERRORS[kind]]


def some_faults(world, made, n, chance):
    """By phase, then kind, then errno, so that what is called seldom fails as often."""
    phases = ["serve"] * 6 + ["rest", "start", "start"] + [w[0] for w in COMMANDS]
    out = []
    for _ in range(n):
        phase = chance.choice(phases)
        kind = chance.choice(sorted(made[phase]))
        out.append(Fault(phase, kind, chance.randrange(made[phase][kind]), chance.choice(faults.ERRORS[kind])))
    order = {"serve": 0, "rest": 0}
    return sorted(out, key=lambda f: order.get(f.phase, 1))


COMMANDS = (("ingest", "--collection", "more", "MORE"), ("query", "--json", "QUESTION"), ("check",),
            ("backup", "--force", "COPY"))


def alone(world, words):
    """A command on a folder of its own, with the fault; everything that is wrong."""
    data = world.alone + ".now"
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(world.alone, data)
    copy = os.path.join(world.folder, "copy")
    question = world.shelf.questions[0]
    filled = {"MORE": [world.more], "QUESTION": ["--collection", shelf.COLLECTION, question["question"]], "COPY": [copy]}
    words = [w for word in words for w in filled.get(word, [word])]
    code, out, wrong = world.command(*words, data=data, env=world.env, ok=(0, 1, 2, 3, 4))
    if code == OUT_OF_MEMORY:
        wrong = []
    world.page.disarm()
    if words[0] == "query" and code == 0:
        problem = world.shelf.wrong(json.loads(out), 0)
        wrong += [problem] if problem else []
    if words[0] == "backup" and code == 0:
        shutil.rmtree(data + ".back", ignore_errors=True)
        wrong += world.command("restore", copy, data=data + ".back", ok=(0,))[2]
    wrong += world.command("check", data=data, ok=(0,))[2]
    if words[0] == "ingest":
        wrong += world.command(*words, data=data, ok=(0,))[2]
    return wrong


def may_end(fault, code):
    """Out of memory it stops by itself; libuv stops the process when it cannot watch a descriptor."""
    return (fault.kind in ("own-malloc", "malloc") and code == OUT_OF_MEMORY) or \
        (fault.kind == "epoll" and code == -signal.SIGABRT)


def with_server(world, fault, i):
    """A fault while the server works; everything that is wrong."""
    if fault.phase == "serve":
        world.page.arm(fault.kind, fault.before, fault.error, pid=world.server.pid)
        wrong = world.round(i)
    else:
        wrong = world.add()
        world.page.arm(fault.kind, fault.before, fault.error, pid=world.server.pid)
        time.sleep(QUIET_S)
    world.page.disarm()
    if world.is_gone():
        code = world.server.process.returncode
        said = "".join(world.server.said[-6:])
        world.server.stop()
        world.http.close()
        world.server = None
        if not may_end(fault, code):
            wrong.append("the server ended with %d: %s" % (code, said))
        return wrong
    return wrong + world.works_again(i)


def at_start(world, fault):
    """A server that starts with the fault comes up and is right, or says why not."""
    world.page.arm(fault.kind, fault.before, fault.error)
    process = subprocess.Popen([service.RAGD, "serve", "--data", world.data, "--listen", "127.0.0.1:0"],
                               stderr=subprocess.PIPE, text=True, env=world.env, start_new_session=True)
    late = threading.Timer(END_S, process.kill)
    late.start()
    said, port = [], 0
    for line in process.stderr:
        said.append(line)
        if '"listening"' in line:
            port = json.loads(line)["port"]
            break
    wrong = []
    if port:
        world.page.disarm()
        world.open(port)
        wrong = world.question(0, cache="no-store")
        world.http.close()
        process.terminate()
    said += process.stderr.readlines()
    code = process.wait()
    late.cancel()
    process.stderr.close()
    world.page.disarm()
    if code < 0 or (port and code) or (not port and (code == 0 or not "".join(said).strip())):
        if not may_end(fault, code):
            wrong.append("a server that starts ended with %d: %s" % (code, "".join(said[-6:])))
    return wrong


def between(world, counts):
    """After some faults: the server stops, all is compared, and it starts again. What is wrong."""
    wrong = []
    if world.server:
        world.http.close()
        for _ in range(40):  # connections of ours, helpers that are on their way out
            now = faults.descriptors(world.server.pid), faults.threads(world.server.pid)
            if counts and now[0] <= counts[0] + 2 and now[1] <= counts[1]:
                break
            time.sleep(0.05)
        else:
            if counts:
                wrong.append("descriptors and threads were %d, %d and are %d, %d" % (*counts, *now))
        wrong += world.stop()
    problem = world.check()
    wrong += [problem] if problem else []
    world.start()
    assert world.round(0) == []
    wrong += world.look(world.http)
    world.http.close()
    time.sleep(0.3)
    counts = faults.descriptors(world.server.pid), faults.threads(world.server.pid)
    world.reconnect()
    return wrong, counts


def report(number, name, wrong):
    print("%sok %d - %s" % ("not " if wrong else "", number, name), flush=True)
    for w in wrong[:10]:
        print("# " + w.strip().replace("\n", "\n# "), flush=True)


def run(world, chosen):
    n_came = n_failed = n_ends = 0
    wrong, counts = between(world, None)
    assert wrong == [], wrong
    for i, fault in enumerate(chosen):
        if fault.phase in ("serve", "rest"):
            wrong = with_server(world, fault, i % len(world.shelf.questions))
        else:
            if world.server:
                wrong = world.stop()
                assert wrong == [], wrong
            if fault.phase == "start":
                wrong = at_start(world, fault)
            else:
                world.page.arm(fault.kind, fault.before, fault.error)
                wrong = alone(world, next(w for w in COMMANDS if w[0] == fault.phase))
        n_came += world.page.failed() > 0
        if fault.phase in ("serve", "rest") and (not world.server or i % N_TOGETHER == N_TOGETHER - 1):
            n_ends += not world.server
            more, counts = between(world, counts if world.server else None)
            wrong += more
        n_failed += bool(wrong)
        report(i + 1, "%s (%s)" % (fault, world.page.last()), wrong)
    wrong, _ = between(world, counts if world.server else None)
    wrong += world.stop()
    n_failed += bool(wrong)
    report(len(chosen) + 1, "after all of them everything is there", wrong)
    return n_came, n_failed, n_ends


def main():
    folder = tempfile.mkdtemp(prefix="ragd-faults.")
    os.environ["RAGD_MODEL_PATH"] = tiny_model.write(os.path.join(folder, "model"))
    chance = random.Random(SEED)
    world = World(folder, chance)
    made = calls_of_phases(world)
    for kinds in made.values() if not world.page.has_memory_kinds else []:
        kinds.pop("malloc", None), kinds.pop("own-malloc", None)
    every = all_faults(world, made)
    chosen = some_faults(world, made, N_FAULTS, chance) if N_FAULTS else every
    print("# seed %d, %s, %d calls with %d ways to fail" % (
        SEED, os.path.relpath(service.RAGD), sum(sum(k.values()) for k in made.values()), len(every)))
    print("1..%d" % (len(chosen) + 1), flush=True)
    n_came, n_failed, n_ends = run(world, chosen)
    print("# %d of %d faults came; %d replies were right (%d of them degraded), %d errors, %d broken connections, "
          "%d clean stops" % (n_came, len(chosen), world.n_right, world.n_degraded, world.n_errors, world.n_broken,
                              n_ends))
    for (status, detail), last in sorted(world.details.items()):
        print("# said: %d %s (%s)" % (status, detail.replace(folder, "")[:160], last.replace(folder, "")))
    print("# R2 | %d calls failed one at a time (%d kinds; a server at work, starting, commands) | %d crashes, leaks, "
          "wrong answers or silent errors" % (n_came, len(faults.KINDS) - 2 * (not world.page.has_memory_kinds),
                                              n_failed))
    if n_failed and os.environ.get("RAGD_KILL_KEEP"):
        print("# kept: " + folder)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return n_failed > 0


if __name__ == "__main__":
    sys.exit(main())
