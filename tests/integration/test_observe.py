#!/usr/bin/env python3
"""What an operator sees: traces, the access log, the page of metrics, the dashboard and the alerts.

Speaks TAP. RAGD_BUILD is the build folder (build/debug when it is not set). Traces are read with the package
opentelemetry-proto (build/otlp, scripts/client-venv), the page with promtool: what is missing is skipped by name.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap
from test_server import ROOT, Server, events_of

OTLP = os.path.join(ROOT, "build/otlp/bin/python")
try:
    import opentelemetry.proto.collector.trace.v1.trace_service_pb2
except ImportError:
    if os.path.exists(OTLP) and os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(ROOT, "build/otlp")):
        os.execv(OTLP, [OTLP] + sys.argv)
    opentelemetry = None

os.environ["NO_PROXY"] = "127.0.0.1"
TESTS = []
MOON = {"id": "moon", "title": "The moon", "text": "The moon is made of rock and dust. Its craters are old."}
SUN = {"id": "sun", "title": "The sun", "text": "The sun is a star. It is made of hydrogen and helium."}
PARENT = "00-%s-00f067aa0ba902b7-01"
INTERNAL, SERVER, CLIENT = 1, 2, 3
ERROR = 2
TRACED = 'trace = { url = "%s"; sample = %s; };\n'
MODELS = """llm = ( { name = "fast"; url = "http://127.0.0.1:%d/v1"; model = "fake-chat"; price_in = 1; },
        { name = "best"; url = "http://127.0.0.1:%d/v1"; model = "fake-best"; } );\n"""
n_traces = 0


def test(fn):
    TESTS.append(fn)
    return fn


class World:
    """A server that records what it is asked to, a model's and a collector."""

    def __init__(self):
        from collector import Collector
        from fake_model import Fake
        self.fake, self.collector = Fake(), Collector()
        self.server = Server(config=TRACED % (self.collector.url, "0.0") + MODELS % (self.fake.port, self.fake.port))
        self.server.add(MOON, SUN)

    def stop(self):
        code = self.server.stop()
        self.fake.stop()
        self.collector.stop()
        assert code == 0, code


def new_trace():
    global n_traces
    n_traces += 1
    return "%032x" % (0xa0000000 + n_traces)


def traced(w, path, body, n, method="POST", headers=()):
    """(status, reply's headers, reply, spans by name) of a request that is part of a sampled trace."""
    trace = new_trace()
    status, head, reply = w.server.ask(method, path, body, dict(headers, traceparent=PARENT % trace))
    spans = w.collector.trace(trace, n)
    assert len(spans) >= n, [(s.name, s.attributes) for s in spans]
    return status, head, reply, spans


def by_name(spans, name):
    found = [s for s in spans if s.name == name]
    assert found, (name, [s.name for s in spans])
    return found[0]


def check_tree(spans, root):
    """Every span hangs on another of the trace, within its time, and has an id of its own."""
    by_id = {s.id: s for s in spans}
    assert len(by_id) == len(spans)
    for s in spans:
        assert s.start <= s.end, s.name
        if s is root:
            continue
        parent = by_id[s.parent]
        assert parent.start <= s.start and s.end <= parent.end, (s.name, parent.name, s.start - parent.start,
                                                                  parent.end - s.end)
        for _, at in s.events:
            assert s.start <= at <= s.end


# ---- traces ----

@test
def a_question_is_a_tree_of_spans_within_the_callers_trace(w):
    status, head, reply, spans = traced(w, "/query", {"question": "What is the sun made of?",
                                                      "answer": "extractive"}, 6)
    assert status == 200
    root = by_name(spans, "POST /query")
    check_tree(spans, root)
    assert root.kind == SERVER and root.parent == "00f067aa0ba902b7" and root.status == 0
    assert root.flags & 0x301 == 0x301  # sampled, and the parent is known to be elsewhere
    a = root.attributes
    assert a["http.request.method"] == "POST" and a["http.route"] == "/query" and a["url.path"] == "/query"
    assert a["http.response.status_code"] == 200 and a["server.address"] == "127.0.0.1"
    assert (a["ragd.tenant"], a["ragd.collection"], a["ragd.mode"], a["ragd.k"]) == ("default", "default", "hybrid", 5)
    assert a["ragd.cache.status"] == "miss" and a["ragd.request_id"] == head["x-request-id"]
    assert "sun" not in json.dumps(a), a  # not a word of the question
    stages = {s.name for s in spans} - {root.name}
    assert {"queue", "cache", "embed", "search", "generate"} <= stages, stages
    assert all(s.kind == INTERNAL and s.parent == root.id for s in spans if s is not root)
    assert root.resource["service.name"] == "ragd" and root.resource["service.version"]
    starts = [by_name(spans, n).start for n in ("cache", "embed", "search", "generate")]
    assert starts == sorted(starts), starts
    took = {n[:-3]: ms for n, ms in reply["timings"].items()}
    for s in spans:
        if s is not root and s.name != "reply":
            assert abs((s.end - s.start) / 1e6 - took[s.name]) < 0.01, (s.name, s.end - s.start, took)


