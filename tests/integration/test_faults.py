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
import served
import service
import shelf
import tiny_model

N_FAULTS = int(os.environ.get("RAGD_FAULTS") or 200)
SEED = int(os.environ.get("RAGD_FAULTS_SEED") or time.time_ns() % 1000000)
N_TOGETHER = 20
STOPS = 70          # the exit code of base/mem.c and base/thread.c
QUIET_S = 1.3       # after the last change the segments are written, a second later
END_S = 30


class Fault:
    def __init__(self, phase, kind, before, error):
        self.phase, self.kind, self.before, self.error = phase, kind, before, error

    def __str__(self):
        return "%s: %s %d fails with %s" % (self.phase, self.kind, self.before + 1, faults.name_of(self.error))


class World(served.Served):
    def __init__(self, folder, chance):
        super().__init__(folder, chance)
        self.page = faults.Page(os.path.join(folder, "page"), service.RAGD)
        self.env = {**os.environ, **self.page.env}
        self.when = self.page.last
        self.alone = os.path.join(folder, "alone")  # for a command that has a folder to itself
        shutil.copytree(self.data, self.alone)
        self.more = os.path.join(folder, "more")
        os.makedirs(self.more)
        for name, text in (("a.txt", "Plain words."), ("b.md", "# Marked\n\nwords"), ("c.html", "<p>Tagged words")):
            with open(os.path.join(self.more, name), "w", encoding="ascii") as f:
                f.write(text)

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
    if code == STOPS:
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
    """Without memory or a thread it stops by itself. libuv stops the process when it can make no pipe for
    its signals or watch no descriptor."""
    return (fault.kind in ("own-malloc", "malloc", "thread") and code == STOPS) or \
        (fault.kind in ("epoll", "pipe") and code == -signal.SIGABRT)


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
            try:
                wrong = with_server(world, fault, i % len(world.shelf.questions))
            except (AssertionError, *served.BROKEN) as e:
                wrong = ["%r; %s" % (e, "".join(world.server.said[-5:]))]
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
    for (status, detail), last in sorted(world.said.items()):
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
