#!/usr/bin/env python3
"""Answers beyond one process: after a restart, and between two servers that share a real Redis.

Speaks TAP. RAGD_BUILD is the build folder (build/debug when it is not set). The second server's store is a
copy of the first's, as one put back from a backup is. Without a redis-server those tests are skipped by name.
"""
import operator
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap
from test_chat import MOON, SAYS, SUN, Fake, Stream, at_once, config_of, text_of
from test_server import MODEL, RAGD, Server

REDIS = shutil.which("redis-server")
TESTS = []
FN = operator.itemgetter(0)


def test(fn):
    TESTS.append((fn, False))
    return fn


def with_redis(fn):
    TESTS.append((fn, True))
    return fn


class Redis:
    """A redis-server on a socket of its own, that keeps nothing."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="ragd-redis.")
        self.path = os.path.join(self.dir, "s")
        self.url = "unix://" + self.path
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [REDIS, "--port", "0", "--unixsocket", self.path, "--save", "", "--appendonly", "no", "--dir", self.dir],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        while True:
            try:
                self.command("PING")
                return
            except OSError:
                time.sleep(0.01)

    def command(self, *words):
        """The raw reply; replies of these tests are short or lists of short ones."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(self.path)
            s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in
                                                        (w.encode() if isinstance(w, str) else w for w in words)))
            return s.recv(1 << 20)

    def keys(self, kind):
        return [k.decode() for k in self.command("KEYS", "ragd:*:%s:*" % kind).split(b"\r\n") if k.startswith(b"ragd:")]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.kill()
        shutil.rmtree(self.dir)


class Pair:
    """Two servers on copies of one store."""

    def __init__(self, fake, redis, documents=(MOON, SUN), more=""):
        config = config_of(fake.port, 'redis = { url = "%s"; timeout_ms = 200; };\n%s' % (redis.url, more))
        first = Server(config=config_of(fake.port))
        first.add(*documents)
        first.stop(keep=True)
        copy = tempfile.mkdtemp(prefix="ragd-server.")
        shutil.copytree(first.data, copy, dirs_exist_ok=True)
        self.one = Server(config=config, data=first.data)
        self.two = Server(config=config, data=copy)

    def __enter__(self):
        return self.one, self.two

    def __exit__(self, kind, value, tb):
        for s in (self.one, self.two):
            s.stop()


