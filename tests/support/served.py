"""A server at work on documents that change and documents that do not, and what may come back.

Every reply is the right one, or an error that says something, or the connection ends; each method
returns a list of what is wrong with what came. What each changing document may be is test_kill's
business; the others are the shelf's.
"""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("../quality", "../integration"):
    sys.path.insert(0, os.path.join(HERE, folder))
import service
import shelf
import test_kill

N_DOCUMENTS = 12
END_S = 30
BROKEN = (OSError, ValueError, service.http.client.HTTPException)


class Served(test_kill.Cycle):
    def __init__(self, folder, chance, data=None):
        super().__init__(folder, chance)
        self.data = data or self.data
        self.folder, self.server, self.env = folder, None, None
        self.said = {}  # (status, what an error said) -> when
        self.when = lambda: ""
        self.n_degraded = self.n_errors = self.n_broken = self.n_right = 0
        with service.Server(self.data) as server:
            http = service.Client(server.port)
            self.shelf = shelf.Shelf(http)
            self.add(http)
            http.close()

    # ---- a server ----

    def start(self):
        self.server = service.Server(self.data, env=self.env)
        self.open(self.server.port)

    def open(self, port):
        self.port, self.http = port, service.Client(port, END_S)

    def stop(self):
        """Ends it in good order; everything that is wrong."""
        self.http.close()
        code = self.server.stop()
        self.server = None
        return [] if code == 0 else ["the server stopped with %d" % code]

    def is_gone(self):
        if self.server.process.poll() is None:
            try:
                self.server.process.wait(0.02)
            except subprocess.TimeoutExpired:
                return False
        return True

    def reconnect(self):
        self.http.close()
        self.open(self.port)

    # ---- one request ----

    def ask(self, method, path, body=None):
        """Status and reply; status 0: the connection broke, or the reply."""
        try:
            status, reply = self.http.ask(method, path, body)
        except BROKEN:
            self.n_broken += 1
            self.reconnect()
            return 0, None
        if status >= 400 and status != 404:
            self.n_errors += 1
            self.said.setdefault((status, (reply or {}).get("detail", "")), self.when())
        return status, reply

    @staticmethod
    def told(status, reply):
        """Whether this is an error that says something."""
        return status == 0 or (status >= 400 and isinstance(reply, dict) and len(reply.get("detail") or "") > 8)

    def question(self, i, **more):
        i %= len(self.shelf.questions)
        status, reply = self.ask("POST", "/query", {**self.shelf.questions[i], **more})
        if status != 200:
            return [] if self.told(status, reply) else ["a question got %d %s" % (status, reply)]
        self.n_right += 1
        self.n_degraded += bool(reply["degraded"])
        wrong = self.shelf.wrong(reply, i)
        return [wrong] if wrong else []

    def stream(self, i):
        body = json.dumps(self.shelf.questions[i]).encode()
        try:
            self.http.http.request("POST", "/query/stream", body, {"Content-Type": "application/json"})
            reply = self.http.http.getresponse()
            status, text = reply.status, reply.read().decode()
        except BROKEN:
            self.n_broken += 1
            self.reconnect()
            return []
        if status != 200:
            return [] if self.told(status, json.loads(text)) else ["a stream got %d %s" % (status, text)]
        blocks = [dict(line.split(": ", 1) for line in b.split("\n") if ": " in line) for b in text.split("\n\n")]
        last = next((b for b in reversed(blocks) if "event" in b), {})
        if last.get("event") == "error":
            return [] if len(last["data"]) > 8 else ["a stream's error says nothing"]
        if last.get("event") != "done":
            return []  # cut: whoever reads sees that it is not over
        done, tokens = json.loads(last["data"]), ""
        for b in blocks:
            tokens += json.loads(b["data"])["text"] if b.get("event") == "token" else ""
        right = json.loads(self.shelf.truth[i])[0]
        if done["degraded"] or (done["answer"] == right and tokens == right):
            return []
        return ["a stream says %r, not %r" % (tokens, right)]

    def add(self, http=None):
        """Two documents; what is acknowledged is known."""
        keys = self.chance.sample(["p%03d" % i for i in range(N_DOCUMENTS)], 2)
        some = {k: self.next_version() for k in keys}
        for k, v in some.items():
            self.known.under_way(k, v)
        body = {"documents": [{"id": k, "text": self.text(k, v)} for k, v in some.items()]}
        status, reply = http.ask("POST", "/documents", body) if http else self.ask("POST", "/documents", body)
        for d in reply["documents"] if status == 200 else []:
            if d["status"] == "ingested":
                self.known.acknowledged(d["id"], some[d["id"]])
                self.n_replies += 1
            elif not d["reason"]:
                return ["%s was refused without a reason" % d["id"]]
        if status != 200 and not self.told(status, reply):
            return ["documents got %d %s" % (status, reply)]
        return []

    @staticmethod
    def text(key, version):
        return test_kill.text_of(key, version)

    def remove(self):
        key = "p%03d" % self.chance.randrange(N_DOCUMENTS)
        self.known.under_way(key, test_kill.GONE)
        status, reply = self.ask("DELETE", "/documents/" + key)
        if status in (200, 204, 404):
            self.known.acknowledged(key, test_kill.GONE)
        elif not self.told(status, reply):
            return ["a deletion got %d %s" % (status, reply)]
        return []

    def command(self, *words, data=None, env=None, ok=(0, 1, 2, 3)):
        """Exit code, what it printed, and what is wrong with that."""
        run = subprocess.run([service.RAGD, words[0], "--data", data or self.data, *words[1:]], check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, timeout=END_S)
        if run.returncode in ok and (run.returncode == 0 or len((run.stderr + run.stdout).strip()) > 8):
            return run.returncode, run.stdout, []
        return run.returncode, run.stdout, [
            "ragd %s: exit %d: %s%s" % (words[0], run.returncode, run.stderr[-1500:], run.stdout[-300:])]

    def look_round(self):
        wrong = []
        for path in ("/documents?limit=3", "/stats", "/cache", "/readyz"):
            status, reply = self.ask("GET", path)
            if status != 200 and not self.told(status, reply):
                wrong.append("%s got %d %s" % (path, status, reply))
        return wrong

    def works_again(self, i):
        """Without the fault nothing may fail."""
        before = self.n_errors, self.n_broken
        self.reconnect()
        wrong = self.question(i, cache="no-store") + self.question(i) + self.add()
        key = self.chance.choice(["p%03d" % k for k in range(N_DOCUMENTS)])
        may = self.known.may.get(key, {test_kill.GONE})
        there = self.version_there(self.http, key)
        if there not in may:
            wrong.append("%s: version %d is there, %s would be right" % (key, there, sorted(may)))
        self.known.acknowledged(key, there)
        if (self.n_errors, self.n_broken) != before:
            wrong.append("an error although nothing fails any more: %s" % list(self.said)[-1:])
        return wrong
