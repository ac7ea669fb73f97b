#!/usr/bin/env python3
"""The server as clients meet it: the real program on a port of its own, over plain sockets.

Speaks TAP. RAGD_BUILD is the build folder (build/debug when it is not set).
"""
import concurrent.futures
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("RAGD_BUILD", os.path.join(ROOT, "build/debug"))
RAGD = os.path.join(BUILD, "ragd")
MODEL = os.environ.get("RAGD_MODEL_PATH", os.path.join(ROOT, "models/all-MiniLM-L6-v2"))
TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


class Server:
    """One `ragd serve` on a fresh data folder."""

    def __init__(self, settings=(), loops=1, data=None, config=None):
        self.data = data or tempfile.mkdtemp(prefix="ragd-server.")
        env = dict(os.environ, RAGD_MODEL_PATH=MODEL)
        env.update(settings)
        self.log_path = os.path.join(self.data, "log")
        self.log_file = open(self.log_path, "wb")
        words = []
        if config is not None:
            words = ["--config", os.path.join(self.data, "ragd.conf")]
            with open(words[1], "w") as f:
                f.write(config)
        self.process = subprocess.Popen(
            [RAGD, "serve", *words, "--data", self.data, "--listen", "127.0.0.1:0", "--loops", str(loops)],
            stdin=subprocess.DEVNULL, stdout=self.log_file, stderr=self.log_file, env=env)
        self.port = self.wait_for_port()

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def wait_for_port(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = re.search(r'"event":"listening".*?"port":(\d+)', self.log())
            if found:
                return int(found.group(1))
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError("does not listen: " + self.log())

    def wait_until_read(self):
        """It listens while collections are being read; until then it is not ready."""
        deadline = time.monotonic() + 60
        while self.ask("GET", "/readyz")[0] != 200:
            assert time.monotonic() < deadline, "is not ready: " + self.log()
            time.sleep(0.02)

    def stop(self, keep=False):
        """SIGTERM; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("does not stop: " + self.log()[-2000:])
        finally:
            self.log_file.close()
        if not keep:
            shutil.rmtree(self.data, ignore_errors=True)
        return code

    def __enter__(self):
        return self

    def __exit__(self, kind, value, tb):
        code = self.stop()
        if kind is None:
            assert code == 0, "exit code %d" % code

    def connect(self, timeout=30):
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def raw(self, data, timeout=30):
        """Sends bytes, returns all that comes until the server closes."""
        with self.connect(timeout) as s:
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            return read_all(s)

    def ask(self, method, path, body=None, headers=None, raw=None):
        """One request on a connection of its own: (status, headers, parsed body)."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = dict(headers or {})
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            headers.setdefault("Content-Type", "application/json")
        c.request(method, path, raw, headers)
        r = c.getresponse()
        text = r.read()
        c.close()
        kind = r.headers.get("Content-Type", "")
        return r.status, r.headers, json.loads(text) if "json" in kind and text else text.decode()

    def add(self, *documents):
        status, _, reply = self.ask("POST", "/documents", {"documents": list(documents)})
        assert status == 200, reply
        return reply["documents"]

    def query(self, question, **members):
        status, headers, reply = self.ask("POST", "/query", dict(members, question=question))
        assert status == 200, reply
        return reply, headers


def read_all(s):
    data = b""
    try:
        while True:
            part = s.recv(65536)
            if not part:
                return data
            data += part
    except ConnectionResetError:
        return data


def status_of(data):
    m = re.match(rb"HTTP/1\.1 (\d{3}) ", data)
    return int(m.group(1)) if m else None


def post(path, body, extra=b"", host=b"localhost"):
    return (b"POST " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\nContent-Type: application/json\r\n"
            b"Content-Length: " + str(len(body)).encode() + b"\r\n" + extra + b"\r\n" + body)


GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
MOON = {"id": "tales/moon.md", "title": "The moon", "text": "The moon is made of green cheese. "
        "Its craters were dug by mice. The mice live on the far side.", "metadata": {"kind": "tale"}}
SUN = {"id": "facts/sun.md", "text": "The sun is a star. It is made of hydrogen and helium. "
       "Light from the sun reaches the earth in about eight minutes."}


# ---- routes ----

@test
def probes_and_version(s):
    s.wait_until_read()
    for path in ("/healthz", "/readyz", "/version", "/stats", "/cache", "/collections"):
        status, headers, reply = s.ask("GET", path)
        assert status == 200 and isinstance(reply, dict), (path, status, reply)
        assert re.fullmatch(r"[0-9a-f]{32}", headers["x-request-id"])


@test
def request_ids_come_back_when_sane(s):
    assert s.ask("GET", "/healthz", headers={"x-request-id": "my-id_1"})[1]["x-request-id"] == "my-id_1"
    assert s.ask("GET", "/healthz", headers={"x-request-id": "a b"})[1]["x-request-id"] != "a b"


@test
def documents_are_seen_at_once_and_gone_at_once(s):
    assert s.add(MOON, SUN)[0]["status"] == "ingested"
    reply, _ = s.query("What is the moon made of?")
    assert reply["answered"] and "green cheese" in reply["answer"], reply
    assert reply["sources"][0]["document"] == MOON["id"]
    assert s.add(MOON)[0]["status"] == "unchanged"
    changed = dict(MOON, text="The moon is made of rock and dust.")
    assert s.add(changed)[0]["status"] == "ingested"
    assert "rock" in s.query("What is the moon made of?")[0]["answer"]
    assert s.ask("DELETE", "/documents/tales/moon.md")[0] == 204
    assert s.ask("DELETE", "/documents/tales%2Fmoon.md")[0] == 404
    reply, _ = s.query("What is the moon made of?")
    assert all(x["document"] != MOON["id"] for x in reply["sources"]), reply
    s.add(MOON)


@test
def documents_one_by_one_and_by_page(s):
    s.add(MOON, SUN, {"id": "ü/größe.txt", "text": "Size matters."})
    status, _, one = s.ask("GET", "/documents/%C3%BC/gr%C3%B6%C3%9Fe.txt?text=true")
    assert status == 200 and one["id"] == "ü/größe.txt" and one["text"] == "Size matters.", one
    seen, cursor = [], ""
    while cursor is not None:
        _, _, page = s.ask("GET", "/documents?limit=1&cursor=" + quote(cursor))
        assert len(page["documents"]) <= 1
        seen += [d["id"] for d in page["documents"]]
        cursor = page["next"]
    assert seen == sorted(seen, key=lambda x: x.encode()) and MOON["id"] in seen, seen
    assert s.ask("GET", "/documents?limit=0")[0] == 400
    assert s.ask("GET", "/documents?nonsense=1")[0] == 400
    assert s.ask("GET", "/documents/none")[0] == 404
    assert s.ask("GET", "/documents?collection=none")[0] == 404
    assert s.ask("DELETE", "/documents/%C3%BC/gr%C3%B6%C3%9Fe.txt")[0] == 204


@test
def files_come_as_multipart(s):
    b = b"XyZ"
    body = (b"--XyZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"up.md\"\r\n\r\n"
            b"# Tides\n\nThe tides follow the moon.\n\r\n"
            b"--XyZ\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.exe\"\r\n\r\nMZ\r\n"
            b"--XyZ\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{\"from\":\"form\"}\r\n"
            b"--XyZ--\r\n")
    kind = {"Content-Type": "multipart/form-data; boundary=" + b.decode()}
    status, _, reply = s.ask("POST", "/documents", raw=body, headers=kind)
    assert status == 200, reply
    assert [d["status"] for d in reply["documents"]] == ["ingested", "refused"], reply
    assert s.query("What do the tides follow?", filter={"from": "form"})[0]["answered"]
    assert s.ask("POST", "/documents", raw=body[:-10], headers=kind)[0] == 400


@test
def bad_documents_name_what_is_wrong(s):
    for body, word in (({}, "documents"), ({"documents": {}}, "documents"), ([], "object"),
                       ({"documents": [{"id": "x"}]}, "text"), ({"documents": [{"txt": ""}]}, "txt"),
                       ({"documents": [{"text": "x", "metadata": []}]}, "metadata")):
        status, _, reply = s.ask("POST", "/documents", body)
        assert status == 400 and word in reply["detail"], (body, status, reply)


@test
def collections_are_made_and_dropped(s):
    assert s.ask("PUT", "/collections/other")[0] == 201
    assert s.ask("PUT", "/collections/other", {})[0] == 200
    assert s.ask("PUT", "/collections/other", {"x": 1})[0] == 400
    assert s.ask("PUT", "/collections/not%20good")[0] == 400
    s.ask("POST", "/documents?collection=other", {"documents": [SUN]})
    assert s.query("What is the sun made of?", collection="other")[0]["answered"]
    names = {c["name"]: c for c in s.ask("GET", "/collections")[2]["collections"]}
    assert names["other"]["documents"] == 1, names
    assert s.ask("DELETE", "/collections/other")[0] == 204
    assert s.ask("DELETE", "/collections/other")[0] == 404
    assert s.ask("POST", "/query", {"question": "x", "collection": "other"})[0] == 404


@test
def search_gives_hits_without_an_answer(s):
    s.add(MOON, SUN)
    status, headers, reply = s.ask("POST", "/search", {"question": "light from the sun", "k": 1})
    assert status == 200 and reply["hits"][0]["document"] == SUN["id"], reply
    assert "Server-Timing" in headers and "answer" not in reply
    assert s.ask("POST", "/search", {"question": "x", "answer": "none"})[0] == 400


@test
def a_repeated_question_is_a_hit(s):
    s.add(MOON, SUN)
    question = "Who dug the craters of the moon?"
    first, h1 = s.query(question)
    again, h2 = s.query("  Who dug the  craters of the moon? ")
    assert first["cache"]["status"] == "miss" and "fwd=miss" in h1["Cache-Status"]
    assert again["cache"]["status"] == "hit", again["cache"]
    assert re.fullmatch(r"ragd-answer; hit; ttl=\d+", h2["Cache-Status"]), h2["Cache-Status"]
    assert h2["Age"] == "0" and "Age" not in h1
    assert again["answer"] == first["answer"] and again["id"] != first["id"]
    assert s.query(question, cache="no-store")[0]["cache"]["status"] == "bypass"
    assert s.query(question, cache="refresh")[0]["cache"]["status"] == "miss"
    status, _, refused = s.ask("POST", "/query", {"question": "never asked before", "cache": "only"})
    assert status == 504 and "only-if-cached" in refused["detail"], refused
    assert s.ask("DELETE", "/cache")[0] == 204
    assert s.ask("GET", "/cache")[2]["entries"] == 0
    assert s.query(question)[0]["cache"]["status"] == "miss"


@test
def stage_timings_add_up(s):
    s.add(MOON, SUN)
    for i in range(3):
        t = s.query("What is number %d made of?" % i)[0]["timings"]
        parts = sum(v for k, v in t.items() if k != "total_ms")
        assert abs(parts - t["total_ms"]) <= 0.01 * t["total_ms"] + 0.001, t
        assert t["embed_ms"] > 0 and t["other_ms"] >= 0, t


@test
def questions_that_are_refused_say_why(s):
    for body, word in (({}, "question"), ({"question": ""}, "question"), ({"question": 1}, "string"),
                       ({"question": "x", "k": 0}, "k"), ({"question": "x", "tempo": 1}, "tempo"),
                       ({"question": "x", "rerank": "model"}, "rerank.model"),
                       ({"question": "x", "mmr": 1.5}, "from 0 to 1"), ({"question": "x", "window": 4}, "from 0 to 3"),
                       ({"question": "x", "semantic": "loose"}, "off, strict"),
                       ({"question": "x", "answer": "chat"}, "language model"), ([], "object")):
        status, headers, reply = s.ask("POST", "/query", body)
        assert status == 400 and word in reply["detail"], (body, reply)
        assert headers["Content-Type"] == "application/problem+json"
    assert s.ask("POST", "/query", {"question": "x" * 8193})[0] == 413
    for raw in (b"{", b'{"question":"x","question":"y"}', b'{"question":"\xff"}', b"[" * 100 + b"]" * 100):
        assert s.ask("POST", "/query", raw=raw)[0] in (400, 413), raw
    assert s.ask("POST", "/query", raw=b"question=x",
                 headers={"Content-Type": "application/x-www-form-urlencoded"})[0] == 415


@test
def a_batch_keeps_order_and_runs_twins_once(s):
    s.add(MOON, SUN)
    runs = s.ask("GET", "/stats")[2]["runs"]
    questions = ["Where do the mice live?", {"question": "How long does light take?", "k": 1},
                 "Where do the mice live?", {"questio": "x"}, "Where do the mice live?"]
    status, _, reply = s.ask("POST", "/query/batch", {"questions": questions, "concurrency": 2})
    assert status == 200, reply
    r = reply["results"]
    assert len(r) == 5 and r[0]["answer"] == r[2]["answer"] == r[4]["answer"]
    assert r[1]["sources"][0]["document"] == SUN["id"] and r[3]["status"] == 400
    assert reply["timings"]["total_ms"] > 0 and reply["timings"]["distinct"] == 2
    assert s.ask("GET", "/stats")[2]["runs"] == runs + 2
    assert s.ask("POST", "/query/batch", {"questions": []})[0] == 400
    assert s.ask("POST", "/query/batch", {"questions": ["x"] * 257})[0] == 400


def events_of(text):
    out = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and line[0] != ":")
        if fields:
            out.append((fields.get("id"), fields["event"], json.loads(fields["data"])))
    return out


