#!/usr/bin/env python3
"""Answers made before anybody asks: `ragd precompute`, by the clock, and in idle time.

The language model is tests/fake_chat.py; no Redis. Speaks TAP. RAGD_BUILD is the build folder
(build/debug when it is not set).
"""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap
from test_server import MODEL, RAGD, Server
from test_chat import MOON, SUN, Fake, config_of

TESTS = []
FIVE = ["What is the moon made of?", "What is the sun made of?", "Is the sun a star?",
        "Are the craters of the moon old?", "Which gas is in the sun?"]
QUOTED = {"answer": "extractive"}


def test(fn):
    TESTS.append(fn)
    return fn


class World:
    """A data folder that servers come and go on, with a fake model beside it."""

    def __init__(self, fake, more=""):
        self.fake = fake
        self.data = tempfile.mkdtemp(prefix="ragd-precompute.")
        self.config = config_of(fake.port, more)
        self.server = None
        self.file("ragd.conf", self.config)
        fake.begin()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, tb):
        if self.server:
            self.server.stop(keep=True)
        shutil.rmtree(self.data, ignore_errors=True)

    def start(self):
        self.server = Server(data=self.data, config=self.config)
        return self.server

    def restart(self):
        assert self.server.stop(keep=True) == 0
        return self.start()

    def stop(self):
        assert self.server.stop(keep=True) == 0
        self.server = None

    def file(self, name, text):
        path = os.path.join(self.data, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def run(self, *words):
        """A command on the folder, here or in the server: (exit code, output, messages)."""
        p = subprocess.run([RAGD, *words, "--data", self.data, "--config", os.path.join(self.data, "ragd.conf")],
                           env=dict(os.environ, RAGD_MODEL_PATH=MODEL), capture_output=True, text=True,
                           check=False, timeout=120)
        return p.returncode, p.stdout, p.stderr

    def precompute(self, *words, code=0):
        got, out, err = self.run("precompute", *words, "--json")
        assert got == code, (got, out, err)
        return json.loads(out) if out else err

    def requests(self):
        return self.fake.counts()["requests"]


def status(server, question, **members):
    return server.query(question, **members)[0]["cache"]["status"]


def await_that(what, fn):
    deadline = time.monotonic() + 60
    while not fn():
        assert time.monotonic() < deadline, "waited in vain for " + what
        time.sleep(0.05)


def await_line(server, event):
    await_that(event, lambda: '"event":"%s"' % event in server.log())


@test
def five_answers_outlive_a_restart_without_another_call(fake):
    with World(fake) as w:
        s = w.start()
        s.add(MOON, SUN)
        path = w.file("five.txt", "# every day\n\n" + "\n".join(FIVE) + "\n")
        done = w.precompute("--questions", path)
        assert (done["made"], done["kept"], done["failed"]) == (5, 0, []), done
        assert done["prompt_tokens"] > 0 and done["cost"] > 0, done
        assert w.requests() == 5
        assert [status(s, q) for q in FIVE] == ["precomputed"] * 5
        s = w.restart()
        for q in FIVE:
            reply, _ = s.query(q)
            assert reply["cache"]["status"] == "precomputed" and 86000 < reply["cache"]["ttl_s"] <= 86400, reply
        assert w.precompute("--questions", path)["kept"] == 5
        assert w.requests() == 5


@test
def without_a_server_they_go_into_the_store(fake):
    with World(fake) as w:
        w.start().add(MOON, SUN)
        w.stop()
        path = w.file("five.txt", "\n".join(FIVE))
        assert w.precompute("--questions", path, "--ttl", "600")["made"] == 5
        s = w.start()
        assert [status(s, q) for q in FIVE] == ["precomputed"] * 5
        assert s.query(FIVE[0])[0]["cache"]["ttl_s"] <= 600
        assert w.requests() == 5


@test
def what_was_deleted_or_changed_is_not_served(fake):
    with World(fake) as w:
        s = w.start()
        s.add(MOON, SUN)
        path = w.file("q.jsonl", "\n".join(json.dumps(dict(QUOTED, question=q)) for q in FIVE[:2]))
        assert w.precompute("--questions", path)["made"] == 2
        assert s.ask("DELETE", "/documents/sun")[0] in (200, 204)
        s.add(dict(MOON, text="The moon is made of green cheese. Its craters are old."))
        for _ in range(2):
            reply, _ = s.query(FIVE[0], **QUOTED)
            assert "cheese" in reply["answer"], reply
            reply, _ = s.query(FIVE[1], **QUOTED)
            assert "hydrogen" not in json.dumps(reply), reply
            s = w.restart()
        db = sqlite3.connect("file:%s/ragd.db?mode=ro" % w.data, uri=True)
        shown = db.execute("SELECT count(*) FROM answers").fetchone()[0]
        db.close()
        assert shown <= 1, "answers of the old documents are still there: %d" % shown


@test
def exit_codes_say_how_it_went(fake):
    with World(fake) as w:
        code, _, err = w.run("precompute", "--questions", "nosuch")
        assert code == 1 and "there are no documents" in err, (code, err)
        s = w.start()
        s.add(MOON)
        code, _, err = w.run("precompute", "--questions", "nosuch")
        assert code == 1 and "nosuch" in err, (code, err)
        code, _, err = w.run("precompute")
        assert code == 2 and "--questions" in err, (code, err)
        path = w.file("q.jsonl", '{"question":"What is the moon?"}\n{"question":"What?","filter":3}\n')
        code, out, err = w.run("precompute", "--questions", path)
        assert code == 3 and "1 made, 0 kept, 1 failed" in out and "q.jsonl:2: " in err, (code, out, err)
        fake.begin(status=400)
        done = w.precompute("--questions", w.file("q.txt", "Is it there?"), code=3)
        assert done["made"] == 0 and "did not answer" in done["failed"][0]["reason"], done
        fake.begin()
        assert status(s, "Is it there?") == "miss", "nothing was kept of it"


@test
def who_stops_it_keeps_what_is_done(fake):
    with World(fake) as w:
        s = w.start()
        s.add(MOON)
        questions = ["Is the moon older than %d?" % i for i in range(150)]
        path = w.file("q.txt", "\n".join(questions))
        fake.begin(first_token_ms=150)
        p = subprocess.Popen([RAGD, "precompute", "--questions", path, "--data", w.data],
                             env=dict(os.environ, RAGD_MODEL_PATH=MODEL), stderr=subprocess.DEVNULL,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # a script's jobs ignore it
        await_that("two rounds", lambda: fake.counts()["finished"] >= 8)
        p.send_signal(signal.SIGINT)
        p.wait(30)
        await_that("the last ones", lambda: fake.counts()["open"] == 0)
        n = w.requests()
        assert 8 <= n < 150 and fake.counts()["open_max"] == 4, (n, fake.counts()["open_max"])
        time.sleep(0.5)
        assert w.requests() == n
        assert [status(s, q, cache="only") for q in questions[:4]] == ["precomputed"] * 4


@test
def questions_are_kept_only_when_that_is_wanted(fake):
    with World(fake, "cache = { keep_questions = true; };") as w:
        s = w.start()
        s.add(MOON, SUN)
        for q, n in ((FIVE[0], 4), (FIVE[1], 2), (FIVE[2], 1)):
            for _ in range(n):
                s.query(q)
            s.query(q, k=3)  # another question than the plain one
        w.stop()
        db = sqlite3.connect(os.path.join(w.data, "ragd.db"))
        assert db.execute("SELECT text, count FROM questions ORDER BY count DESC").fetchall() == \
            [(FIVE[0], 4), (FIVE[1], 2), (FIVE[2], 1)]
        db.close()
        before = w.requests()
        assert w.precompute("--top", "2")["made"] == 2
        assert w.requests() == before + 2
        s = w.start()
        assert [status(s, q) for q in FIVE[:2]] == ["precomputed"] * 2
        assert w.run("cache", "forget-questions")[:2] == (0, "no questions are kept\n")
        w.stop()
        code, _, err = w.run("precompute", "--top", "2")
        assert code == 1 and "cache.keep_questions" in err, (code, err)
    with World(fake) as w:
        s = w.start()
        s.add(MOON)
        s.query(FIVE[0])
        w.stop()
        db = sqlite3.connect(os.path.join(w.data, "ragd.db"))
        assert db.execute("SELECT count(*) FROM questions").fetchone() == (0,)
        db.close()


@test
def a_dropped_collection_takes_its_questions_along(fake):
    with World(fake, "cache = { keep_questions = true; };") as w:
        s = w.start()
        s.ask("PUT", "/collections/other", {})
        assert s.ask("POST", "/documents", {"collection": "other", "documents": [MOON]})[0] == 200
        s.query(FIVE[0], collection="other", **{})
        assert s.ask("DELETE", "/collections/other")[0] in (200, 204)
        w.stop()
        db = sqlite3.connect(os.path.join(w.data, "ragd.db"))
        assert db.execute("SELECT count(*) FROM questions").fetchone() == (0,)
        db.close()


@test
def a_time_that_was_missed_is_made_up_for(fake):
    with World(fake) as w:
        w.start().add(MOON, SUN)
        w.stop()
        path = w.file("daily.txt", "\n".join(FIVE))
        w.config += 'precompute = { file = "%s"; at = "03:00"; ttl_s = 7200; };\n' % path
        w.file("precomputed", "%d\n" % (time.time() - 2 * 86400))
        s = w.start()
        await_line(s, "precomputed")
        line = [json.loads(x) for x in s.log().splitlines() if '"event":"precomputed"' in x][0]
        assert (line["made"], line["failed"]) == (5, 0), line
        assert [status(s, q) for q in FIVE] == ["precomputed"] * 5
        assert w.requests() == 5
        w.restart()
        time.sleep(1)
        assert '"event":"precomputed"' not in w.server.log(), "once a day"


@test
def popular_questions_are_answered_again_before_they_are_asked(fake):
    with World(fake) as w:
        w.config = ""  # nobody but the quoting answerer
        s = w.start()
        s.add(MOON)
        assert [status(s, FIVE[0]) for _ in range(4)] == ["miss", "hit", "hit", "hit"]
        s.add(dict(MOON, text="The moon is made of green cheese. Its craters are old."))
        await_line(s, "answered_again")
        reply, _ = s.query(FIVE[0])
        assert reply["cache"]["status"] == "precomputed" and "cheese" in reply["answer"], reply


@test
def a_language_model_is_paid_for_unasked_only_when_the_setting_says_so(fake):
    with World(fake) as w:
        s = w.start()
        s.add(MOON)
        for _ in range(4):
            s.query(FIVE[0])
        s.add(dict(MOON, text="The moon is made of green cheese. Its craters are old."))
        await_line(s, "answered_again")
        assert w.requests() == 1
        w.config += 'precompute = { refresh = "all"; };\n'
        s = w.restart()
        for _ in range(4):
            s.query(FIVE[0])
        s.add(dict(MOON, text="The moon is made of blue cheese. Its craters are old."))
        await_line(s, "answered_again")
        assert w.requests() == 3
        assert status(s, FIVE[0]) == "precomputed" and w.requests() == 3


def main():
    chosen = tap.chosen(TESTS)
    if not os.path.exists(os.path.join(MODEL, "config.json")):
        return tap.skip_all(chosen, "needs the model")
    fake = Fake()
    code = tap.run(chosen, lambda fn: fn(fake))
    fake.stop()
    return code


if __name__ == "__main__":
    sys.exit(main())
