#!/usr/bin/env python3
"""Answers of a language model, as clients see them: a server of ours that asks tests/fake_chat.py.

Speaks TAP. RAGD_BUILD is the build folder (build/debug when it is not set). The official openai client
is the one this Python can import, or that of build/clients (scripts/client-venv); without it the tests
that need it are skipped by name.
"""
import http.client
import json
import operator
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap
from fake_model import SAYS, Fake
from test_server import MODEL, RAGD, ROOT, Server, events_of

CLIENTS = os.path.join(ROOT, "build/clients/bin/python")
try:
    import openai
except ImportError:
    if os.path.exists(CLIENTS) and os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(ROOT, "build/clients")):
        os.execv(CLIENTS, [CLIENTS] + sys.argv)
    openai = None

os.environ["NO_PROXY"] = "127.0.0.1"
TESTS = []
FN = operator.itemgetter(0)
MOON = {"id": "moon", "title": "The moon", "text": "The moon is made of rock and dust. Its craters are old."}
SUN = {"id": "sun", "title": "The sun", "text": "The sun is a star. It is made of hydrogen and helium."}


def test(fn):
    TESTS.append((fn, False))
    return fn


def with_client(fn):
    TESTS.append((fn, True))
    return fn


def config_of(port, more=""):
    return """llm = ( { name = "fast"; url = "http://127.0.0.1:%d/v1"; model = "fake-chat"; price_in = 1; },
        { name = "best"; url = "http://127.0.0.1:%d/v1"; model = "fake-best"; } );\n%s""" % (port, port, more)


def at_once(calls):
    """The results of all of them, started together."""
    out = [None] * len(calls)

    def one(i):
        out[i] = calls[i]()

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(calls))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return out


def text_of(events):
    return "".join(data["text"] for _, name, data in events if name == "token")


# ---- one answer ----

@test
def a_model_answers_with_its_sources_route_and_usage(s, fake):
    fake.begin()
    reply, headers = s.query("What is the moon made of?")
    assert reply["answer"] == SAYS and reply["model"] == "fast", reply
    assert reply["route"]["choice"] == "fast" and reply["route"]["reason"]
    assert reply["answered"] is True and [c["source"] for c in reply["citations"]] == [1], reply["citations"]
    assert reply["usage"]["prompt_tokens"] > 0 and reply["usage"]["completion_tokens"] > 0
    assert reply["usage"]["saved_tokens"] == 0 and reply["degraded"] == []
    again, _ = s.query("What is the moon made of?")
    assert again["cache"]["status"] == "hit" and again["answer"] == SAYS
    assert again["usage"] == {"prompt_tokens": 0, "completion_tokens": 0,
                              "saved_tokens": reply["usage"]["prompt_tokens"] + reply["usage"]["completion_tokens"]}
    assert fake.counts()["requests"] == 1


@test
def what_is_asked_has_the_passages_as_data_and_the_question_last(s, fake):
    fake.begin()
    s.query("What is the sun made of?", max_tokens=77, temperature=0.5)
    body = json.loads(fake.counts()["bodies"][-1]) if isinstance(fake.counts()["bodies"][-1], str) else fake.counts()["bodies"][-1]
    roles = [m["role"] for m in body["messages"]]
    assert roles == ["system", "user"], roles
    assert "hydrogen" not in body["messages"][0]["content"]
    user = body["messages"][1]["content"]
    assert user.index("hydrogen and helium") < user.index("What is the sun made of?")
    assert body["max_tokens"] == 77 and body["temperature"] == 0.5 and body["stream"] is True


