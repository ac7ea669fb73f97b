#!/usr/bin/env python3
"""Documents that come while the server runs: acknowledged for good, sent once, in the background, by
themselves (ingest --watch). Real clients: curl, requests, httpx.

Speaks TAP. RAGD_BUILD is the build folder (build/debug when it is not set). The encoder is a random
one of a few thousand weights: it is not meaning that is tested.
"""
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CLIENTS = os.path.join(ROOT, "build/clients/bin/python")
sys.path.insert(0, os.path.join(HERE, "../support"))
sys.path.insert(0, os.path.join(HERE, "../quality"))
os.environ.setdefault("RAGD_BUILD", os.path.join(ROOT, "build/debug"))
try:
    import httpx
    import requests
except ImportError:
    if os.path.exists(CLIENTS) and os.path.realpath(sys.prefix) != os.path.realpath(os.path.join(ROOT, "build/clients")):
        os.execv(CLIENTS, [CLIENTS] + sys.argv)
    httpx = requests = None
import service
import tap
import tiny_model

TESTS = []
# A leak check of a process that was killed says nothing about leaks.
ENV = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def test(fn):
    TESTS.append(fn)
    return fn


def need_clients():
    if not httpx:
        raise tap.Skip("needs httpx and requests (scripts/client-venv)")


