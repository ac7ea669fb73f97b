#!/usr/bin/env python3
"""Summaries by a language model, as users meet them: an ingest, a server, and kill -9 in between.

The model is tests/fake_chat.py, which says a sentence that every document here bears out; the
encoder is a random one, so that time goes into what is tested. Speaks TAP.

    RAGD_BUILD (build/debug)   RAGD_SUMMARIES_SEED (from the clock, printed)
"""
import http.client
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(HERE, "../quality"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap
os.environ.setdefault("RAGD_BUILD", os.path.join(ROOT, "build/debug"))
os.environ["NO_PROXY"] = "127.0.0.1"
import service
import tiny_model

SEED = int(os.environ.get("RAGD_SUMMARIES_SEED") or time.time_ns() % 1000000)
SAYS = "The harbour keeps its ships in the northern dock."
AT_ONCE = 4
TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


class Fake:
    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(ROOT, "tests/fake_chat.py"), "--text", SAYS, "--until-eof"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def ask(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        c.request(method, path, json.dumps(body) if body is not None else None)
        text = c.getresponse().read()
        c.close()
        return json.loads(text) if text else None

    def n_asked(self):
        return self.ask("GET", "/counts")["requests"]

    def begin(self, **settings):
        plain = {"text": SAYS, "first_token_ms": 0, "status": 200, "retry_after": "", "fail_first": 0}
        plain.update(settings)
        self.ask("POST", "/set", plain)
        self.ask("POST", "/reset", {})

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


class Place:
    """A folder of documents, a data folder and a configuration."""

    def __init__(self, folder, fake, more=""):
        self.dir = tempfile.mkdtemp(dir=folder)
        self.docs, self.data = os.path.join(self.dir, "docs"), os.path.join(self.dir, "data")
        self.config = os.path.join(self.dir, "ragd.conf")
        os.mkdir(self.docs)
        with open(self.config, "w", encoding="utf-8") as f:
            f.write('llm = ( { name = "small"; url = "http://127.0.0.1:%d/v1"; model = "m"; '
                    'price_in = 1.0; price_out = 2.0; } );\n'
                    'ingest = { summary_model = "small"; %s };\n'
                    'chunk = { chars = 200; overlap = 0; };\n' % (fake.port, more))

    def write(self, key, version=0):
        chance = random.Random(key + str(version))
        lines = ["Line %d of %s tells of %d crates and the people who carry them." % (
            i, key, chance.randrange(1000)) for i in range(30)]
        lines.insert(7, SAYS)
        with open(os.path.join(self.docs, key), "w", encoding="utf-8") as f:
            f.write("\n\n".join(lines))

    def fill(self, n):
        self.keys = ["d%02d.txt" % i for i in range(n)]
        for key in self.keys:
            self.write(key)

    def command(self, *words):
        return [service.RAGD, words[0], "--config", self.config, "--data", self.data, *words[1:]]

    def run(self, *words):
        return subprocess.run(self.command(*words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False)

    def ingest(self, *words):
        done = self.run("ingest", "--json", *words)
        assert done.returncode == 0, (done.returncode, done.stdout)
        return json.loads(done.stdout)["summaries"]

    def summaries(self):
        """Of each document what its summary says, as the store has it."""
        db = sqlite3.connect("file:%s/ragd.db?mode=ro" % self.data, uri=True)
        rows = dict(db.execute("SELECT d.key, c.text FROM documents d JOIN chunks c ON c.document = d.id"
                               " WHERE c.kind = 1"))
        db.close()
        return [rows.get(key, "") for key in self.keys]

    def n_made(self):
        return sum(s.endswith(": " + SAYS) for s in self.summaries())

    def check(self):
        done = self.run("check")
        assert done.returncode == 0, done.stdout


@test
def an_ingest_waits_for_them_and_says_what_they_cost(folder, fake):
    p = Place(folder, fake)
    p.fill(6)
    fake.begin()
    said = p.ingest(p.docs)
    assert (said["made"], said["kept"], said["owed"]) == (6, 0, 0), said
    assert said["tokens"] > 0 and said["cost"] > 0 and "reason" not in said, said
    assert p.n_made() == 6 and fake.n_asked() == 6
    again = p.run("ingest", p.docs)
    assert "6 unchanged" in again.stdout and "summaries" not in again.stdout, again.stdout
    p.write("d03.txt", 1)
    assert "1 summary made" in p.run("ingest", p.docs).stdout
    assert fake.n_asked() == 7
    p.check()


@test
def they_may_come_later_and_alone(folder, fake):
    p = Place(folder, fake)
    p.fill(3)
    fake.begin()
    said = p.ingest("--summaries", "later", p.docs)
    assert said["owed"] == 3 and fake.n_asked() == 0, said
    assert p.ingest("--summaries", "now")["made"] == 3
    assert "no summary is owed" in p.run("ingest", "--summaries", "now").stdout
    assert p.ingest("--summaries", "again")["made"] == 0, "of this very model"
    assert p.run("ingest", "--summaries", "never", p.docs).returncode == 2
    assert p.run("ingest", "--summaries", "later").returncode == 2, "what to ingest?"


@test
def asking_for_them_without_a_model_is_told_before_anything_is_read(folder, fake):
    p = Place(folder, fake)
    p.fill(2)
    os.environ["RAGD_INGEST_SUMMARIES"] = "false"
    done = p.run("ingest", "--summaries", "now", p.docs)
    del os.environ["RAGD_INGEST_SUMMARIES"]
    assert done.returncode == 2 and "summary_model" in done.stdout, done.stdout
    assert p.run("docs", "list").stdout.count("d0") == 0


@test
def killed_in_the_middle_they_go_on_where_they_were(folder, fake):
    chance = random.Random(SEED)
    p = Place(folder, fake)
    p.fill(40)
    p.ingest("--summaries", "later", p.docs)
    fake.begin(first_token_ms=60)
    n_killed, made = 0, 0
    while n_killed < 4:
        before = fake.n_asked()
        process = subprocess.Popen(p.command("ingest", "--summaries", "now"), stdout=subprocess.DEVNULL)
        while fake.n_asked() < before + 3 and process.poll() is None:
            time.sleep(0.005)
        time.sleep(chance.random() * 0.15)
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break
        n_killed += 1
        p.check()
        assert p.n_made() >= made, "what was made is lost"
        made = p.n_made()
        assert "" not in p.summaries()
    said = p.ingest("--summaries", "now")
    print("# killed %d times, %d made before the last run, %d asked for 40" % (
        n_killed, made, fake.n_asked()))
    assert n_killed and said["owed"] == 0 and p.n_made() == 40, said
    assert fake.n_asked() <= 40 + AT_ONCE * n_killed, "only what was under way is asked again"
    p.check()


@test
def a_model_that_is_away_fails_no_ingest(folder, fake):
    p = Place(folder, fake)
    p.fill(5)
    fake.begin(status=503)
    done = p.run("ingest", p.docs)
    assert done.returncode == 0, done.stdout
    assert "5 documents" in done.stdout and "5 summaries are owed: " in done.stdout, done.stdout
    assert "" not in p.summaries(), "the central sentences stand"
    fake.begin()
    assert p.ingest(p.docs)["made"] == 5


@test
def a_limit_is_kept_and_said(folder, fake):
    p = Place(folder, fake, "summary_tokens = 5000;")
    p.fill(12)
    fake.begin()
    done = p.run("ingest", p.docs)
    assert done.returncode == 0 and "owed: the limit of 5000 tokens a day" in done.stdout, done.stdout
    assert 0 < fake.n_asked() < 12


@test
def a_server_makes_them_beside_its_work(folder, fake):
    p = Place(folder, fake)
    p.fill(4)
    fake.begin(first_token_ms=100)
    with service.Server(p.data, "--config", p.config) as s:
        client = service.Client(s.port)
        status, _ = client.ask("POST", "/documents", {"documents": [
            {"id": k, "title": k, "text": open(os.path.join(p.docs, k), encoding="utf-8").read()}
            for k in p.keys]})
        assert status == 200
        ask = {"question": "Where are the ships?", "filter": {"_kind": "summary"}, "answer": "extractive"}
        first = client.post("/query", **ask)
        until = time.monotonic() + 60
        while p.n_made() < 4 and time.monotonic() < until:
            time.sleep(0.2)
        assert p.n_made() == 4
        then = client.post("/query", **ask)
        assert all(x["text"].endswith(SAYS) for x in then["sources"]), (first, then)
        client.close()
    assert fake.n_asked() == 4
    p.check()


@test
def a_command_of_a_running_server_makes_them_once(folder, fake):
    p = Place(folder, fake)
    p.fill(8)
    fake.begin(first_token_ms=200)
    with service.Server(p.data, "--config", p.config):
        said = p.ingest(p.docs)
        until = time.monotonic() + 60
        while p.n_made() < 8 and time.monotonic() < until:
            time.sleep(0.2)
        assert p.n_made() == 8, said
    assert fake.n_asked() == 8, "whoever of the two it was"


def main():
    fake = Fake()
    print("# seed %d" % SEED)
    with tempfile.TemporaryDirectory(prefix="ragd-summaries-") as folder:
        os.environ["RAGD_MODEL_PATH"] = tiny_model.write(os.path.join(folder, "model"))
        code = tap.run(tap.chosen(TESTS), lambda fn: fn(folder, fake))
    fake.stop()
    return code


if __name__ == "__main__":
    sys.exit(main())
