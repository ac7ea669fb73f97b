#!/usr/bin/env python3
"""R11: at 70 % of what it can do, with documents that come, change and go and caches that turn over, nothing grows.

What is bounded (caches, tables of requests) is filled first, and capacity measured with the same clients; then
requests are due at fixed times, whatever the server does, and their latency counts from when they were due. Memory is what is not of files (RssAnon, RssShmem): indexes are
mapped, and documents are as many at the end as at the beginning. An index that is being built takes some MB for a
moment, so what counts is the least of each twelfth of the time after the warm-up: what is lost is in that, too. A line
through them says how memory grows; descriptors and threads are compared between the first and the last third.

Two minutes, in which noise allows GROWTH_SHORT_MB in all; with RAGD_LONG=1 an hour, and 1 MB an hour. RAGD_SECONDS
sets another time. p99 of the last sixth is printed beside that of the first, and no test. Speaks TAP.
"""
import http.client
import json
import os
import random
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../integration"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap
from test_server import Server

LONG = os.environ.get("RAGD_LONG") == "1"
SECONDS = int(os.environ.get("RAGD_SECONDS", "0")) or (3600 if LONG else 120)
WARM = 1 / 4  # of the time
N_WINDOWS = 12
SEED = int(os.environ.get("RAGD_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
GROWTH_MB_H, GROWTH_SHORT_MB = 1.0, 4.0
BEHIND_S = 20  # who is further behind than this at the end sends no more
N_CLIENTS, N_DOCUMENTS, N_POOL, N_FILL = 8, 300, 400, 40000
WORDS = ("frog ant river bank star train moon king paper stone engine garden window letter bridge winter market "
         "silver doctor island").split()
SETTINGS = {"RAGD_CACHE_BYTES": "4MB", "RAGD_CACHE_STORE_BYTES": "4MB", "RAGD_CACHE_SEMANTIC": "strict"}


def sentence(chance):
    return "The %s of the %s is kept near the %s until the %s has come." % tuple(chance.choice(WORDS) for _ in range(4))


def document(i, chance):
    return {"id": "d%d" % i, "text": " ".join(sentence(chance) for _ in range(chance.randrange(4, 30))),
            "metadata": {"n": chance.randrange(100)}}


def question(chance, known=0.6):
    """That share comes again and again."""
    if chance.random() < known:
        k = chance.randrange(N_POOL)
        return "Where is the %s of the %s?" % (WORDS[k % 20], WORDS[k // 20])
    return "Where is the %s of the %s %d?" % (chance.choice(WORDS), chance.choice(WORDS), chance.randrange(1 << 30))


class Caller:
    """A kept connection."""

    def __init__(self, server):
        self.server, self.http = server, None

    def call(self, method, path, body=None):
        if not self.http:
            self.http = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        self.http.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
        r = self.http.getresponse()
        return r.status, r.read()


class Askers:
    """Requests at times that are due; rate 0: as fast as they come."""

    def __init__(self, server, rate, seconds):
        self.rate, self.began, self.until = rate, time.monotonic(), time.monotonic() + seconds
        self.lock, self.n = threading.Lock(), 0
        self.done, self.wrong = [], []  # (when it was due, how long it took)
        self.threads = [threading.Thread(target=self.run, args=(Caller(server), SEED + i)) for i in range(N_CLIENTS)]
        for t in self.threads:
            t.start()

    def next_due(self):
        with self.lock:
            self.n += 1
            return self.began + (self.n - 1) / self.rate if self.rate else time.monotonic()

    def run(self, caller, seed):
        chance = random.Random(seed)
        try:
            while (due := self.next_due()) < self.until and time.monotonic() < self.until + BEHIND_S:
                time.sleep(max(0, due - time.monotonic()))
                path = "/query/stream" if chance.random() < 0.1 else "/query"
                status, text = caller.call("POST", path, {"question": question(chance), "k": chance.choice((3, 5))})
                if status != 200:
                    self.wrong.append((status, text[-200:]))
                self.done.append((due - self.began, time.monotonic() - due))
        except Exception as e:  # the others go on, and the test says so
            self.wrong.append(repr(e))

    def join(self):
        for t in self.threads:
            t.join()
        assert not self.wrong, self.wrong[:3]
        return self.done


class Churn(threading.Thread):
    """Some documents a second: new words for one, another goes and comes back."""

    def __init__(self, server, until):
        super().__init__()
        self.caller, self.until, self.chance = Caller(server), until, random.Random(SEED)
        self.n, self.wrong = 0, []

    def step(self):
        i, gone = self.chance.randrange(N_DOCUMENTS), self.chance.randrange(N_DOCUMENTS)
        for method, path, body in (("POST", "/documents", {"documents": [document(i, self.chance)]}),
                                   ("DELETE", "/documents/d%d" % gone, None),
                                   ("POST", "/documents", {"documents": [document(gone, self.chance)]})):
            status, text = self.caller.call(method, path, body)
            if status not in (200, 204):
                self.wrong.append((method, status, text[-200:]))
            self.n += 1

    def run(self):
        try:
            while time.monotonic() < self.until:
                self.step()
                time.sleep(1)
        except Exception as e:
            self.wrong.append(repr(e))


class Samples(threading.Thread):
    """(seconds, MB of memory, descriptors, threads)"""

    def __init__(self, pid, until, every_s):
        super().__init__()
        self.pid, self.until, self.every_s, self.began, self.rows = pid, until, every_s, time.monotonic(), []

    def status(self):
        with open("/proc/%d/status" % self.pid, encoding="utf-8") as f:
            return {n: v.split() for n, _, v in (line.partition(":") for line in f)}

    def run(self):
        while time.monotonic() < self.until:
            s = self.status()
            memory = (int(s["RssAnon"][0]) + int(s["RssShmem"][0])) / 1024
            self.rows.append((time.monotonic() - self.began, memory, len(os.listdir("/proc/%d/fd" % self.pid)),
                              int(s["Threads"][0])))
            time.sleep(self.every_s)

    def after(self, seconds):
        return [r for r in self.rows if r[0] >= seconds]


def slope(points):
    """Of the line through (x, y) with the least squares."""
    x0, y0 = statistics.fmean(x for x, _ in points), statistics.fmean(y for _, y in points)
    return sum((x - x0) * (y - y0) for x, y in points) / sum((x - x0) ** 2 for x, _ in points)


def p99(latencies):
    return sorted(latencies)[int(0.99 * (len(latencies) - 1))]


def median_of_thirds(rows, i):
    third = len(rows) // 3
    return statistics.median(r[i] for r in rows[:third]), statistics.median(r[i] for r in rows[-third:])


class Run:
    """All of it; what the tests look at."""

    def __init__(self):
        chance = random.Random(SEED)
        with Server(SETTINGS) as s:
            for i in range(0, N_DOCUMENTS, 50):
                s.add(*(document(j, chance) for j in range(i, i + 50)))
            self.fill(s)
            self.capacity = self.measure(s)
            until = time.monotonic() + SECONDS
            samples, churn = Samples(s.process.pid, until, max(0.5, SECONDS / 600)), Churn(s, until)
            samples.start()
            churn.start()
            self.done = Askers(s, 0.7 * self.capacity, SECONDS).join()
            churn.join()
            samples.join()
            assert not churn.wrong, churn.wrong[:3]
            self.n_changes, self.rows = churn.n, samples.after(WARM * SECONDS)
            self.stats = s.ask("GET", "/cache")[2]

    @staticmethod
    def fill(server):
        """What is bounded is full before anything is measured: requests that were seen, questions that were asked."""
        def some(seed):
            caller, chance = Caller(server), random.Random(seed)
            for _ in range(N_FILL // N_CLIENTS):
                caller.call("POST", "/query", {"question": question(chance, 0), "mode": "keyword"})

        threads = [threading.Thread(target=some, args=(SEED + 100 + i,)) for i in range(N_CLIENTS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    @staticmethod
    def measure(server):
        seconds = 5
        Askers(server, 0, 2).join()
        return len(Askers(server, 0, seconds).join()) / seconds

    def held(self):
        """The least of each part of the time: (seconds, MB)."""
        n = len(self.rows) // N_WINDOWS
        return [min(((r[0], r[1]) for r in self.rows[i * n:(i + 1) * n]), key=lambda r: r[1]) for i in range(N_WINDOWS)]

    def memory(self):
        """MB an hour, and MB in all, by the line."""
        a = slope(self.held())
        return a * 3600, a * (self.rows[-1][0] - self.rows[0][0])

    def p99s(self):
        sixth = SECONDS / 6
        return (p99([t for due, t in self.done if due < sixth]), p99([t for due, t in self.done if due >= 5 * sixth]))


def memory_does_not_grow(run):
    per_hour, in_all = run.memory()
    first, last = run.p99s()
    fds, threads = median_of_thirds(run.rows, 2), median_of_thirds(run.rows, 3)
    print("# R11 | %d s at 70 %% of %.0f questions/s: %d questions, %d changes of documents | memory %.0f MB, %+.1f MB "
          "(%+.1f MB/h), descriptors %d -> %d, threads %d -> %d, p99 of the last sixth %.2f times that of the first "
          "(%.0f and %.0f ms)" % (SECONDS, run.capacity, len(run.done), run.n_changes, run.rows[-1][1], in_all, per_hour,
                                  *fds, *threads, last / first, last * 1000, first * 1000))
    if SECONDS >= 3600:
        assert per_hour <= GROWTH_MB_H, (per_hour, run.held(), run.rows[::20])
    else:
        assert in_all <= GROWTH_SHORT_MB, (in_all, run.held(), run.rows[::20])


def descriptors_do_not_grow(run):
    first, last = median_of_thirds(run.rows, 2)
    assert last <= first + 2, (first, last) # files of an index that is just being sealed


def threads_do_not_grow(run):
    first, last = median_of_thirds(run.rows, 3)
    assert last <= first, (first, last)


TESTS = [memory_does_not_grow, descriptors_do_not_grow, threads_do_not_grow]


def main():
    print("# seed %d" % SEED)
    run = Run()
    return tap.run(tap.chosen(TESTS), lambda fn: fn(run))


if __name__ == "__main__":
    sys.exit(main())