@test
def streams_tell_sources_tokens_citations_done(s):
    s.add(MOON, SUN)
    body = {"question": "What is the moon made of?"}
    plain = s.query(body["question"])[0]
    for _ in range(2):  # the second one from the cache, in the same form
        status, headers, text = s.ask("POST", "/query/stream", body)
        assert status == 200 and headers["Content-Type"] == "text/event-stream"
        events = events_of(text)
        names = [e[1] for e in events]
        assert names[0] == "sources" and names[-1] == "done" and "citation" in names, names
        assert "".join(e[2]["text"] for e in events if e[1] == "token") == plain["answer"]
        assert events[-1][2]["answer"] == plain["answer"]
        ids = [e[0].rsplit("-", 1) for e in events]
        assert len({g for g, _ in ids}) == 1 and [int(n) for _, n in ids] == list(range(len(ids)))
    status, headers, text = s.ask("POST", "/query/stream", body, {"Accept": "text/plain"})
    assert headers["Content-Type"].startswith("text/plain") and text == plain["answer"]


@test
def streams_go_on_where_they_were(s):
    s.add(MOON, SUN)
    body = {"question": "What is the sun made of?"}
    events = events_of(s.ask("POST", "/query/stream", body)[2])
    rest = events_of(s.ask("POST", "/query/stream", body, {"Last-Event-ID": events[1][0]})[2])
    assert rest == events[2:], rest
    other = events_of(s.ask("POST", "/query/stream", {"question": "What is the moon made of?"},
                            {"Last-Event-ID": events[1][0]})[2])
    assert other[0][1] == "reset" and other[1][1] == "sources", other