def soon(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "does not come"
        time.sleep(0.01)


def status_of(reply):
    return reply["cache"]["status"]


def answers_in_store(s):
    db = sqlite3.connect("file:%s/ragd.db?mode=ro" % s.data, uri=True)
    try:
        return db.execute("SELECT count(*) FROM answers").fetchone()[0]
    finally:
        db.close()


# ---- the store ----

@test
def an_answer_that_was_paid_for_is_there_after_a_restart(fake):
    fake.begin()
    s = Server(config=config_of(fake.port))
    s.add(MOON, SUN)
    first, _ = s.query("What is the moon made of?")
    s.stop(keep=True)
    with Server(config=config_of(fake.port), data=s.data) as s:
        again, headers = s.query("What is the moon made of?")
        assert status_of(again) == "stored" and again["answer"] == SAYS, again["cache"]
        assert again["usage"]["saved_tokens"] == sum(first["usage"].values())
        assert "hit" in headers["cache-status"], headers
        assert status_of(s.query("What is the moon made of?")[0]) == "hit"
        assert fake.counts()["requests"] == 1
        # what it showed changes: the answer is gone, and another is made
        s.add(dict(MOON, text="The moon is made of rock, dust and a flag. Its craters are old."))
        assert answers_in_store(s) == 0
        assert status_of(s.query("What is the moon made of?")[0]) == "miss"
        assert fake.counts()["requests"] == 2


@test
def a_server_that_was_killed_has_what_it_had_kept(fake):
    fake.begin()
    s = Server(config=config_of(fake.port))
    s.add(MOON, SUN)
    s.query("What is the sun made of?")
    soon(lambda: answers_in_store(s) == 1)
    s.process.kill()
    s.stop(keep=True)
    with Server(config=config_of(fake.port), data=s.data) as s:
        assert status_of(s.query("What is the sun made of?")[0]) == "stored"


# ---- a Redis between two ----

@with_redis
def what_one_has_answered_the_other_has_too(fake, redis):
    fake.begin()
    with Pair(fake, redis) as (one, two):
        first, _ = one.query("What is the moon made of?")
        soon(lambda: redis.keys("a"))
        again, _ = two.query("What is the moon made of?")
        assert status_of(again) == "shared" and again["answer"] == first["answer"]
        assert again["usage"]["saved_tokens"] == sum(first["usage"].values())
        assert status_of(two.query("What is the moon made of?")[0]) == "hit"
        assert fake.counts()["requests"] == 1
        _, _, cache = two.ask("GET", "/cache")
        assert cache["shared"] == 1 and cache["redis"]["hits"] == 1 and cache["redis"]["available"], cache


@with_redis
def identical_questions_to_both_at_once_are_one_call(fake, redis):
    fake.begin(first_token_ms=300, tokens_per_s=200)
    with Pair(fake, redis) as pair:
        body = {"question": "Is the moon made of cheese?"}
        calls = [lambda s=pair[i % 2]: s.ask("POST", "/query", body)[2]["answer"] for i in range(10)]
        calls += [lambda s=pair[i % 2]: text_of(Stream(s, body).read()) for i in range(10)]
        answers = at_once(calls)
        assert set(answers) == {SAYS}, set(answers)
        assert fake.counts()["requests"] == 1, fake.counts()["requests"]
        soon(lambda: not redis.keys("f"))  # the lock is given back


@with_redis
def when_the_one_that_answers_dies_the_other_does_it(fake, redis):
    fake.begin(first_token_ms=100, tokens_per_s=5)
    with Pair(fake, redis) as (one, two):
        body = {"question": "How old are the craters?"}

        def ask_one():
            try:
                one.ask("POST", "/query", body)
            except OSError:
                pass

        def ask_two():
            soon(lambda: fake.counts()["requests"] == 1)
            return two.ask("POST", "/query", body)[2]

        def kill_one():
            soon(lambda: fake.counts()["requests"] == 1)
            time.sleep(0.3)  # the other waits by now
            fake.ask("POST", "/set", {"tokens_per_s": 0})
            one.process.kill()

        _, reply, _ = at_once([ask_one, ask_two, kill_one])
        assert reply["answer"] == SAYS and status_of(reply) == "miss", reply
        assert fake.counts()["requests"] == 2


@with_redis
def who_ends_does_not_wait_for_the_others_answer(fake, redis):
    fake.begin(first_token_ms=60000)
    with Pair(fake, redis, more="server = { drain_s = 1; };") as (one, two):
        body = {"question": "How old are the craters?"}
        in_order = []

        def ask_and_lose(s):
            try:
                s.ask("POST", "/query", body)
            except OSError:
                pass

        def ask_one():
            ask_and_lose(one)
            in_order.append("one is answered")

        def ask_two():
            soon(lambda: fake.counts()["requests"] == 1)
            ask_and_lose(two)

        def end_two():
            soon(lambda: fake.counts()["requests"] == 1)
            time.sleep(0.5)  # it waits by now
            two.process.send_signal(signal.SIGTERM)
            two.process.wait(60)
            in_order.append("two has ended")

        at_once([ask_one, ask_two, end_two])
        assert in_order == ["two has ended", "one is answered"], in_order


@with_redis
def a_deleted_document_leaves_every_tier_of_both_within_a_second(fake, redis):
    fake.begin()
    with Pair(fake, redis) as (one, two):
        one.query("What is the moon made of?")
        soon(lambda: redis.keys("a") and answers_in_store(one) == 1)
        assert status_of(two.query("What is the moon made of?")[0]) == "shared"
        assert one.ask("DELETE", "/documents/moon")[0] == 204
        assert answers_in_store(one) == 0, "in the same transaction"
        soon(lambda: not redis.keys("a"), 1)
        reply, _ = one.query("What is the moon made of?", cache="default")
        assert status_of(reply) == "miss" and all(x["document"] != "moon" for x in reply["sources"])


@with_redis
def without_its_redis_no_request_fails(fake, redis):
    fake.begin()
    with Pair(fake, redis) as (one, two):
        def ask(i):
            return [s.ask("POST", "/query", {"question": "What is moon number %d made of?" % i})[0] for s in (one, two)]

        assert ask(0) == [200, 200]
        redis.process.send_signal(signal.SIGSTOP)  # slow
        codes = at_once([lambda i=i: ask(i) for i in range(1, 21)])
        redis.process.send_signal(signal.SIGCONT)
        redis.kill()  # away
        codes += at_once([lambda i=i: ask(i) for i in range(21, 61)])
        assert all(c == [200, 200] for c in codes), codes
        _, _, cache = one.ask("GET", "/cache")
        assert cache["redis"]["failures"] > 0
        redis.start()  # back, and empty
        question = "What is the sun made of?"
        soon(lambda: one.query(question, cache="refresh") and redis.keys("a"))
        soon(lambda: status_of(two.query(question)[0]) in ("shared", "hit"))
        print("# R8 | Redis stopped, killed, and back, under two servers | 0 of %d requests failed" % (2 * len(codes)))


@with_redis
def a_redis_that_lies_is_a_miss(fake, redis):
    fake.begin()
    with Pair(fake, redis) as (one, two):
        one.query("What is the moon made of?")
        soon(lambda: redis.keys("a"))
        for key in redis.keys("a"):
            redis.command("SET", key, b"not an answer")
        reply, _ = two.query("What is the moon made of?")
        assert status_of(reply) == "miss" and reply["answer"] == SAYS
        for key in redis.keys("a"):
            redis.command("DEL", key)
            redis.command("LPUSH", key, "a list")
        assert status_of(one.query("What is the moon made of? ", cache="refresh")[0]) == "miss"
        assert two.ask("GET", "/cache")[2]["redis"]["damaged"] >= 1


@with_redis
def clearing_the_cache_clears_every_tier(fake, redis):
    fake.begin()
    with Pair(fake, redis) as (one, two):
        one.query("What is the moon made of?")
        soon(lambda: redis.keys("a") and answers_in_store(one) == 1)
        assert one.ask("DELETE", "/cache")[0] == 204
        assert not redis.keys("a") and answers_in_store(one) == 0
        assert status_of(one.query("What is the moon made of?")[0]) == "miss"
    fake.begin()


@with_redis
def without_a_server_the_command_clears_folder_and_redis(fake, redis):
    fake.begin()
    with Pair(fake, redis) as (one, _):
        def cache(word):
            return subprocess.run([RAGD, "cache", word, "--config", os.path.join(one.data, "ragd.conf"), "--data", one.data],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)

        one.query("What is the moon made of?")
        soon(lambda: redis.keys("a") and answers_in_store(one) == 1)
        told = cache("stats").stdout
        assert "redis        " in told and ", there: " in told and "1 put" in told, told
        one.stop(keep=True)
        assert "in the store 1, " in cache("stats").stdout
        assert cache("clear").stdout == "the cache is empty\n"
        assert not redis.keys("a") and answers_in_store(one) == 0
        redis.kill()
        away = cache("clear")
        assert away.returncode == 1 and "empty" not in away.stdout, away
    fake.begin()


def run(fn, needs_redis, fake):
    if not needs_redis:
        fn(fake)
        return
    redis = Redis()
    try:
        fn(fake, redis)
    finally:
        redis.stop()


def main():
    chosen = tap.chosen(TESTS, FN)
    if not os.path.exists(os.path.join(MODEL, "config.json")):
        return tap.skip_all(chosen, "needs the model", FN)
    fake = Fake()

    def call(t):
        if t[1] and not REDIS:
            raise tap.Skip("needs redis-server")
        run(*t, fake)

    code = tap.run(chosen, call, FN)
    fake.stop()
    return code


if __name__ == "__main__":
    sys.exit(main())