@test
def the_reply_and_the_log_tell_the_trace(w):
    trace = new_trace()
    _, head, _ = w.server.ask("POST", "/query", {"question": "Which star is near?"},
                              {"traceparent": PARENT % trace, "x-request-id": "told-1"})
    m = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-01", head["traceresponse"])
    assert m and m[1] == trace and m[2] != "00f067aa0ba902b7"
    assert by_name(w.collector.trace(trace), "POST /query").id == m[2]
    line = log_line(w.server, "told-1")
    assert line["trace_id"] == trace and line["tenant"] == "default" and line["cache"] == "miss"
    assert line["route"] == "/query" and line["status"] == 200 and line["bytes_in"] > 0 and line["bytes_out"] > 0
    assert "star" not in w.server.log()


@test
def a_model_is_asked_within_the_trace_and_has_a_span_as_the_conventions_say(w):
    w.fake.begin(first_token_ms=20, tokens_per_s=200)
    trace = new_trace()
    status, _, reply = w.server.ask("POST", "/query", {"question": "What is the moon made of?", "answer": "chat",
                                                       "model": "fast"},
                                    {"traceparent": PARENT % trace, "tracestate": "rojo=1,congo=t61rcWkgMzE"})
    assert status == 200, reply
    spans = w.collector.trace(trace, 7)
    root, call = by_name(spans, "POST /query"), by_name(spans, "chat fake-chat")
    check_tree(spans, root)
    assert call.kind == CLIENT and call.parent == by_name(spans, "generate").id
    assert w.fake.counts()["traces"] == [["00-%s-%s-01" % (trace, call.id), "rojo=1,congo=t61rcWkgMzE"]]
    assert root.state == call.state == "rojo=1,congo=t61rcWkgMzE"
    a = call.attributes
    assert a["gen_ai.operation.name"] == "chat" and a["gen_ai.provider.name"] == "openai"
    assert a["gen_ai.request.model"] == a["gen_ai.response.model"] == "fake-chat" and a["ragd.model"] == "fast"
    assert a["gen_ai.usage.input_tokens"] == reply["usage"]["prompt_tokens"]
    assert a["gen_ai.usage.output_tokens"] == reply["usage"]["completion_tokens"]
    assert a["gen_ai.response.finish_reasons"] == ["stop"] and a["http.response.status_code"] == 200
    assert [e[0] for e in call.events] == ["first_token"] and call.events[0][1] - call.start >= 20e6
    assert root.attributes["ragd.cost"] > 0


@test
def a_try_again_has_a_span_of_its_own_and_the_failed_one_says_why(w):
    w.fake.begin(status=503, fail_first=1)
    _, _, _, spans = traced(w, "/query", {"question": "How old are the craters?", "answer": "chat", "model": "fast"}, 8)
    calls = sorted((s for s in spans if s.name == "chat fake-chat"), key=lambda s: s.start)
    assert len(calls) == 2 and calls[0].end <= calls[1].start
    assert calls[0].status == ERROR and calls[0].attributes["http.response.status_code"] == 503
    assert calls[0].attributes["error.type"] and "503" in calls[0].message
    assert calls[1].status == 0 and calls[1].attributes["http.request.resend_count"] == 1
    assert [t[0][36:52] for t in w.fake.counts()["traces"]] == [c.id for c in calls]
    check_tree(spans, by_name(spans, "POST /query"))


@test
def a_stream_is_over_when_its_last_byte_is_and_a_model_that_answers_it_is_in_its_trace(w):
    w.fake.begin(first_token_ms=20, tokens_per_s=200)
    trace = new_trace()
    _, _, text = w.server.ask("POST", "/query/stream", {"question": "Is there dust on the moon?", "answer": "chat"},
                              {"traceparent": PARENT % trace})
    done = [data for _, name, data in events_of(text) if name == "done"][0]
    spans = w.collector.trace(trace, 7)
    root = by_name(spans, "POST /query/stream")
    check_tree(spans, root)
    assert by_name(spans, "chat fake-chat").status == 0
    assert root.attributes["ragd.cache.status"] == "miss"
    assert (root.end - root.start) / 1e6 >= done["timings"]["total_ms"] - 0.5


