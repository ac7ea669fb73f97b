"""bench/bench_load and wrk as functions."""
import json
import os
import re
import shutil
import subprocess
import tempfile

import service

BENCH = os.path.join(os.path.dirname(service.RAGD), "bench/bench_load")
WRK_SCRIPT = os.path.join(service.ROOT, "bench/wrk_questions.lua")
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


class Bodies:
    """A file with a request's body a line, of questions or whole bodies; gone with the with-block."""

    def __init__(self, asked):
        self.n = len(asked)
        self.file = tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8")
        self.file.write("\n".join(json.dumps({"question": a} if isinstance(a, str) else a) for a in asked))
        self.file.flush()
        self.path = self.file.name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


def drive(port, bodies, connections, seconds, *words, path="/query", first=0, rate=0, warmup=.5):
    """Figures of one class of clients (bench/load_report.h), with "cpu_us_a_reply"."""
    out = subprocess.run(
        [BENCH, "--json", "--questions", bodies.path, "--path", path, "--connections", str(connections),
         "--seconds", str(seconds), "--warmup", str(warmup), "--first", str(first), "--rate", str(rate),
         *map(str, words), str(port)], stdout=subprocess.PIPE, check=True)
    found = json.loads(out.stdout)
    return {**found["classes"]["all"], "cpu_us_a_reply": found["cpu_us_a_reply"]}


def failed(figures):
    """What was not answered with a 2xx, of all."""
    good = sum(s["n"] for status, s in figures["status"].items() if status[0] == "2")
    return figures["sent"] + figures["failed"]["unsent"] - good


def have_wrk():
    return shutil.which("wrk") is not None


def of_wrk(text, pattern):
    found = re.search(pattern, text)
    return found.groups() if found else None


def time_ms(text):
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()
    return float(number) * UNITS[unit]


def read_wrk(text):
    """{"per_s", "good_per_s", "p50", "p99"} of what wrk prints, ms."""
    done, seconds = of_wrk(text, r"(\d+) requests in ([\d.]+\w+)")
    bad = of_wrk(text, r"Non-2xx or 3xx responses: (\d+)")
    s = time_ms(seconds) / 1e3
    return {"per_s": int(done) / s, "good_per_s": (int(done) - int(bad[0] if bad else 0)) / s,
            **{"p" + share: time_ms(of_wrk(text, r"\b%s%%\s+(\S+)" % share)[0]) for share in ("50", "99")}}


def wrk(port, bodies, connections, seconds, first=0):
    out = subprocess.run(["wrk", "-t1", "-c%d" % connections, "-d%ds" % max(1, round(seconds)), "--latency", "--timeout", "30s",
                          "-s", WRK_SCRIPT, "http://127.0.0.1:%d/query" % port, "--", bodies.path, str(first)],
                         stdout=subprocess.PIPE, text=True, check=True)
    return read_wrk(out.stdout)