class Place:
    """A folder with a data folder in it, for one test."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="ragd-documents.")
        self.data = os.path.join(self.dir, "data")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)


def word(n):
    return "w%dx" % n


def documents(first, n):
    return [{"id": "d%d" % i, "text": "The word of this one is %s." % word(i)} for i in range(first, first + n)]


def found(client, query):
    """The documents whose text has the word."""
    status, reply = client.ask("POST", "/search", {"question": query, "mode": "keyword"})
    if status == 404:
        return set()
    assert status == 200, reply
    return {h["document"] for h in reply["hits"] if query in h["text"]}


def until(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def url(server, path):
    return "http://127.0.0.1:%d%s" % (server.port, path)


# ---- acknowledged means there ----

@test
def what_was_acknowledged_answers_after_a_kill_9(_):
    with Place() as p:
        for i in range(6):
            with service.Server(p.data, env=ENV) as server:
                client = service.Client(server.port)
                reply = client.post("/documents", documents=documents(i * 5, 5))
                server.stop(signal.SIGKILL)
                assert [d["status"] for d in reply["documents"]] == ["ingested"] * 5, reply
        with service.Server(p.data, env=ENV) as server:
            client = service.Client(server.port)
            for i in range(30):
                assert found(client, word(i)) == {"d%d" % i}, i
            client.close()


@test
def without_room_it_says_507_and_goes_on_answering(_):
    if os.geteuid() != 0 and resource.getrlimit(resource.RLIMIT_FSIZE)[1] != resource.RLIM_INFINITY:
        raise tap.Skip("needs to set a limit on file sizes")
    with Place() as p:
        with service.Server(p.data, env=ENV) as server:
            client = service.Client(server.port)
            client.post("/documents", documents=documents(0, 5))
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (8 << 20, resource.RLIM_INFINITY))
            for i in range(1, 100):
                text = "\n\n".join("Sentence %d of document %d." % (s, i) for s in range(4000))
                status, reply = client.ask("POST", "/documents", {"documents": [{"id": "big%d" % i, "text": text}]})
                if status != 200:
                    break
            assert status == 507, (status, reply)
            assert reply["code"] == "no-space", reply
            assert found(client, word(3)) == {"d3"}
            resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            reply = client.post("/documents", documents=documents(100, 1))
            assert reply["documents"][0]["status"] == "ingested", reply
            client.close()
        with service.Server(p.data, env=ENV) as server:
            client = service.Client(server.port)
            assert found(client, word(3)) == {"d3"} and found(client, word(100)) == {"d100"}
            client.close()


# ---- once ----

@test
def a_key_is_worked_on_once_and_its_reply_comes_again(_):
    need_clients()
    with Place() as p, service.Server(p.data, env=ENV) as server, httpx.Client(timeout=120) as http:
        key = {"Idempotency-Key": '"c0ffee-1"'}
        first = http.post(url(server, "/documents"), json={"documents": documents(0, 3)}, headers=key)
        again = http.post(url(server, "/documents"), json={"documents": documents(0, 3)}, headers=key)
        assert first.status_code == again.status_code == 200
        assert first.json() == again.json() and again.headers["idempotent-replayed"] == "true"
        other = http.post(url(server, "/documents"), json={"documents": documents(3, 1)}, headers=key)
        assert other.status_code == 422, other.text
        assert other.headers["content-type"] == "application/problem+json", other.headers
        bad = http.post(url(server, "/documents"), json={"documents": []}, headers={"Idempotency-Key": '"x'})
        assert bad.status_code == 400 and "Idempotency-Key" in bad.json()["detail"], bad.text
        wrong = {"Idempotency-Key": "wrong"}
        for _ in range(2):
            r = http.post(url(server, "/documents"), json={"documents": 1}, headers=wrong)
            assert r.status_code == 400 and "'documents'" in r.json()["detail"], r.text


@test
def while_the_first_is_under_way_its_key_is_a_conflict(_):
    need_clients()
    with Place() as p, service.Server(p.data, env=ENV) as server:
        body = {"documents": documents(0, 3000)}
        replies = []

        def send():
            r = requests.post(url(server, "/documents"), json=body, headers={"Idempotency-Key": "k"}, timeout=600)
            replies.append(r)

        threads = [threading.Thread(target=send) for _ in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        statuses = sorted(r.status_code for r in replies)
        assert statuses[0] == 200 and set(statuses) <= {200, 409}, statuses
        assert statuses.count(200) == 1 or any("idempotent-replayed" in r.headers for r in replies), statuses
        for r in replies:
            if r.status_code == 409:
                assert r.headers["retry-after"] == "1", r.headers
        send()
        assert replies[-1].status_code == 200 and replies[-1].headers["idempotent-replayed"] == "true"


# ---- in the background ----

def await_job(http, at):
    while True:
        job = http.get(at, headers={"Prefer": "wait=10"}).json()
        if job["state"] not in ("queued", "running"):
            return job


@test
def curl_sends_files_as_a_job_and_each_is_told(_):
    need_clients()
    with Place() as p, service.Server(p.data, env=ENV) as server, httpx.Client(timeout=120) as http:
        p.write("empty.txt", "")
        p.write("program.exe", "MZ")
        files = [os.path.join(ROOT, "examples/finance", n) for n in ("aml-program.pdf", "capital.md", "reporting.docx")]
        words = ["curl", "-sS", "-D", "-", "-H", "Prefer: respond-async", "-F", "collection=finance",
                 "-F", 'metadata={"year":2024}']
        for f in files + [p.path("empty.txt"), p.path("program.exe")]:
            words += ["-F", "file=@" + f]
        out = subprocess.run(words + [url(server, "/documents")], stdout=subprocess.PIPE, text=True, check=True).stdout
        head, body = out.split("\n\n")[-2:]
        assert " 202 " in head.split("\n")[0], out
        at = [line.split(": ")[1] for line in head.split("\n") if line.lower().startswith("location: ")][0]
        assert json.loads(body)["total"] == 5, body
        job = await_job(http, url(server, at))
        assert job["state"] == "done" and job["done"] == 5 and job["ingested"] == 3, job
        assert {r["id"] for r in job["refused"]} == {"empty.txt", "program.exe"}, job
        listed = http.get(url(server, "/documents?collection=finance")).json()["documents"]
        assert {d["id"] for d in listed} == {os.path.basename(f) for f in files}, listed
        assert all(d["metadata"]["year"] == 2024 for d in listed), listed


@test
def python_requests_sends_files_and_hears_of_each(_):
    need_clients()
    with Place() as p, service.Server(p.data, env=ENV) as server:
        with open(os.path.join(ROOT, "examples/finance/aml-program.pdf"), "rb") as pdf:
            r = requests.post(url(server, "/documents"), timeout=120,
                              files=[("files", ("aml.pdf", pdf, "application/pdf")),
                                     ("files", ("broken.pdf", b"%PDF-1.4 nothing", "application/pdf")),
                                     ("files", ("\u00e4.txt", "A word of its own: w7x.".encode()))])
        assert r.status_code == 200, r.text
        assert [d["status"] for d in r.json()["documents"]] == ["ingested", "refused", "ingested"], r.text
        client = service.Client(server.port)
        assert found(client, word(7)) == {"\u00e4.txt"}
        client.close()


@test
def a_cancelled_job_keeps_what_is_in_and_counts_it(_):
    need_clients()
    with Place() as p, service.Server(p.data, env=ENV) as server, httpx.Client(timeout=120) as http:
        r = http.post(url(server, "/documents"), json={"documents": documents(0, 9000)},
                      headers={"Prefer": "respond-async"})
        assert r.status_code == 202, r.text
        at = url(server, r.headers["location"])
        until("the job has begun", lambda: http.get(at).json()["done"] > 0)
        http.delete(at)
        job = await_job(http, at)
        assert job["state"] == "cancelled" and 0 < job["done"] == job["ingested"] < 9000, job
        assert http.get(url(server, "/collections")).json()["collections"][0]["documents"] == job["done"], job
        assert http.get(url(server, "/jobs")).json()["jobs"][0]["id"] == job["id"]


@test
def a_server_that_stops_ends_its_job_between_documents_and_says_so(_):
    need_clients()
    with Place() as p:
        with service.Server(p.data) as server, httpx.Client(timeout=120) as http:
            r = http.post(url(server, "/documents"), json={"documents": documents(0, 9000)},
                          headers={"Prefer": "respond-async"})
            at = url(server, r.headers["location"])
            until("the job has begun", lambda: http.get(at).json()["done"] > 0)
            http.close()
            assert server.stop() == 0
            line = [json.loads(s) for s in server.said if '"job_cancelled"' in s]
            assert line and line[0]["error"] == "the server stopped", server.said
        with service.Server(p.data) as server:
            client = service.Client(server.port)
            n = client.ask("GET", "/collections")[1]["collections"][0]["documents"]
            assert n == line[0]["done"] > 0, (n, line)
            client.close()


# ---- by themselves ----

class Watching:
    """`ragd ingest --watch` on folders of a place, until the with-block ends."""

    def __init__(self, place, *words):
        self.process = subprocess.Popen([service.RAGD, "ingest", "--data", place.data, "--watch", *words],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.complaints = [], []
        self.readers = [threading.Thread(target=self.read, args=of, daemon=True) for of in (
            (self.process.stdout, self.lines), (self.process.stderr, self.complaints))]
        for r in self.readers:
            r.start()

    @staticmethod
    def read(stream, lines):
        for line in stream:
            lines.append(line)

    def __enter__(self):
        until("it watches", lambda: any("watching" in s for s in self.complaints) or self.process.poll() is not None)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.ended()
        self.process.stdout.close()
        self.process.stderr.close()

    def ended(self):
        code = self.process.wait(60)
        for r in self.readers:
            r.join(10)
        return code

    def stop(self):
        """Ctrl-C; the exit code and what was said last."""
        self.process.send_signal(signal.SIGINT)
        return self.ended(), "".join(self.lines[-2:])


def go_through_changes(p, there):
    """there(n): the documents with the word of n."""
    p.write("docs/a.txt", "First %s." % word(1))
    until("a new file", lambda: there(1) == {"a.txt"})
    p.write("docs/a.txt", "Changed in place %s." % word(2))
    until("a change in place", lambda: there(2) == {"a.txt"} and not there(1))
    p.write("docs/.a.txt.tmp", "Renamed over %s." % word(3))
    os.rename(p.path("docs/.a.txt.tmp"), p.path("docs/a.txt"))
    until("a rename over it", lambda: there(3) == {"a.txt"} and not there(2))
    p.write("elsewhere/deep/b.md", "In a folder %s." % word(4))
    p.write("elsewhere/deep/b.md~", "A backup %s." % word(5))
    p.write("elsewhere/deep/.b.md.swp", "A swap file %s." % word(5))
    os.rename(p.path("elsewhere"), p.path("docs/moved"))
    until("a folder moved in", lambda: there(4) == {"moved/deep/b.md"})
    p.write("docs/moved/deep/c.txt", "In a folder that came %s." % word(6))
    until("a file in it", lambda: there(6) == {"moved/deep/c.txt"})
    os.remove(p.path("docs/a.txt"))
    until("a file removed", lambda: not there(3))
    assert not there(5)


@test
def watching_with_a_server_takes_in_each_change_and_ctrl_c_ends_it_there(_):
    with Place() as p, service.Server(p.data) as server:
        client = service.Client(server.port)
        p.write("docs/kept.txt", "This one stays %s." % word(9))
        p.write("docs/kept2.txt", "And so does this one.")
        with Watching(p, "--prune", p.path("docs")) as w:
            go_through_changes(p, lambda n: found(client, word(n)))
            assert found(client, word(9)) == {"kept.txt"}
            code, summary = w.stop()
            assert code == 0, (code, w.lines, w.complaints)
            assert "7 documents" in summary and "1 removed" in summary, w.lines
        p.write("docs/late.txt", "Too late %s." % word(8))
        time.sleep(1)
        assert not found(client, word(8))
        client.close()


@test
def watching_without_a_server_does_the_same(_):
    with Place() as p:
        p.write("docs/kept.txt", "This one stays %s." % word(9))
        with Watching(p, p.path("docs")) as w:
            p.write("docs/one.txt", "Another %s." % word(1))
            until("a pass", lambda: any(s.startswith("1 document in 1 chunk, 0 removed") for s in w.lines))
            code, summary = w.stop()
            assert code == 0 and summary.startswith("2 documents in 2 chunks"), (code, w.lines, w.complaints)
        with Watching(p, "--json", p.path("docs")) as w:
            assert w.stop()[0] == 0, w.complaints
            report = json.loads("".join(w.lines))
            assert report["documents"] == 0 and report["unchanged"] == 2, report
        with service.Server(p.data) as server:
            client = service.Client(server.port)
            assert found(client, word(1)) == {"one.txt"} and found(client, word(9)) == {"kept.txt"}
            client.close()


@test
def watching_ends_with_its_server_and_with_its_folder(_):
    with Place() as p:
        p.write("docs/kept.txt", "This one stays.")
        with service.Server(p.data) as server:
            with Watching(p, p.path("docs")) as w:
                begin = time.monotonic()
                assert server.stop() == 0
                assert w.ended() == 0 and time.monotonic() - begin < 20
        with Watching(p, p.path("docs")) as w:
            shutil.rmtree(p.path("docs"))
            assert w.ended() == 1
            assert any("not there any more" in s for s in w.complaints), w.complaints


def main():
    with Place() as p:
        os.environ["RAGD_MODEL_PATH"] = ENV["RAGD_MODEL_PATH"] = tiny_model.write(p.path("model"))
        return tap.run(tap.chosen(TESTS), lambda fn: fn(p))


if __name__ == "__main__":
    sys.exit(main())
