#!/usr/bin/env python3
"""ragd with an embedding server: fine, failing in every way, away, back.

The server is one of ours in this process: its vectors add up the hashes of words. Speaks TAP.
"""
import base64
import concurrent.futures
import http.client
import http.server
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../support"))
import tap

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RAGD = os.path.join(os.environ.get("RAGD_BUILD", os.path.join(ROOT, "build/debug")), "ragd")
KEY = "sesame-42-of-the-test"
DIM = 64
TIMEOUT_MS = 1000
TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


# ---- the embedding server ----

def vector(text, dim=DIM):
    v = [0.0] * dim
    v[0] = 0.01
    for word in re.findall(r"[a-z0-9]+", text.lower()):
        v[zlib.crc32(word.encode()) % dim] += 1.0
    return v


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.owner.sockets.append(self.request)

    def log_message(self, *args):
        pass

    def send(self, status, body, extra=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in extra:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.server.owner.fault is None and self.path == "/info":
            self.send(200, {"model_id": "fake/words", "max_input_length": 512,
                            "max_client_batch_size": 8})
        else:
            self.send(503, {"error": "away"})

    def do_POST(self):
        owner = self.server.owner
        ask = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        owner.n_requests += 1
        owner.keys.add(self.headers.get("Authorization"))
        try:
            getattr(self, "fault_" + owner.fault if owner.fault else "fine")(ask)
        except OSError:
            self.close_connection = True  # the client has left

    def reply_to(self, ask, dim=DIM, change=None):
        texts = ask.get("input", ask.get("inputs"))
        self.server.owner.most = max(self.server.owner.most, len(texts))
        vectors = [vector(t, dim) for t in texts]
        if change:
            change(vectors)
        if "inputs" in ask:
            return vectors
        if ask.get("encoding_format") == "base64":
            vectors = [base64.b64encode(struct.pack("<%df" % len(v), *v)).decode() for v in vectors]
        data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
        return {"object": "list", "data": data[::-1], "model": ask["model"], "usage": {}}

    def fine(self, ask):
        self.send(200, self.reply_to(ask))

    def fault_silent(self, ask):
        self.server.owner.pause(20)
        self.close_connection = True

    def fault_late(self, ask):
        self.server.owner.pause(5)
        self.fine(ask)

    def fault_slow(self, ask):
        self.server.owner.pause(0.1)
        self.fine(ask)

    def fault_cut(self, ask):
        data = json.dumps(self.reply_to(ask)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:len(data) // 2])
        self.close_connection = True

    def fault_garbage(self, ask):
        self.wfile.write(os.urandom(200))
        self.close_connection = True

    def fault_page(self, ask):
        self.send(200, b"<html>welcome</html>")

    def fault_wrong_type(self, ask):
        self.send(200, {"data": {"0": "soon"}})

    def fault_429(self, ask):
        self.send(429, {"error": "slow down"}, [("Retry-After", "30")])

    def fault_500(self, ask):
        self.send(500, {"error": "oops"})

    def fault_endless(self, ask):
        self.send_response(200)
        self.end_headers()
        while not self.server.owner.stopping:
            self.wfile.write(b" " * 65536)

    def fault_wrong_dimension(self, ask):
        self.send(200, self.reply_to(ask, DIM - 1))

    def fault_nan(self, ask):
        def spoil(vectors):
            vectors[0][3] = float("nan")
        self.send(200, self.reply_to(ask, change=spoil))

    def fault_poison(self, ask):
        if any("poison" in t for t in ask.get("input", ask.get("inputs"))):
            self.send(400, {"error": "I do not like this"})
        else:
            self.fine(ask)

    def fault_slow_poison(self, ask):
        self.server.owner.pause(0.05)
        self.fault_poison(ask)


FAULTS = ["silent", "late", "cut", "garbage", "page", "wrong_type", "429", "500", "endless",
          "wrong_dimension", "nan"]


class QuietServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # of five, more that connect at once wait a second

    def handle_error(self, request, client_address):
        pass  # a client that has left


class Embedding:
    """The fake server; may die and be born again on the same port."""

    def __init__(self):
        self.fault = None
        self.stopping = False
        self.keys = set()
        self.sockets = []
        self.n_requests = self.most = 0
        self.port = 0
        self.start()

    def start(self):
        self.http = QuietServer(("127.0.0.1", self.port), Handler)
        self.http.owner = self
        self.port = self.http.server_address[1]
        self.stopping = False
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def die(self):
        self.stopping = True
        self.http.shutdown()
        self.http.server_close()
        for s in self.sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended already
        self.sockets = []

    def pause(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.stopping:
            time.sleep(0.05)


# ---- ragd ----

def environment(server, kind):
    path = "/v1" if kind == "openai" else ""
    env = dict(os.environ, RAGD_EMBED_KIND=kind, RAGD_TEST_KEY=KEY,
               RAGD_EMBED_URL="http://127.0.0.1:%d%s" % (server.port, path),
               RAGD_EMBED_MODEL="fake/words", RAGD_EMBED_KEY_ENV="RAGD_TEST_KEY",
               RAGD_EMBED_TIMEOUT_MS=str(TIMEOUT_MS))
    env.pop("RAGD_MODEL_PATH", None)
    return env


class Ragd:
    """`ragd serve` on a fresh folder, embedding with `server`."""

    def __init__(self, server, kind="openai"):
        self.data = tempfile.mkdtemp(prefix="ragd-remote.")
        self.env = environment(server, kind)
        self.start()

    def start(self):
        self.log_path = os.path.join(self.data, "log")
        self.log_file = open(self.log_path, "ab")
        at = self.log_file.tell()
        self.process = subprocess.Popen(
            [RAGD, "serve", "--data", self.data, "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL, stdout=self.log_file, stderr=self.log_file, env=self.env)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            found = re.search(r'"event":"listening".*?"port":(\d+)', self.log()[at:])
            if found:
                self.port = int(found.group(1))
                return
            time.sleep(0.02)
        raise AssertionError("does not listen: " + self.log())

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.log_file.close()
        return code

    def __enter__(self):
        return self

    def __exit__(self, kind, value, tb):
        if self.process.poll() is None:
            code = self.stop()
            assert kind or code == 0, "exit code %d: %s" % (code, self.log())
        assert kind or KEY not in self.log(), "the key is in the log"
        shutil.rmtree(self.data, ignore_errors=True)

    def ask(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        c.request(method, path, json.dumps(body) if body is not None else None,
                  {"Content-Type": "application/json"})
        r = c.getresponse()
        text = r.read().decode()
        c.close()
        assert KEY not in text, text
        kind = r.headers.get("Content-Type", "")
        return r.status, json.loads(text) if "json" in kind else text

    def add(self, **documents):
        status, reply = self.ask("POST", "/documents", {
            "documents": [{"id": k, "text": v} for k, v in documents.items()]})
        assert status == 200, reply
        return {d["id"]: d for d in reply["documents"]}

    def fill(self):
        got = self.add(capital="The minimum CET1 ratio is 4.5 percent of risk-weighted assets.",
                       reports="Copies of suspicious activity reports are kept for five years.")
        assert all(d["status"] == "ingested" for d in got.values()), got

    def query(self, question, **members):
        start = time.monotonic()
        status, reply = self.ask("POST", "/query", dict(members, question=question))
        return status, reply, time.monotonic() - start

    def recovered_after(self):
        """Seconds until a question is answered in full again."""
        start = time.monotonic()
        while time.monotonic() - start < 15:
            status, reply, _ = self.query("What is the minimum CET1 ratio?", cache="no-store")
            if status == 200 and reply["degraded"] == []:
                break
            time.sleep(0.1)
        return time.monotonic() - start


# ---- tests ----

def answers(kind):
    server = Embedding()
    with Ragd(server, kind) as r:
        r.fill()
        status, reply, _ = r.query("What is the minimum CET1 ratio?")
        assert status == 200 and reply["answered"] and reply["degraded"] == [], reply
        assert "4.5 percent" in reply["answer"], reply
        assert reply["sources"][0]["document"] == "capital", reply
        assert reply["sources"][0]["scores"]["vector"] > 0.3, reply
        status, reply, _ = r.query("CET1 ratio", mode="vector")
        assert status == 200 and reply["sources"][0]["document"] == "capital", reply
        status, reply, _ = r.query("What is the minimum CET1 ratio?")
        assert reply["cache"]["status"] == "hit", reply
        _, version = r.ask("GET", "/version")
        assert version["embedder"] == kind and version["dimensions"] == DIM, version
        assert version["model"] == "fake/words", version
        _, page = r.ask("GET", "/metrics")
        assert "ragd_embed_breaker_open 0" in page, page
        assert "ragd_embed_waiting 0" in page, page
        assert server.keys == {"Bearer " + KEY}, server.keys
    server.die()


@test
def openai_embeds_documents_and_questions():
    answers("openai")


@test
def text_embeddings_inference_embeds_documents_and_questions():
    answers("tei")


@test
def a_long_document_goes_in_batches_that_the_server_takes():
    server = Embedding()
    with Ragd(server, "tei") as r:
        text = " ".join("Clause %d says that bank number %d keeps a reserve." % (i, i * 7)
                        for i in range(2000))
        got = r.add(long=text)
        assert got["long"]["status"] == "ingested" and got["long"]["chunks"] > 50, got
        assert 1 < server.most <= 8, server.most
        status, reply, _ = r.query("What does clause 1234 say?", k=3)
        assert status == 200 and reply["degraded"] == [], reply
    server.die()


@test
def different_questions_of_a_batch_share_requests():
    server = Embedding()
    with Ragd(server) as r:
        r.fill()
        server.fault, server.n_requests, server.most = "slow", 0, 0
        status, reply = r.ask("POST", "/query/batch", {
            "questions": ["What is the minimum CET1 ratio, asker %d?" % i for i in range(64)]})
        assert status == 200, reply
        for i, answer in enumerate(reply["results"]):
            assert answer["degraded"] == [], (i, answer)
            assert answer["sources"][0]["scores"]["vector"] > 0.3, (i, answer)
        print("# 64 questions: %d requests, %d texts at most" % (server.n_requests, server.most))
        assert server.n_requests <= 48 and server.most > 1, (server.n_requests, server.most)
    server.die()


@test
def a_question_that_the_server_refuses_fails_no_other():
    server = Embedding()
    with Ragd(server) as r:
        r.fill()
        server.fault = "slow_poison"
        status, reply = r.ask("POST", "/query/batch", {
            "questions": ["Minimum CET1 ratio, %s %d?" % ("poison" if i % 10 == 7 else "asker", i)
                          for i in range(64)]})
        assert status == 200, reply
        for i, answer in enumerate(reply["results"]):
            assert answer["degraded"] == (["embed"] if i % 10 == 7 else []), (i, answer)
    server.die()


def fails_well(kind):
    """Every fault: a degraded answer, or a clear error, in time; and back within ten seconds."""
    server = Embedding()
    slowest = latest = n = 0
    with Ragd(server, kind) as r:
        r.fill()
        for fault in FAULTS:
            if fault == "nan" and kind == "tei":
                continue  # JSON has none: that is garbage
            server.fault = fault
            for i in range(2):
                status, reply, seconds = r.query("What is the minimum CET1 ratio %d?" % i,
                                                 cache="no-store")
                assert status == 200, (fault, reply)
                assert reply["degraded"] == ["embed"], (fault, reply)
                assert "4.5 percent" in reply["answer"], (fault, reply)
                assert seconds < TIMEOUT_MS / 1000 + 4, (fault, seconds)
                slowest, n = max(slowest, seconds), n + 1
            status, reply, seconds = r.query("CET1", mode="vector", cache="no-store")
            assert status in (503, 504), (fault, status, reply)
            assert "embedding server" in reply["detail"], (fault, reply)
            assert "127.0.0.1:%d" % server.port in reply["detail"], (fault, reply)
            assert seconds < TIMEOUT_MS / 1000 + 4, (fault, seconds)
            server.fault = None
            took = r.recovered_after()
            assert took < 10, (fault, took)
            latest = max(latest, took)
    server.die()
    print("# R8 | embedding server (%s) with %d faults: %s | %d of %d questions answered by words, at most %.1f s "
          "with a limit of %.1f s; in use again %.1f s after at most" %
          (kind, len(FAULTS), ", ".join(FAULTS), n, n, slowest, TIMEOUT_MS / 1000, latest))


@test
def every_fault_of_an_openai_server_is_a_degraded_answer():
    fails_well("openai")


@test
def every_fault_of_a_text_embeddings_inference_server_is_a_degraded_answer():
    fails_well("tei")


@test
def a_dead_server_costs_many_askers_no_deadline_each():
    server = Embedding()
    with Ragd(server) as r:
        r.fill()
        server.fault = "silent"
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            start = time.monotonic()
            got = list(pool.map(lambda i: r.query("CET1 ratio number %d" % i), range(200)))
            seconds = time.monotonic() - start
        assert all(status == 200 and reply["degraded"] == ["embed"] for status, reply, _ in got)
        assert server.n_requests < 60, server.n_requests
        assert seconds < 60, seconds  # one deadline after the other would be 200
        _, page = r.ask("GET", "/metrics")
        assert "ragd_embed_breaker_open 1" in page, page
        server.stopping = True
    server.die()


@test
def a_deadline_bounds_the_wait_for_the_server():
    server = Embedding()
    with Ragd(server) as r:
        r.fill()
        server.fault = "silent"
        status, reply, seconds = r.query("What is the minimum CET1 ratio?", deadline_ms=600)
        assert status == 200 and "embed" in reply["degraded"], reply
        assert reply["timings"]["embed_ms"] < 600, reply
        server.stopping = True
    server.die()


@test
def documents_that_cannot_be_embedded_are_refused_and_not_kept():
    server = Embedding()
    with Ragd(server) as r:
        r.fill()
        server.fault = "poison"
        got = r.add(a="A sound text.", b="This one is poison.", c="Another sound text.")
        assert got["a"]["status"] == got["c"]["status"] == "ingested", got
        assert got["b"]["status"] == "refused", got
        assert "I do not like this" in got["b"]["reason"], got
        server.die()
        got = r.add(d="A text for nobody.", capital="The ratio is something else.")
        assert got["d"]["status"] == got["capital"]["status"] == "refused", got
        assert "embedding server" in got["d"]["reason"], got
        status, listed = r.ask("GET", "/documents")
        assert {d["id"] for d in listed["documents"]} == {"a", "c", "capital", "reports"}, listed
        status, reply, _ = r.query("What is the minimum CET1 ratio?")
        assert status == 200 and "4.5 percent" in reply["answer"], reply
        server.fault = None
        server.start()
        assert r.recovered_after() < 10
        assert r.add(d="A text for nobody.")["d"]["status"] == "ingested"
    server.die()


@test
def ragd_starts_and_answers_while_its_server_is_away():
    server = Embedding()
    with Ragd(server) as r:
        r.fill()
        assert r.stop() == 0
        server.die()
        r.start()
        assert '"event":"embedding_server_away"' in r.log(), r.log()
        status, reply, _ = r.query("What is the minimum CET1 ratio?")
        assert status == 200 and reply["degraded"] == ["embed"], reply
        assert "4.5 percent" in reply["answer"], reply
        server.start()
        assert r.recovered_after() < 10
        status, reply, _ = r.query("CET1 ratio", mode="vector")
        assert status == 200 and reply["sources"][0]["document"] == "capital", reply
    server.die()


def command(server, folder, *words):
    return subprocess.run([RAGD, *words[:1], "--data", os.path.join(folder, "data"), *words[1:]],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                          stdin=subprocess.DEVNULL, env=environment(server, "openai"), check=False)


@test
def commands_say_which_file_was_refused_and_why():
    server = Embedding()
    folder = tempfile.mkdtemp(prefix="ragd-remote.")
    os.mkdir(os.path.join(folder, "docs"))
    for name, text in (("good.txt", "Banks hold capital."), ("bad.txt", "This is poison.")):
        with open(os.path.join(folder, "docs", name), "w") as f:
            f.write(text + "\n")
    server.fault = "poison"
    got = command(server, folder, "ingest", "--json", os.path.join(folder, "docs"))
    assert got.returncode == 3, got
    report = json.loads(got.stdout)
    assert report["documents"] == 1, report
    assert [os.path.basename(x["path"]) for x in report["refused"]] == ["bad.txt"], report
    assert "I do not like this" in report["refused"][0]["reason"], report
    server.die()
    got = command(server, folder, "query", "Who holds capital?")
    assert got.returncode == 0 and "Banks hold capital" in got.stdout, got
    assert "embed" in got.stdout + got.stderr, got
    shutil.rmtree(folder)


def main():
    return tap.run(tap.chosen(TESTS), lambda fn: fn())


if __name__ == "__main__":
    sys.exit(main())