@test
def identical_questions_at_once_share_one_run(s):
    s.add(MOON, SUN)
    before = s.ask("GET", "/stats")[2]
    question = "Which animals live on the far side of the moon? " + "Tell me more. " * 40
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        replies = [f.result()[0] for f in [pool.submit(s.query, question) for _ in range(24)]]
    after = s.ask("GET", "/stats")[2]
    assert len({r["answer"] for r in replies}) == 1
    assert after["runs"] - before["runs"] == 1, (before["runs"], after["runs"])
    kinds = sorted({r["cache"]["status"] for r in replies})
    assert "miss" in kinds and set(kinds) <= {"miss", "joined", "hit"}, kinds


@test
def the_specification_has_every_route_and_no_other(s):
    spec = s.ask("GET", "/openapi.json")[2]
    told = {(m.upper(), p) for p, ops in spec["paths"].items() for m in ops}
    with open(os.path.join(ROOT, "src/server/routes.c")) as f:
        table = set(re.findall(r'\{"([A-Z]+)", "(/[^"]*)"', f.read()))
    table = {r for r in table if not r[1].startswith("/-/")}  # for our own commands alone
    assert told == table, told ^ table
    text = json.dumps(spec)
    for name in re.findall(r'"#/components/([a-z]+/[A-Za-z]+)"', text):
        kind, item = name.split("/")
        assert item in spec["components"][kind], name