@test
def another_model_tokens_or_history_is_another_question(s, fake):
    fake.begin()
    asked = [{}, {"model": "best"}, {"max_tokens": 5}, {"temperature": 0.1},
             {"history": [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello."}]}]
    for members in asked * 2:
        s.query("What are the craters of the moon?", **members)
    assert fake.counts()["requests"] == len(asked)


@test
def a_comparison_goes_to_the_best_model_and_says_why(s, fake):
    fake.begin()
    reply, _ = s.query("Compare the sun with the moon and explain the difference.")
    assert reply["model"] == "best" and "compar" in reply["route"]["reason"], reply["route"]


@test
def a_sentence_that_the_sources_do_not_bear_out_is_marked(s, fake):
    fake.begin(text="The moon is made of rock and dust [1]. It is 47 years old [1].")
    reply, _ = s.query("How old is the moon?")
    marked = [reply["answer"].encode()[u["start"]:u["end"]].decode() for u in reply["unsupported"]]
    assert len(marked) == 1 and "47 years" in marked[0], reply["unsupported"]
    assert reply["unsupported"][0]["kind"] == "number"


@test
def quoting_needs_no_model(s, fake):
    fake.begin()
    reply, _ = s.query("What is the moon made of?", answer="extractive")
    assert reply["model"] == "extractive" and "rock and dust" in reply["answer"] and reply["route"] is None
    assert fake.counts()["requests"] == 0


@test
def what_cannot_be_asked_is_refused_by_name(s, fake):
    for members, word in (({"model": "nosuch"}, "nosuch"), ({"max_tokens": 0}, "max_tokens"),
                          ({"temperature": 3}, "temperature"), ({"history": {}}, "history"),
                          ({"history": [{"role": "system", "content": "x"}]}, "role"),
                          ({"history": [{"role": "user"}]}, "content"), ({"model": ""}, "model")):
        status, _, reply = s.ask("POST", "/query", dict(members, question="x"))
        assert status == 400 and word in reply["detail"], (members, status, reply)


# ---- many at once, and again ----

@test
def twenty_who_ask_the_same_at_once_cost_one_call(s, fake):
    fake.begin(first_token_ms=150, tokens_per_s=100)
    body = {"question": "Why are the craters of the moon old?"}
    replies = at_once([lambda i=i: s.ask("POST", "/query/stream" if i % 2 else "/query", body) for i in range(20)])
    assert [r[0] for r in replies] == [200] * 20
    for i, (_, _, reply) in enumerate(replies):
        assert (text_of(events_of(reply)) if i % 2 else reply["answer"]) == SAYS
    assert fake.counts()["requests"] == 1
    assert s.query(body["question"])[0]["cache"]["status"] == "hit"
    assert fake.counts()["requests"] == 1


@test
def a_stream_tells_sources_first_then_tokens_and_the_whole_reply(s, fake):
    fake.begin(tokens_per_s=200)
    body = {"question": "What is the moon made of, again?"}
    for turn in range(2):  # the second one from the cache, in the same form
        events = events_of(s.ask("POST", "/query/stream", body)[2])
        names = [e[1] for e in events]
        assert names[0] == "sources" and names[-1] == "done" and "citation" in names, names
        assert events[0][2]["sources"][0]["document"] == "moon"
        assert text_of(events) == SAYS == events[-1][2]["answer"]
        assert events[-1][2]["cache"]["status"] == ("hit" if turn else "miss")
        ids = [int(e[0].rsplit("-", 1)[1]) for e in events]
        assert ids == list(range(len(ids)))
    status, headers, text = s.ask("POST", "/query/stream", body, headers={"Accept": "text/plain"})
    assert (status, text) == (200, SAYS) and headers["Content-Type"].startswith("text/plain")
    assert fake.counts()["requests"] == 1


class Stream:
    """One /query/stream on a socket of its own."""

    def __init__(self, server, body, last=None):
        text = json.dumps(body).encode()
        more = "Last-Event-ID: %s\r\n" % last if last else ""
        self.socket = server.connect()
        self.socket.sendall(("POST /query/stream HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                             "%sContent-Length: %d\r\n\r\n" % (more, len(text))).encode() + text)
        self.data = b""

    def read(self, n_tokens=1 << 30):
        while self.data.count(b"event: token") < n_tokens and b"event: done" not in self.data:
            part = self.socket.recv(65536)
            if not part:
                break
            self.data += part
        assert b"\n\n" in self.data, self.data
        return events_of(self.data[self.data.index(b"\r\n\r\n") + 4:self.data.rindex(b"\n\n") + 2].decode())


@test
def who_was_cut_off_goes_on_where_it_was(s, fake):
    fake.begin(text="word " * 40, first_token_ms=50, tokens_per_s=60)
    body = {"question": "Which words are there?"}
    other = Stream(s, body)
    cut = Stream(s, body)
    before = cut.read(5)
    cut.socket.close()
    after = Stream(s, body, before[-1][0]).read()
    whole = other.read()
    assert before + after == whole[:len(before)] + whole[len(before):]
    assert text_of(before) + text_of(after) == "word " * 40
    late = Stream(s, body, before[-1][0]).read()  # within the minute after the end
    assert late == after
    assert fake.counts()["requests"] == 1


@test
def who_was_cut_off_alone_goes_on_when_back_at_once(s, fake):
    fake.begin(text="word " * 40, first_token_ms=50, tokens_per_s=60)
    with Server(config=config_of(fake.port, "stream = { grace_ms = 5000; };")) as own:
        own.add(MOON)
        body = {"question": "Which words are there for one?"}
        cut = Stream(own, body)
        before = cut.read(5)
        cut.socket.close()
        time.sleep(0.2)
        after = Stream(own, body, before[-1][0]).read()
        assert text_of(before) + text_of(after) == "word " * 40
        ids = [int(e[0].rsplit("-", 1)[1]) for e in before + after]
        assert ids == list(range(len(ids)))
        assert fake.counts()["requests"] == 1 and fake.counts()["cancelled"] == 0


@test
def who_comes_back_when_it_was_cancelled_begins_again(s, fake):
    fake.begin(text="word " * 40, first_token_ms=50, tokens_per_s=60)
    body = {"question": "Which words are there for nobody?"}
    cut = Stream(s, body)
    before = cut.read(5)
    cut.socket.close()
    while fake.counts()["cancelled"] == 0:
        time.sleep(0.01)
    after = Stream(s, body, before[-1][0]).read()
    assert after[0][1] == "reset" and after[-1][1] == "done", after[0]
    assert text_of(after) == "word " * 40


@test
def an_answer_that_is_cut_off_at_its_bound_says_so_and_is_not_kept(s, fake):
    fake.begin(text="The moon is made of", finish="length")
    body = {"question": "Of what is the moon made, in short?"}
    for _ in range(2):
        reply, _ = s.query(body["question"])
        assert reply["degraded"] == ["length"] and reply["cache"]["status"] == "miss", reply
        assert reply["answer"] == "The moon is made of" and reply["model"] == "fast"
    chat = {"model": "ragd", "messages": [{"role": "user", "content": body["question"]}]}
    reply = s.ask("POST", "/v1/chat/completions", chat)[2]
    assert reply["choices"][0]["finish_reason"] == "length", reply["choices"]
    text = s.ask("POST", "/v1/chat/completions", dict(chat, stream=True))[2]
    assert '"finish_reason":"length"' in text and '"finish_reason":"stop"' not in text
    fake.begin(finish="stop")
    assert s.query(body["question"])[0]["answer"] == SAYS


@test
def a_model_that_nobody_listens_to_is_cancelled_and_leaves_no_answer(s, fake):
    fake.begin(text="word " * 200, first_token_ms=30, tokens_per_s=50)
    body = {"question": "Who reads so many words?"}
    for path in ("stream", "whole"):
        if path == "stream":
            stream = Stream(s, body)
            stream.read(3)
            stream.socket.close()
        else:
            c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=30)
            c.request("POST", "/query", json.dumps(body), {"Content-Type": "application/json"})
            while fake.counts()["open"] == 0:
                time.sleep(0.01)
            c.close()
        while fake.counts()["open"]:
            time.sleep(0.005)
    counts = fake.counts()
    assert counts["cancelled"] == 2 and counts["finished"] == 0, counts
    assert s.ask("POST", "/query", dict(body, cache="only"))[0] == 504, "a part of an answer is none"


@test
def an_answer_whose_stream_is_cut_is_no_answer(s, fake):
    fake.begin(cut_after=3)
    reply, _ = s.query("What does the sun consist of?")
    assert reply["degraded"] == ["generate"] and reply["model"] == "extractive", reply
    fake.begin()
    reply, _ = s.query("What does the sun consist of?")
    assert reply["cache"]["status"] == "miss" and reply["answer"] == SAYS


@test
def an_answer_that_breaks_off_unseen_is_given_by_the_model_that_stands_in(s, fake):
    fake.begin(cut_after=3, fail_first=1)
    reply, _ = s.query("What do other suns consist of?")
    assert reply["model"] == "best" and reply["answer"] == SAYS and reply["degraded"] == ["model"], reply
    fake.begin(cut_after=3, fail_first=1)
    events = events_of(s.ask("POST", "/query/stream", {"question": "What do most suns consist of?"})[2])
    assert events[-1][2]["degraded"] == ["generate"] and fake.counts()["requests"] == 1, "its reader has seen it"
    fake.begin()


@test
def a_batch_whose_client_leaves_cancels_its_models(s, fake):
    fake.begin(text="word " * 200, first_token_ms=30, tokens_per_s=50)
    questions = ["Who reads word %d?" % i for i in range(6)]
    c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=30)
    c.request("POST", "/query/batch", json.dumps({"questions": questions, "concurrency": 2}),
              {"Content-Type": "application/json"})
    while fake.counts()["open"] < 2:
        time.sleep(0.01)
    c.close()
    while fake.counts()["open"]:
        time.sleep(0.005)
    time.sleep(0.2)  # nothing else is begun
    counts = fake.counts()
    assert counts["requests"] == 2 and counts["cancelled"] == 2 and counts["finished"] == 0, counts
    fake.begin()
    status, _, reply = s.ask("POST", "/query/batch", {"questions": questions[:3]})
    assert status == 200 and [r["answer"] for r in reply["results"]] == [SAYS] * 3, reply


@test
def a_batch_that_leaves_takes_nobody_elses_answer_along(s, fake):
    fake.begin(text="word " * 20, first_token_ms=20, tokens_per_s=60)  # sooner than a second call is hedged
    body = {"question": "Who else wants this?"}
    c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=30)
    c.request("POST", "/query/batch", json.dumps({"questions": [body["question"]]}), {"Content-Type": "application/json"})
    while fake.counts()["open"] == 0:
        time.sleep(0.01)
    stream = Stream(s, body)
    stream.read(2)
    c.close()
    assert text_of(stream.read()) == "word " * 20
    counts = fake.counts()
    assert counts["requests"] == 1 and counts["cancelled"] == 0, counts


@test
def a_budget_in_tokens_bounds_what_is_read(s, fake):
    fake.begin()
    asked = {"question": "What do the documents say of the moon and the sun?", "cache": "no-store"}
    sizes = []
    for budget in ({"context_tokens": 5}, {"context_tokens": 400}, {}):
        s.query(**dict(asked, **budget))
        sizes.append(len(fake.counts()["bodies"][-1]["messages"][-1]["content"]))
    assert sizes[0] < sizes[1] == sizes[2], sizes
    status, _, reply = s.ask("POST", "/query", dict(asked, context_tokens=5, context_chars=5))
    assert status == 400 and "context_tokens" in reply["detail"], reply


# ---- when it cannot ----

@test
def a_busy_model_is_told_to_who_insists_and_stood_in_for_otherwise(s, fake):
    fake.begin(status=429, retry_after="7")
    body = {"question": "Is the sun a star?", "model": "fast"}
    status, headers, reply = s.ask("POST", "/query", body)
    assert status == 429 and headers["Retry-After"] == "7", (status, headers["Retry-After"])
    assert reply["status"] == 429 and headers["Content-Type"] == "application/problem+json"
    status, headers, reply = s.ask("POST", "/v1/chat/completions", {
        "model": "fast", "messages": [{"role": "user", "content": "Is the sun a star?"}]})
    assert status == 429 and headers["Retry-After"] == "7" and reply["error"]["type"] == "rate_limit_error"
    status, headers, reply = s.ask("POST", "/query", {"question": "Is the sun a star?"})
    assert status == 200 and reply["degraded"] == ["generate"] and reply["answer"]
    assert headers["x-upstream-retry-after"] == "7"
    fake.begin()


@test
def who_insists_learns_whose_fault_it_was(s, fake):
    for settings, wanted in (({"status": 400}, 400), ({"status": 401}, 503), ({"status": 404}, 503),
                             ({"garbage": True}, 503), ({"cut_after": 2}, 503)):
        fake.begin(**settings)
        for path, body in (("/query", {"question": "Whose fault is it?", "model": "best"}),
                           ("/v1/chat/completions", {"model": "best", "messages": [{"role": "user", "content": "Whose?"}]})):
            status, _, reply = s.ask("POST", path, body)
            assert status == wanted, (settings, path, status, reply)
        fake.begin()
        s.query("Is it well again, %s?" % settings, model="best")  # or its breaker would open


@test
def what_stands_in_streams_too(s, fake):
    with Server(config=config_of(fake.port)) as own:  # its breakers are its own
        own.add(MOON)
        for settings, said in (({"status": 429, "retry_after": "7"}, ""), ({"cut_after": 3}, "The moon is")):
            fake.begin(**settings)
            events = events_of(own.ask("POST", "/query/stream", {"question": "What is the moon made of?"})[2])
            answer = events[-1][2]["answer"]
            assert events[-1][2]["degraded"] == ["generate"] and "rock and dust" in answer, events
            names = [e[1] for e in events]
            at = names.index("reset") if said else 0
            assert text_of(events[:at]) == said and text_of(events[at:]) == answer, events
            assert names[at + 1 if said else 0] == "sources", names
            text = own.ask("POST", "/query/stream", {"question": "What is the moon made of?"},
                           headers={"Accept": "text/plain"})[2]
            assert text == (said + "\n\n" if said else "") + answer, text
            status, headers, text = completion(own, "ragd", "What is the moon made of?", stream=True)
            chunks = [json.loads(line[6:]) for line in text.split("\n") if line.startswith("data: {")]
            assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == (
                said + "\n\n" if said else "") + answer, text
            assert sum("role" in c["choices"][0]["delta"] for c in chunks) == 1, text
            assert (headers["x-upstream-retry-after"] == "7") == (not said), dict(headers)
    fake.begin()


@test
def a_deadline_is_kept_and_what_it_cost_is_said(s, fake):
    fake.begin(text="word " * 300, first_token_ms=100, tokens_per_s=60)
    begin = time.monotonic()
    reply, _ = s.query("How long may this take?", deadline_ms=700)
    assert reply["degraded"] == ["generate"] and reply["model"] == "extractive", reply
    assert time.monotonic() - begin < 10  # not the five seconds that the whole answer takes, and more
    assert s.ask("POST", "/query", {"question": "How long may this take?", "cache": "only"})[0] == 504
    fake.begin()


FAULTS = {"closed": {"hang_up": True}, "silent": {"silent": True}, "5 s late": {"first_token_ms": 5000},
          "cut before a word": {"cut_after": 0}, "cut after three": {"cut_after": 3}, "stalled": {"stall_after": 2},
          "garbage": {"garbage": True}, "not HTTP": {"not_http": True}, "wrong types": {"wrong_types": True},
          "an error in the stream": {"error_after": 1}, "endless": {"endless": True, "tokens_per_s": 300},
          "429": {"status": 429}, "500": {"status": 500}}
NO_FAULT = {"hang_up": False, "silent": False, "not_http": False, "wrong_types": False, "endless": False,
            "stall_after": -1, "error_after": -1}


@test
def every_fault_of_a_model_is_a_degraded_answer_within_its_deadline(_, fake):
    deadline_s, slowest, n = 1.5, 0, 0
    with Server(config=config_of(fake.port)) as own:
        own.add(MOON, SUN)
        for fault, settings in FAULTS.items():
            fake.begin(**{**NO_FAULT, **settings})
            for _ in range(2):
                begin = time.monotonic()
                reply, _ = own.query("What is the moon made of?", deadline_ms=1500, cache="no-store")
                slowest, n = max(slowest, time.monotonic() - begin), n + 1
                assert reply["answer"] and reply["degraded"], (fault, reply)
                assert "rock and dust" in reply["answer"], (fault, reply)
        assert slowest < deadline_s + 4, slowest
        fake.begin(**NO_FAULT)
        begin = time.monotonic()
        while own.query("Is it well again after %f?" % time.monotonic())[0]["degraded"]:
            assert time.monotonic() - begin < 20, "its breaker stays open"
            time.sleep(0.2)
        took = time.monotonic() - begin
    print("# R8 | language models with %d faults (%s) | %d of %d questions answered by quoting, at most %.1f s with a "
          "deadline of %.1f s; asked again %.1f s after" % (len(FAULTS), ", ".join(FAULTS), n, n, slowest, deadline_s, took))


# ---- in numbers ----

NAME = re.compile(r"^[a-z_:][a-z0-9_:]*$")
SAMPLE = re.compile(r'^([a-z0-9_:]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)$')


def page_of(s):
    """{(name, labels): value} of /metrics, whose form is checked as Prometheus' own linter would."""
    text = s.ask("GET", "/metrics")[2]
    types, samples, current = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            assert len(line.split(" ", 3)[3]) > 0, line
        elif line.startswith("# TYPE "):
            current, kind = line.split()[2:]
            assert current not in types and NAME.match(current), line
            assert (kind == "counter") == current.endswith("_total"), line
            assert not re.search(r"_(ms|us|ns|milliseconds|kb|percent)(_|$)", current), line
            types[current] = kind
        else:
            name, labels, value = SAMPLE.match(line).groups()
            base = re.sub(r"_(bucket|sum|count)$", "", name) if types[current] == "histogram" else name
            assert base == current, line
            assert (name, labels) not in samples, line
            samples[name, labels or ""] = float(value)
    return samples


@test
def each_model_is_told_in_numbers(s, fake):
    fake.begin(first_token_ms=20)
    before = page_of(s)
    stats_before = {m["name"]: m for m in s.ask("GET", "/stats")[2]["models"]}

    def more(name, labels):
        return after[name, labels] - before[name, labels]

    s.query("What is counted of the moon?")
    s.query("What is counted of the moon?", model="best")
    fake.begin(status=429)
    s.query("What is counted, and refused, of the moon?")
    after = page_of(s)
    assert more("ragd_llm_requests_total", 'model="best"') >= 2
    assert more("ragd_llm_routed_total", 'model="fast",route="fast"') == 2
    assert more("ragd_llm_routed_total", 'model="best",route="asked"') == 1
    assert more("ragd_llm_failures_total", 'model="fast",kind="busy"') >= 1
    assert more("ragd_llm_retries_total", 'model="fast"') >= 1
    assert more("ragd_llm_first_token_seconds_count", 'model="fast"') == 1
    assert more("ragd_llm_first_token_seconds_sum", 'model="fast"') >= 0.02
    assert more("ragd_llm_answer_seconds_count", 'model="best"') == 1
    assert more("ragd_llm_tokens_total", 'model="fast",direction="out"') > 0
    tokens, cost = more("ragd_llm_tokens_total", 'model="fast",direction="in"'), more("ragd_llm_cost_total", 'model="fast"')
    assert abs(cost - tokens / 1e6) < 1e-8, (cost, tokens)
    assert more("ragd_degraded_total", 'part="generate"') == 1
    fast = {m["name"]: m for m in s.ask("GET", "/stats")[2]["models"]}["fast"]
    assert fast["requests"] > stats_before["fast"]["requests"] and fast["failures"]["busy"] >= 1, fast
    assert fast["first_token_ms"] > 0 and fast["breaker_open"] in (True, False)
    fake.begin()


@test
def what_was_not_made_again_is_told(s, fake):
    fake.begin(first_token_ms=200)
    before, page = s.ask("GET", "/cache")[2], page_of(s)
    for _ in range(3):
        s.query("What is saved of the moon?")
    after = s.ask("GET", "/cache")[2]
    usage = s.query("What is saved of the moon?")[0]["usage"]
    assert after["hits"] - before["hits"] == 2 and after["misses"] - before["misses"] == 1
    saved = {k: after["saved"][k] - before["saved"][k] for k in ("answers", "ms", "prompt_tokens", "completion_tokens", "cost")}
    assert saved["answers"] == 2 and saved["ms"] >= 400, saved
    assert saved["prompt_tokens"] + saved["completion_tokens"] == 2 * usage["saved_tokens"] > 0, saved
    assert abs(saved["cost"] - saved["prompt_tokens"] / 1e6) < 1e-8, saved
    more = page_of(s)["ragd_cache_saved_seconds_total", ""] - page["ragd_cache_saved_seconds_total", ""]
    assert more >= 0.4, more
    table = command(s, "stats", verb="cache")
    assert table.returncode == 0 and "memory" in table.stdout and "tokens saved" in table.stdout, table.stdout
    assert "money saved" in table.stdout, table.stdout


# ---- on the command line ----

def command(s, *words, verb="query"):
    return subprocess.run([RAGD, verb, "--data", s.data, *words], env=dict(os.environ, RAGD_MODEL_PATH=MODEL),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)


@test
def people_are_told_what_stood_in_and_what_is_not_borne_out(s, fake):
    fake.begin(text="The moon is made of rock and dust [1]. It is 47 years old [1].")
    run = command(s, "How old is the moon, for people?")
    assert run.returncode == 0 and "rock and dust" in run.stdout, run.stdout
    assert '(not borne out: "It is 47 years old [1].": ' in run.stdout, run.stdout
    fake.begin(status=500)
    run = command(s, "What is the moon made of, for people?")
    assert run.returncode == 0 and "did not answer: quoted instead)" in run.stdout, run.stdout
    fake.begin()


def words_as_they_come(fake, words):
    """(seconds since the first output, output so far) of a command, read as it prints."""
    p = subprocess.Popen(words, env=dict(os.environ, RAGD_MODEL_PATH=MODEL), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    seen, begin = [], None
    while part := os.read(p.stdout.fileno(), 65536):
        begin = begin or time.monotonic()
        seen.append((time.monotonic() - begin, part.decode()))
    assert p.wait(60) == 0, seen
    return seen


@test
def streaming_shows_words_as_they_come_and_sources_after_them(s, fake):
    fake.begin(tokens_per_s=40)
    text = SAYS
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "ragd.conf")
        with open(config, "w") as f:
            f.write(config_of(fake.port))
        docs = os.path.join(folder, "docs")
        os.mkdir(docs)
        with open(os.path.join(docs, "moon.md"), "w") as f:
            f.write(MOON["text"])
        data = os.path.join(folder, "data")
        subprocess.run([RAGD, "ingest", "--data", data, docs], check=True, stdout=subprocess.DEVNULL,
                       env=dict(os.environ, RAGD_MODEL_PATH=MODEL))
        for words in (["--data", s.data], ["--data", data, "--config", config]):  # in the server, and here
            seen = words_as_they_come(fake, [RAGD, "query", *words, "--stream", "What streams of the moon?"])
            whole = "".join(part for _, part in seen)
            assert whole.startswith(text + "\n") and whole.index("Sources:") > len(text), whole
            assert whole.count("rock and dust [1]") == 1, whole
            assert len(seen) > 5 and seen[-1][0] > 0.1, seen
    again = command(s, "--stream", "What streams of the moon?")
    assert again.stdout.startswith(text + "\n") and "from the cache" in again.stdout, again.stdout
    both = command(s, "--stream", "--json", "What streams of the moon?")
    assert both.returncode == 2 and "--stream is for people" in both.stdout, both.stdout


@test
def who_stops_a_command_cancels_its_model_in_the_server(s, fake):
    fake.begin(text="word " * 200, first_token_ms=30, tokens_per_s=50)
    p = subprocess.Popen([RAGD, "query", "--data", s.data, "--stream", "Who stops this?"], stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, env=dict(os.environ, RAGD_MODEL_PATH=MODEL))
    assert os.read(p.stdout.fileno(), 100).startswith(b"word")
    p.kill()
    p.communicate()
    while fake.counts()["open"]:
        time.sleep(0.01)
    assert fake.counts()["cancelled"] == 1 and fake.counts()["finished"] == 0
    fake.begin()


@test
def a_stream_that_breaks_off_says_what_stands_in(s, fake):
    fake.begin(cut_after=3)
    run = command(s, "--stream", "--no-cache", "What breaks off of the moon?")
    assert run.returncode == 0 and run.stdout.startswith("The moon is\n(broken off; instead:)\n"), run.stdout
    assert "rock and dust" in run.stdout and "quoted instead" in run.stdout, run.stdout
    fake.begin()


# ---- as OpenAI's clients ask ----

def completion(s, model, content, **members):
    return s.ask("POST", "/v1/chat/completions", dict(
        members, model=model, messages=[{"role": "user", "content": content}]))


@test
def completions_have_openais_form(s, fake):
    fake.begin()
    status, headers, reply = completion(s, "ragd", [{"type": "text", "text": "What is the moon "},
                                                    {"type": "text", "text": "made of, please?"}], seed=1)
    assert status == 200 and headers["x-ragd-ignored"] == "seed", (status, reply)
    assert reply["object"] == "chat.completion" and reply["model"] == "ragd" and reply["id"].startswith("chatcmpl-")
    choice, = reply["choices"]
    assert choice["message"] == {"role": "assistant", "content": SAYS} and choice["finish_reason"] == "stop"
    usage = reply["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    assert reply["ragd"]["sources"][0]["document"] == "moon" and "answer" not in reply["ragd"]
    reply = completion(s, "ragd-extractive", "What is the moon made of?", ragd={"k": 1})[2]
    assert "rock and dust" in reply["choices"][0]["message"]["content"] and len(reply["ragd"]["sources"]) == 1
    models = [m["id"] for m in s.ask("GET", "/v1/models")[2]["data"]]
    assert {"ragd", "ragd-extractive", "fast", "best"} <= set(models), models


@test
def completions_come_in_pieces_too(s, fake):
    fake.begin(tokens_per_s=200)
    for turn in range(2):
        status, headers, text = completion(s, "ragd", "What is the moon made of, in pieces?", stream=True,
                                           stream_options={"include_usage": True})
        assert status == 200 and headers["Content-Type"] == "text/event-stream"
        lines = [line[6:] for line in text.split("\n") if line.startswith("data: ")]
        assert lines[-1] == "[DONE]"
        chunks = [json.loads(line) for line in lines[:-1]]
        assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"]) == SAYS
        assert chunks[-2]["choices"][0]["finish_reason"] == "stop" and chunks[-2]["ragd"]["sources"]
        assert chunks[-1]["choices"] == [] and (chunks[-1]["usage"]["total_tokens"] > 0) == (turn == 0)
        assert len({c["id"] for c in chunks}) == 1


@test
def who_joins_a_completion_has_an_id_of_its_own(s, fake):
    fake.begin(tokens_per_s=10)
    call = lambda: completion(s, "ragd", "What is the sun made of, for two?", stream=True)[2]

    def second():
        while fake.counts()["requests"] == 0:
            time.sleep(0.01)
        time.sleep(0.2)  # the first one's tokens come by now
        return call()

    ids = []
    for text in at_once([call, second]):
        ids += {json.loads(line[6:])["id"] for line in text.split("\n") if line.startswith("data: {")}
    assert fake.counts()["requests"] == 1
    assert len(ids) == 2 and len(set(ids)) == 2 and all(len(i) == len("chatcmpl-") + 32 for i in ids), ids
    fake.begin()


@test
def a_stream_that_a_model_refuses_is_refused_by_its_status(s, fake):
    fake.begin(status=429, retry_after="7", first_token_ms=50)
    results = at_once([lambda: completion(s, "best", "Who is refused in pieces?", stream=True) for _ in range(4)])
    assert [r[0] for r in results] == [429] * 4, results
    assert {r[2]["error"]["code"] for r in results} == {"rate_limited"} and results[0][1]["Retry-After"], results
    fake.begin(cut_after=2)
    status, _, text = completion(s, "best", "Who is cut in pieces?", stream=True)
    assert status == 200 and '"error"' in text and "[DONE]" not in text, text  # words were said already
    fake.begin()


@test
def who_leaves_before_a_word_was_said_cancels_the_model(s, fake):
    fake.begin(first_token_ms=5000)
    c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=30)
    c.request("POST", "/v1/chat/completions", json.dumps({
        "model": "ragd", "stream": True, "messages": [{"role": "user", "content": "Who waits in vain?"}]}),
        {"Content-Type": "application/json"})
    while fake.counts()["open"] == 0:
        time.sleep(0.01)
    c.close()
    while fake.counts()["open"]:
        time.sleep(0.005)
    assert fake.counts()["cancelled"] == 1
    fake.begin()


@test
def completions_that_are_refused_name_the_member(s, fake):
    user = [{"role": "user", "content": "x"}]
    for body, status, param in (({"messages": user}, 400, "model"), ({"model": "nosuch", "messages": user}, 404, "model"),
                                ({"model": "ragd"}, 400, "messages"), ({"model": "ragd", "messages": []}, 400, "messages"),
                                ({"model": "ragd", "messages": user, "n": 2}, 400, "n"),
                                ({"model": "ragd", "messages": user, "tools": [{}]}, 400, "tools"),
                                ({"model": "ragd", "messages": user, "max_tokens": 0}, 400, "max_tokens"),
                                ({"model": "ragd", "messages": [{"role": "assistant", "content": "x"}]}, 400, "messages"),
                                ({"model": "ragd", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400, "messages"),
                                ({"model": "ragd", "messages": user, "ragd": {"k": 0}}, 400, None)):
        got, _, reply = s.ask("POST", "/v1/chat/completions", body)
        assert got == status and reply["error"]["param"] == param, (body, got, reply)


def client_of(s):
    return openai.OpenAI(base_url="http://127.0.0.1:%d/v1" % s.port, api_key="none", max_retries=0)


@with_client
def the_official_client_asks_and_streams(s, fake):
    fake.begin(tokens_per_s=300)
    messages = [{"role": "user", "content": "What does the official client want to know of the moon?"}]
    whole = client_of(s).chat.completions.create(model="ragd", messages=messages)
    assert whole.choices[0].message.content == SAYS and whole.usage.total_tokens > 0
    pieces = list(client_of(s).chat.completions.create(model="ragd", messages=messages, stream=True,
                                                       stream_options={"include_usage": True}))
    assert "".join(c.choices[0].delta.content or "" for c in pieces if c.choices) == SAYS
    assert pieces[-1].usage is not None
    fake.begin(status=429, retry_after="7")
    try:
        client_of(s).chat.completions.create(model="best", messages=[{"role": "user", "content": "Anything?"}])
        raise AssertionError("no error")
    except openai.RateLimitError as e:
        assert e.response.headers["Retry-After"] == "7"
    fake.begin()


# ---- a server of their own ----

@test
def a_generation_may_be_finished_for_nobody(s, fake):
    fake.begin(text="word " * 20, first_token_ms=20, tokens_per_s=60)
    with Server(config=config_of(fake.port, 'stream = { abandoned = "finish"; };')) as own:
        own.add(MOON)
        body = {"question": "Is it finished?"}
        stream = Stream(own, body)
        seen = stream.read(2)
        stream.socket.close()
        while fake.counts()["finished"] == 0:
            time.sleep(0.01)
        while own.ask("POST", "/query", dict(body, cache="only"))[0] == 504:
            time.sleep(0.01)
        rest = Stream(own, body, seen[-1][0]).read()
        assert text_of(seen) + text_of(rest) == "word " * 20
        assert fake.counts()["requests"] == 1
    fake.begin()


@test
def a_server_that_stops_lets_a_generation_end(s, fake):
    fake.begin(text="word " * 30, first_token_ms=20, tokens_per_s=60)
    own = Server(config=config_of(fake.port))
    own.add(MOON)
    stream = Stream(own, {"question": "Does it end?"})
    stream.read(2)
    code = at_once([own.stop, lambda: stream.read()])
    assert code[0] == 0 and code[1][-1][1] == "done", code
    fake.begin()


def main():
    chosen = tap.chosen(TESTS, FN)
    if not os.path.exists(os.path.join(MODEL, "config.json")):
        return tap.skip_all(chosen, "needs the model", FN)
    fake = Fake()

    def call(t):
        if t[1] and not openai:
            raise tap.Skip("needs the openai client (scripts/client-venv)")
        t[0](shared, fake)

    with Server(config=config_of(fake.port)) as shared:
        shared.add(MOON, SUN)
        code = tap.run(chosen, call, FN)
    fake.stop()
    return code


if __name__ == "__main__":
    sys.exit(main())
