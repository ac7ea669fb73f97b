"""What the quality and crash scripts share: where things are, the program, its server, the data folders.

    RAGD_BUILD      folder of the program (build/release)
    RAGD_SHARED     the folder that holds data/ (../shared)
    RAGD_WORK       data folders that are made once and kept (build/results-data)
"""
import http.client
import json
import os
import signal
import subprocess
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RAGD = os.path.join(os.environ.get("RAGD_BUILD") or os.path.join(ROOT, "build/release"), "ragd")
SHARED = os.path.join(os.environ.get("RAGD_SHARED") or os.path.join(ROOT, "../shared"), "data")
WORK = os.environ.get("RAGD_WORK") or os.path.join(ROOT, "build/results-data")
os.environ.setdefault("RAGD_MODEL_PATH", os.path.join(ROOT, "models/all-MiniLM-L6-v2"))

# Gold documents are named from SHARED; a document's id is its path inside the folder ingested.
LIBRARY = ("demo", "finbench/pdf")


def need_shared():
    if not os.path.isdir(os.path.join(SHARED, "demo")):
        sys.exit("%s: needs %s (or RAGD_SHARED)" % (os.path.basename(sys.argv[0]), SHARED))


def shared(*path):
    return os.path.join(SHARED, *path)


def records(*path):
    with open(shared(*path), encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]


def document_id(gold):
    for folder in LIBRARY:
        if gold.startswith(folder + "/"):
            return gold[len(folder) + 1:]
    return gold


def ragd(*words, ok=(0,)):
    """Standard output of a command."""
    run = subprocess.run([RAGD, *words], stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode not in ok:
        sys.exit("ragd %s: exit %d" % (" ".join(words), run.returncode))
    return run.stdout


def ragd_json(command, data, *words, ok=(0, 3)):
    return json.loads(ragd(command, "--data", data, "--json", *words, ok=ok))


def library(data=None):
    """demo/ and the filings in one data folder, made by one command; returns folder and report.

    What has not changed costs only a hash, so every script asks for it. The report of the run that
    did the work is kept beside it.
    """
    data = data or os.path.join(WORK, "library")
    os.makedirs(data, exist_ok=True)
    meta = data + "-filings.jsonl"
    with open(meta, "w", encoding="utf-8") as f:
        for d in records("finbench", "documents.jsonl"):
            row = {"path": document_id("finbench/" + d["doc"])}
            row.update((name, d[name]) for name in ("company", "document_type", "period"))
            f.write(json.dumps(row) + "\n")
    report = ragd_json("ingest", data, "--meta-file", meta, *(shared(f) for f in LIBRARY))
    kept = data + "-report.json"
    if report["documents"] or not os.path.exists(kept):
        with open(kept, "w", encoding="utf-8") as f:
            json.dump(report, f)
    with open(kept, encoding="utf-8") as f:
        return data, json.load(f)


def one_chunk_a_record(name):
    """A retrieval set of SHARED; returns its data folder."""
    data = os.path.join(WORK, name)
    ragd_json("ingest", data, "--chunk-chars", "0", shared(name, "corpus.jsonl"), ok=(0,))
    return data


class Server:
    """`ragd serve` on a port of its own choice, until the with-block ends."""

    def __init__(self, data, *words, env=None):
        self.process = subprocess.Popen(
            [RAGD, "serve", "--data", data, "--listen", "127.0.0.1:0", *words],
            stderr=subprocess.PIPE, text=True, start_new_session=True, env=env)
        self.pid, self.port, self.said = self.process.pid, 0, []
        while not self.port:
            line = self.process.stderr.readline()
            if not line:
                raise RuntimeError("the server ended, exit %d: %s" % (
                    self.process.wait(), "".join(self.said)))
            self.said.append(line)
            if '"listening"' in line:
                self.port = json.loads(line)["port"]
        # The log must go on being read, or the server's writes to it would block.
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        self.reader.start()

    def _read_log(self):
        for line in self.process.stderr:
            self.said.append(line)
            del self.said[:-50]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(60)
        self.reader.join(5)
        self.process.stderr.close()
        return code

    def memory_mb(self, name="VmRSS"):
        with open("/proc/%d/status" % self.pid, encoding="ascii") as f:
            for line in f:
                if line.startswith(name + ":"):
                    return int(line.split()[1]) / 1024
        return 0.0


class Client:
    """One kept connection."""

    def __init__(self, port, timeout=60):
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def ask(self, method, path, body=None):
        """Status and JSON, or None when there is no body."""
        data = None if body is None else json.dumps(body).encode()
        self.http.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        reply = self.http.getresponse()
        text = reply.read()
        return reply.status, json.loads(text) if text else None

    def post(self, path, **body):
        status, reply = self.ask("POST", path, body)
        if status != 200:
            raise RuntimeError("%s: %d %s" % (path, status, reply))
        return reply

    def close(self):
        self.http.close()