@test
def what_a_reader_leaves_is_a_cancelled_call(w):
    w.fake.begin(first_token_ms=10, tokens_per_s=5)
    trace = new_trace()
    body = json.dumps({"question": "What lies on the moon?", "answer": "chat"}).encode()
    with w.server.connect() as s:
        s.sendall(b"POST /query/stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                  b"traceparent: " + (PARENT % trace).encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        while b"event: token" not in s.recv(65536):
            pass
    call = by_name(w.collector.trace(trace, 7), "chat fake-chat")
    assert call.attributes["ragd.cancelled"] is True and call.status == 0


@test
def documents_searches_vectors_and_refusals_have_spans_too(w):
    _, _, _, spans = traced(w, "/documents", {"documents": [dict(MOON, id="new")]}, 1)
    assert by_name(spans, "POST /documents").attributes["http.request.body.size"] > 50
    _, _, _, spans = traced(w, "/search", {"question": "craters"}, 4)
    check_tree(spans, by_name(spans, "POST /search"))
    by_name(spans, "search")
    _, _, _, spans = traced(w, "/embed", {"inputs": "a word"}, 3)
    by_name(spans, "embed")
    status, _, _, spans = traced(w, "/query", {"question": ""}, 1)
    root = by_name(spans, "POST /query")
    assert status == 400 and root.attributes["http.response.status_code"] == 400 and root.status == 0
    status, _, _, spans = traced(w, "/documents/new", None, 1, method="DELETE")
    assert status == 204 and by_name(spans, "DELETE /documents/{id}").attributes["url.path"] == "/documents/new"
    status, _, _, spans = traced(w, "/nowhere", None, 1, method="GET")
    assert status == 404 and by_name(spans, "GET").attributes.get("http.route") is None


@test
def a_failure_of_ours_is_an_error(w):
    w.fake.begin(status=401)
    status, _, _, spans = traced(w, "/query", {"question": "Who made the moon?", "answer": "chat", "model": "best"}, 5)
    root = by_name(spans, "POST /query")
    assert status >= 500 and root.status == ERROR and root.attributes["error.type"]
    assert by_name(spans, "chat fake-best").status == ERROR


@test
def a_batch_asks_its_models_within_its_trace(w):
    w.fake.begin()
    status, head, _, spans = traced(w, "/query/batch", {"questions": [
        {"question": "Is the moon old?", "answer": "chat"}, {"question": "Is the sun hot?", "answer": "chat"}]}, 1)
    root = by_name(spans, "POST /query/batch")
    assert status == 200 and {t[0][36:52] for t in w.fake.counts()["traces"]} == {root.id}
    assert "embed;dur=" in head["Server-Timing"] and "total;dur=" in head["Server-Timing"]


@test
def an_invalid_parent_is_no_parent(w):
    for bad in ("00-%s-00f067aa0ba902b7" % new_trace(), PARENT % ("0" * 32), "ff" + (PARENT % new_trace())[2:],
                (PARENT % new_trace()).upper(), (PARENT % new_trace()) + "-more"):
        head = w.server.ask("POST", "/search", {"question": "craters"}, {"traceparent": bad, "tracestate": "a=b"})[1]
        assert head["traceresponse"][3:35] != bad[3:35].lower() and head["traceresponse"].endswith("-00"), bad
    newer = new_trace()
    head = w.server.ask("POST", "/search", {"question": "craters"},
                        {"traceparent": "01" + (PARENT % newer)[2:] + "-more"})[1]
    assert head["traceresponse"][3:35] == newer


@test
def who_is_not_sampled_leaves_no_spans_but_has_an_id(w):
    trace = new_trace()
    _, head, _ = w.server.ask("POST", "/search", {"question": "craters"},
                              {"traceparent": (PARENT % trace)[:-1] + "0", "x-request-id": "quiet-1"})
    assert head["traceresponse"].startswith("00-%s-" % trace) and head["traceresponse"].endswith("-00")
    assert log_line(w.server, "quiet-1")["trace_id"] == trace
    assert w.server.ask("GET", "/healthz")[1].get("traceresponse") is None  # nobody's trace
    time.sleep(1.2)
    assert not w.collector.trace(trace, 0)


# ---- the exporter ----

def stats_of(server):
    page = server.ask("GET", "/metrics")[2]
    return {k: float(v) for k, v in re.findall(r'^ragd_trace_spans_total\{outcome="(\w+)"\} (\S+)$', page, re.M)}


@test
def what_the_collector_refuses_for_now_is_sent_again_and_counted_once(w):
    with w.collector.lock:
        w.collector.answers = [(503, {"Retry-After": "1"}, b""), (429, {}, b"")]
        began, before = w.collector.requests, stats_of(w.server)
    t = time.monotonic()
    _, _, _, spans = traced(w, "/search", {"question": "again"}, 4)
    assert time.monotonic() - t >= 1 and w.collector.requests == began + 3, w.collector.requests
    assert len({s.id for s in spans}) == len(spans)
    after = stats_of(w.server)
    assert after["failed"] == before["failed"] and after["sent"] == before["sent"] + len(spans), (before, after)
    assert w.server.log().count('"event":"traces_not_sent"') == w.server.log().count('"event":"traces_sent_again"') == 1


@test
def what_it_refuses_for_good_is_lost_and_counted(w):
    before = stats_of(w.server)
    with w.collector.lock:
        w.collector.answers = [(400, {}, b"")]
    w.server.ask("POST", "/search", {"question": "lost"}, {"traceparent": PARENT % new_trace()})
    deadline = time.monotonic() + 10
    while stats_of(w.server)["failed"] == before["failed"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stats_of(w.server)["failed"] > before["failed"]


@test
def a_collector_that_is_away_or_slow_holds_up_nobody_and_the_server_stops_in_time(w):
    from collector import Collector
    c = Collector()
    c.delay_s = 30
    more = "server = { log_questions = false; };\n"
    for url in (c.url, "http://127.0.0.1:9/v1/traces"):
        with Server(config=TRACED % (url, "1.0") + more) as s:
            s.add(MOON)
            t = time.monotonic()
            for i in range(50):
                s.query("What is the moon made of, once more %d?" % (i % 5))
            assert time.monotonic() - t < 10
            t = time.monotonic()
            s.process.terminate()
            assert s.process.wait(20) == 0 and time.monotonic() - t < 8
    c.server.shutdown()


@test
def what_waits_is_sent_before_the_server_ends(w):
    trace = new_trace()
    with Server(config=TRACED % (w.collector.url, "0.0")) as s:
        s.ask("POST", "/search", {"question": "last words"}, {"traceparent": PARENT % trace})
    assert w.collector.trace(trace, 1, 0)


@test
def headers_come_from_the_environment_and_are_told_to_nobody(w):
    os.environ["COLLECTOR_HEADERS"] = "authorization=Basic%20c2VjcmV0,x-team=night"
    config = 'trace = { url = "%s"; sample = 1.0; headers_env = "COLLECTOR_HEADERS"; service = "library"; };\n'
    with Server(config=config % w.collector.url) as s:
        head = s.ask("POST", "/search", {"question": "secret"})[1]
        spans = w.collector.trace(head["traceresponse"][3:35], 1)
        assert head["traceresponse"].endswith("-01") and spans[0].resource["service.name"] == "library"
        assert "c2VjcmV0" not in s.log()
    with w.collector.lock:
        sent = [h for h in w.collector.headers if h.get("x-team") == "night"]
    assert sent and sent[0]["authorization"] == "Basic c2VjcmV0" and "traceparent" not in sent[0]


@test
def without_a_collector_the_callers_context_is_passed_on_as_it_came(w):
    w.fake.begin()
    trace = new_trace()
    with Server(config=MODELS % (w.fake.port, w.fake.port)) as s:
        s.add(MOON)
        assert s.ask("POST", "/search", {"question": "dust"})[1].get("traceresponse") is None
        s.ask("POST", "/query", {"question": "What is the moon made of?", "answer": "chat"},
              {"traceparent": PARENT % trace, "tracestate": "a=b", "x-request-id": "passed-1"})
        assert log_line(s, "passed-1")["trace_id"] == trace
    assert w.fake.counts()["traces"] == [[PARENT % trace, "a=b"]]


@test
def a_wrong_setting_names_its_place(w):
    for text, words in (('trace = { url = "collector:4318"; };\n', ("ragd.conf:1", "trace.url")),
                        ('trace = { sample = 2.0; };\n', ("ragd.conf:1", "trace.sample")),
                        ('trace = { url = "http://127.0.0.1:9"; headers_env = "NOT_SET"; };\n', ("NOT_SET",))):
        try:
            Server(config=text).stop()
            raise SystemError("started: " + text)
        except AssertionError as why:
            assert all(word in str(why) for word in words), why


# ---- the access log ----

def log_line(server, request_id):
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for line in server.log().splitlines():
            if '"event":"request"' in line and request_id in line:
                return json.loads(line)
        time.sleep(0.02)
    raise AssertionError("no line of " + request_id)


@test
def the_access_log_can_be_turned_off(w):
    with Server(config="server = { access_log = false; };\n") as s:
        s.ask("GET", "/healthz")
        time.sleep(0.3)
        assert "listening" in s.log() and '"event":"request"' not in s.log()


# ---- metrics, dashboard, alerts ----

NAME = re.compile(r"\b(?:ragd|process)_[a-z0-9_]+\b")
DASHBOARD = os.path.join(ROOT, "deploy/grafana/ragd.json")
PROMETHEUS = os.path.join(ROOT, "deploy/prometheus")


def promtool(*words, stdin=None):
    if not shutil.which("promtool"):
        raise tap.Skip("promtool (the package prometheus)")
    done = subprocess.run(["promtool", *words], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


def full_page(w):
    """/metrics of a server that has everything which may be configured."""
    more = 'redis = { url = "redis://127.0.0.1:9/0"; };\n'
    config = TRACED % (w.collector.url, "0.0") + MODELS % (w.fake.port, w.fake.port) + more
    with Server(config=config) as s:
        s.add(MOON)
        s.query("What is the moon made of?", answer="extractive")
        s.ask("GET", "/nowhere")
        return s.ask("GET", "/metrics")[2]


def expressions():
    """(where, expression) of the dashboard and the alerts."""
    with open(DASHBOARD) as f:
        for panel in json.load(f)["panels"]:
            for target in panel.get("targets", ()):
                yield panel["title"], target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
    with open(os.path.join(PROMETHEUS, "alerts.yml")) as f:
        for alert in re.split(r"^ *- alert: ", f.read(), flags=re.M)[1:]:
            name, text = alert.split("\n", 1)
            yield name, re.search(r"expr: (.*?)\n *for:", text, re.S)[1].removeprefix("|")


@test
def promtool_finds_the_page_clean(w):
    assert not promtool("check", "metrics", stdin=full_page(w)).strip()


@test
def the_page_tells_of_the_process_and_of_what_is_there(w):
    page = full_page(w)
    value = {k: float(v) for k, v in re.findall(r"^(\w+) (\S+)$", page, re.M)}
    assert value["ragd_documents"] == value["ragd_ingested_documents_total"] == 1
    assert value["ragd_chunks"] == value["ragd_ingested_chunks_total"] == value["ragd_index_segments"] == 1
    assert value["ragd_requests_in_flight"] == 1 and value["ragd_streams_open"] == 0  # this page itself
    assert value["ragd_store_bytes"] > 0 and value["ragd_http_sent_bytes_total"] > 0
    assert value["process_cpu_seconds_total"] > 0 and value["process_threads"] > 4
    assert 5 < value["process_open_fds"] < value["process_max_fds"]
    assert re.search(r'^ragd_build_info\{version="[\d.]+",embedder="local",model="', page, re.M)


@test
def dashboard_and_alerts_name_only_what_the_page_has(w):
    page, seen = full_page(w), set()
    there = set(re.findall(r"^(\w+)[{ ]", page, re.M))
    for where, e in expressions():
        names = set(NAME.findall(e)) | ({"up"} if e.strip().startswith("up{") else set())
        assert names and names - {"up"} <= there, (where, sorted(names - there))
        seen |= names
    assert len(seen) > 50, len(seen)


@test
def every_expression_is_promql(w):
    rules = {"groups": [{"name": "all", "rules": [{"record": "e%d" % i, "expr": e}
                                                  for i, (_, e) in enumerate(expressions())]}]}
    path = os.path.join(w.server.data, "rules.yml")
    with open(path, "w") as f:
        json.dump(rules, f)  # which YAML is too
    promtool("check", "rules", path)


@test
def promtool_takes_the_configuration_and_the_alerts(w):
    promtool("check", "config", os.path.join(PROMETHEUS, "prometheus.yml"))
    promtool("check", "rules", os.path.join(PROMETHEUS, "alerts.yml"))


def main():
    if opentelemetry is None:
        return tap.skip_all(TESTS, "the package opentelemetry-proto (scripts/client-venv)")
    w = World()
    try:
        return tap.run(tap.chosen(TESTS), lambda fn: fn(w))
    finally:
        w.stop()


if __name__ == "__main__":
    sys.exit(main())