@test
def metrics_are_prometheus_text(s):
    s.query("Anything at all?")
    status, headers, text = s.ask("GET", "/metrics")
    assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    typed = {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in typed, name
            typed[name] = kind
        elif not line.startswith("#"):
            m = re.fullmatch(r'([a-z_]+)(\{(?:[a-z]+="[^"]*",?)*\})? ([0-9.e+-]+|\+Inf|NaN)', line)
            assert m, line
            base = re.sub(r"_(bucket|sum|count)$", "", m.group(1))
            assert m.group(1) in typed or typed.get(base) == "histogram", line
    assert re.search(r'ragd_http_requests_total\{method="POST",route="/query",status="2xx"\} [1-9]', text)
    if shutil.which("promtool"):
        r = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True)
        assert r.returncode == 0, r.stderr


# ---- HTTP itself ----

@test
def other_methods_are_405_with_allow(s):
    status, headers, _ = s.ask("PUT", "/query")
    assert status == 405 and headers["Allow"] == "POST"
    assert status_of(s.raw(b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n")) == 405
    assert s.ask("GET", "/nowhere")[0] == 404
    assert s.ask("GET", "/-/command")[0] == 404


@test
def head_has_the_length_and_no_body(s):
    data = s.raw(b"HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    head, body = data.split(b"\r\n\r\n", 1)
    assert status_of(data) == 200 and b"Content-Length: 15" in head and body == b""


@test
def http_1_0_closes_and_keep_alive_keeps(s):
    data = s.raw(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert status_of(data) == 200 and b"Connection: close" in data
    with s.connect() as c:
        for _ in range(3):
            c.sendall(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert b"keep-alive" in c.recv(4096)


SMUGGLING = {
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n",
    "length and chunked": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
    "unknown coding": b"Transfer-Encoding: cow\r\n",
    "space before colon": b"Content-Length : 2\r\n",
    "folded": b"X: a\r\n b: c\r\nContent-Length: 2\r\n",
    "bare line feed": b"Content-Length: 2\nX: y\r\n",
    "nul": b"X: a\0b\r\nContent-Length: 2\r\n",
}


@test
def the_seven_smuggling_forms_are_refused(s):
    hidden = b"GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for name, lines in SMUGGLING.items():
        bad = b"POST /query HTTP/1.1\r\nHost: localhost\r\n" + lines + b"\r\n{}" + hidden
        for before in (b"", GET, GET * 3):
            data = s.raw(before + bad)
            codes = [int(x) for x in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)]
            n = before.count(b"GET")
            assert codes[:n] == [200] * n, (name, codes)
            assert len(codes) == n + 1 and 400 <= codes[n] < 500, (name, codes)
            assert b"uptime" not in data, name
    print("# R5 | the seven smuggling forms, each alone, behind one request and behind three | %d of %d refused, nothing "
          "of what was hidden in them answered" % (3 * len(SMUGGLING), 3 * len(SMUGGLING)))


@test
def five_hundred_bad_requests(s):
    rng = random.Random(20260301)
    good = post(b"/query", b'{"question":"x"}')
    head_end = good.index(b"\r\n\r\n")
    n_closed = 0
    for i in range(500):
        kind = rng.randrange(5)
        data = bytearray(good)
        if kind == 0:
            at = rng.randrange(head_end)
            data[at] = rng.choice([c for c in b"\0\x01\x0b\x7f\n" if c != data[at]])
        elif kind == 1:
            data[head_end:head_end] = rng.choice(list(SMUGGLING.values()))[:-2].join([b"\r\n", b""])
        elif kind == 2:
            data = bytearray(rng.randbytes(rng.randrange(1, 200)) + b"\r\n\r\n")
        elif kind == 3:
            data = bytearray(post(b"/query", rng.randbytes(rng.randrange(1, 100))))
        else:
            data = data[:rng.randrange(1, len(data))]
        reply = s.raw(bytes(data))
        status = status_of(reply)
        assert status is None and reply == b"" or 400 <= status < 500, (i, kind, bytes(data), reply[:300])
        n_closed += status is None
    assert s.ask("GET", "/healthz")[0] == 200
    print("# R5 | 500 bad requests: bytes that do not belong, broken heads and bodies, noise, cut ends | %d answered 4xx, "
          "%d connections closed without an answer" % (500 - n_closed, n_closed))


@test
def pipelined_requests_are_answered_in_order(s):
    ids = [b"n%d" % i for i in range(100)]
    data = b"".join(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nx-request-id: " + i + b"\r\n\r\n"
                    for i in ids)
    mixed = data + post(b"/query", b'{"question":"What is the sun?"}', b"x-request-id: q\r\n") + GET
    for chunk in (len(mixed), 7, 1000):
        with s.connect() as c:
            for at in range(0, len(mixed), chunk):
                c.sendall(mixed[at:at + chunk])
            c.shutdown(socket.SHUT_WR)
            reply = read_all(c)
        got = re.findall(rb"x-request-id: (\S+)", reply)
        assert got[:101] == ids + [b"q"] and len(got) == 102, (chunk, len(got))


@test
def only_local_names_and_no_foreign_pages(s):
    assert status_of(s.raw(GET.replace(b"localhost", b"evil.example"))) == 421
    assert status_of(s.raw(GET.replace(b"Host: localhost\r\n", b""))) == 400
    foreign = post(b"/query", b'{"question":"x"}', b"Origin: http://evil.example\r\n")
    assert status_of(s.raw(foreign)) == 403
    own = post(b"/query", b'{"question":"x"}', b"Origin: http://localhost:8080\r\n")
    assert status_of(s.raw(own)) == 200


@test
def bounds_are_told_by_name(s):
    big = b"POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    for n in (1048577, 2 ** 63 - 1, 10 ** 30):
        data = s.raw(big % n)
        assert status_of(data) == 413 and b"limits.body_bytes" in data, data
    assert status_of(s.raw(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")) == 414
    assert status_of(s.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 17000 + b"\r\n\r\n")) == 431
    assert status_of(s.raw(b"POST /query HTTP/1.1\r\nHost: localhost\r\n\r\n")) == 411


@test
def expect_100_continue(s):
    body = b'{"question":"x"}'
    with s.connect() as c:
        whole = post(b"/query", body, b"Expect: 100-continue\r\n")
        c.sendall(whole[:-len(body)])
        assert c.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        c.sendall(body)
        assert status_of(c.recv(65536)) == 200


@test
def access_lines_without_the_question(s):
    s.ask("POST", "/query", {"question": "zanzibarquestion"}, {"x-request-id": "look-for-me"})
    deadline = time.monotonic() + 5
    while "look-for-me" not in s.log() and time.monotonic() < deadline:
        time.sleep(0.01)
    line = json.loads([x for x in s.log().splitlines() if "look-for-me" in x][0])
    assert line["route"] == "/query" and line["status"] == 200 and line["ms"] > 0, line
    assert "zanzibarquestion" not in s.log()


# ---- servers of their own ----

@test
def slow_clients_are_dropped_and_others_do_not_wait():
    n = 200
    with Server({"RAGD_LIMITS_RECEIVE_S": "2"}) as s:
        clients = []
        for i in range(n):
            c = s.connect()
            if i % 4 == 1:
                c.sendall(b"GET /heal")
            elif i % 4 == 2:
                c.sendall(post(b"/query", b"x" * 1000)[:-900])
            elif i % 4 == 3:
                c.sendall(GET)
            clients.append(c)
        started = time.monotonic()
        while time.monotonic() - started < 1:
            for c in clients[1::4]:
                try:
                    c.sendall(b"P")  # drips
                except OSError:
                    pass
            t = time.monotonic()
            assert s.ask("GET", "/healthz")[0] == 200
            assert time.monotonic() - t < 1
            time.sleep(0.1)
        time.sleep(max(0, started + 3.5 - time.monotonic()))
        kinds = []
        for i, c in enumerate(clients):
            c.settimeout(0.2)
            try:
                data = read_all(c) if i % 4 != 3 else c.recv(65536)
                kinds.append(status_of(data) or "closed")
            except socket.timeout:
                kinds.append("open")
            c.close()
        assert kinds[0::4] == ["closed"] * (n // 4), kinds[0::4]
        assert kinds[1::4] == kinds[2::4] == [408] * (n // 4), (kinds[1::4], kinds[2::4])
        assert kinds[3::4] == [200] * (n // 4)


@test
def a_client_that_never_reads_costs_little():
    with Server({"RAGD_LIMITS_RECEIVE_S": "2"}) as s:
        c = socket.socket()
        c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.connect(("127.0.0.1", s.port))
        c.settimeout(1)
        want = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200
        try:
            for _ in range(200):
                c.sendall(want)
        except OSError:
            pass  # the server stops reading, and that is the point
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and s.ask("GET", "/stats")[2]["connections"] > 1:
            time.sleep(0.2)
        assert s.ask("GET", "/stats")[2]["connections"] == 1
        c.close()


@test
def too_many_connections_are_told_so():
    with Server({"RAGD_LIMITS_CONNECTIONS": "5"}) as s:
        open_ones = [s.connect() for _ in range(5)]
        for c in open_ones:
            c.sendall(GET)
            assert status_of(c.recv(4096)) == 200
        with s.connect() as c:
            data = read_all(c)
            assert status_of(data) == 503 and b"Retry-After" in data, data
        for c in open_ones:
            c.close()
        time.sleep(0.3)
        assert s.ask("GET", "/healthz")[0] == 200


@test
def overload_is_answered_at_once_and_passes():
    settings = {"RAGD_SERVER_WORKERS": "1", "RAGD_LIMITS_QUEUE": "2"}
    with Server(settings) as s, concurrent.futures.ThreadPoolExecutor(32) as pool:
        s.add(MOON, SUN)
        replies = list(pool.map(lambda i: s.ask("POST", "/query", {"question": "Is it %d mice?" % i}),
                                range(300)))
        for status, headers, reply in replies:
            if status == 503:
                assert int(headers["Retry-After"]) >= 1 and reply["code"] == "busy", reply
            else:
                assert status == 200 and reply["sources"], reply
        assert any(r[0] == 200 for r in replies)
        assert s.query("Is it over?")[0]["sources"]
        busy = sum(r[0] == 503 for r in replies)
        assert re.search(r"^ragd_busy_total %d$" % busy, s.ask("GET", "/metrics")[2], re.M), busy


@test
def stopping_under_load_answers_every_request_twenty_times():
    data = tempfile.mkdtemp(prefix="ragd-server.")
    try:
        for i in range(20):
            s = Server(data=data, loops=1 + i % 2)
            if i == 0:
                s.add(MOON, SUN)
            failures, stop = [], threading.Event()

            def load(k):
                j = 0
                while not stop.is_set():
                    j += 1
                    try:
                        c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=30)
                        c.connect()
                    except OSError:
                        return  # not accepted any more
                    try:
                        c.request("POST", "/query", json.dumps({"question": "Mice %d %d?" % (k, j)}),
                                  {"Content-Type": "application/json"})
                        r = c.getresponse()
                        r.read()
                        if r.status != 200:
                            failures.append(r.status)
                    except (OSError, http.client.HTTPException) as e:
                        failures.append(repr(e))
                    c.close()

            threads = [threading.Thread(target=load, args=(k,)) for k in range(4)]
            for t in threads:
                t.start()
            time.sleep(0.1 + 0.02 * i)
            code = s.stop(keep=True)
            stop.set()
            for t in threads:
                t.join()
            assert code == 0, (i, code, s.log()[-2000:])
            assert not failures, (i, failures)
            assert not os.path.exists(os.path.join(data, "ragd.sock"))
    finally:
        shutil.rmtree(data, ignore_errors=True)


@test
def not_ready_while_stopping():
    s = Server()
    with s.connect() as c:
        c.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert status_of(c.recv(4096)) == 200
        s.process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
        c.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        data = read_all(c)
        assert status_of(data) == 503 and b"Connection: close" in data, data
    assert s.stop() == 0


@test
def several_loops_serve_together():
    with Server(loops=3) as s:
        s.add(MOON, SUN)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            jobs = [pool.submit(s.query, "What is the moon made of? %d" % (i % 7)) for i in range(200)]
            assert all("cheese" in j.result()[0]["answer"] for j in jobs)


@test
def the_local_socket_is_the_owners_alone():
    with Server() as s:
        path = os.path.join(s.data, "ragd.sock")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as c:
            c.connect(path)
            c.sendall(b"GET /version HTTP/1.0\r\n\r\n")
            assert status_of(read_all(c)) == 200


def run_command(s, *words):
    return subprocess.run([RAGD] + list(words) + ["--data", s.data], capture_output=True, timeout=120,
                          env=dict(os.environ, RAGD_MODEL_PATH=MODEL))


@test
def commands_are_carried_out_by_the_server():
    with Server() as s:
        path = os.path.join(s.data, "note.md")
        with open(path, "w") as f:
            f.write("# Ducks\n\nThe ducks of the pond eat duckweed.\n")
        r = run_command(s, "ingest", "--json", path)
        assert r.returncode == 0, (r.stdout, r.stderr)
        assert json.loads(r.stdout)["documents"] == 1, r.stdout
        assert "duckweed" in s.query("What do the ducks eat?")[0]["answer"]
        with open(path, "w") as f:
            f.write("# Ducks\n\nThe ducks of the pond eat bread.\n")
        assert run_command(s, "ingest", path).returncode == 0
        assert "bread" in s.query("What do the ducks eat?")[0]["answer"]
        r = run_command(s, "query", "--json", "What do the ducks eat?")
        assert "bread" in json.loads(r.stdout)["answer"], r.stdout
        assert run_command(s, "query", "-k", "0", "x").returncode == 2
        os.unlink(path)


@test
def a_stale_socket_file_is_in_nobodys_way():
    s = Server()
    s.process.kill()
    s.process.wait()
    s.log_file.close()
    assert os.path.exists(os.path.join(s.data, "ragd.sock"))
    with Server(data=s.data) as again:
        assert again.ask("GET", "/healthz")[0] == 200


@test
def other_machines_are_not_served_without_keys():
    data = tempfile.mkdtemp(prefix="ragd-server.")
    try:
        for address in ("0.0.0.0:0", "[::]:0"):
            r = subprocess.run([RAGD, "serve", "--data", data, "--listen", address], timeout=60,
                               capture_output=True, env=dict(os.environ, RAGD_MODEL_PATH=MODEL))
            assert r.returncode == 2 and b"127.0.0.1" in r.stderr, (r.returncode, r.stderr)
    finally:
        shutil.rmtree(data, ignore_errors=True)


def quote(s):
    import urllib.parse
    return urllib.parse.quote(s, safe="")


def main():
    chosen = tap.chosen(TESTS)
    if not os.path.exists(os.path.join(MODEL, "model.safetensors")):
        return tap.skip_all(chosen, "needs the model (make model, or RAGD_MODEL_PATH)")
    shared = []

    def call(fn):
        if fn.__code__.co_argcount and not shared:
            shared.append(Server())
        fn(*shared[:fn.__code__.co_argcount])

    code = tap.run(chosen, call)
    for s in shared:
        ended = s.stop()
        if ended != 0:
            print("Bail out! the server ended with %d" % ended)
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
