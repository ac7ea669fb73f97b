#!/usr/bin/env python3
"""The encoder and its peers on the same texts, in turns, in one run.

    compare.py MODEL_DIR [--rounds 12] [--threads 1,2] [--engines NAME,...] [--clock wall|cpu]
               [--json FILE] [--report FILE.md]

Every engine is a child process that speaks the lines of bench/embed_serve.h: build/release/bench/
bench_embed for each of our precisions, bench/peers/serve.py for each peer (when this Python is
that of build/peers, which scripts/setup --peers makes). A round goes through all cases and, within a
case, through all engines; a turn runs a short case once without counting, as another engine
had the caches, and then some times. Minimum and median over all turns; ratios are of minima.

One-thread children are bound to one processor, the same for all. --clock cpu counts processor time of
the one-thread runs, for machines that are busy with other things; the time of two threads is always
that of the wall.

--report writes the tables between the lines <!-- figures --> and <!-- end of figures --> of FILE.
"""
import argparse
import collections
import datetime
import glob
import importlib.util
import json
import math
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests/quality")]
import ratios
import tables
from service import shared

BENCH = os.environ.get("RAGD_BENCH_EMBED") or os.path.join(ROOT, "build/release/bench/bench_embed")
TEXT_PEER = "sentence-transformers"  # takes texts; all other peers take token ids
PEERS = ("OpenVINO int8", "OpenVINO int8, rest bf16", "OpenVINO bf16", "OpenVINO f32", "onnxruntime int8",
         "onnxruntime int8, fused", "onnxruntime f32", "onnxruntime f32, fused", "torch f32", TEXT_PEER)
# Runs of a turn: not counted, counted. A batch takes so long that it warms itself.
TIMES = {ratios.Q12: (1, 8), ratios.Q32: (1, 6), ratios.P128: (1, 3), ratios.BATCH: (0, 1), ratios.MIXED: (0, 1)}
COSINE, N_COSINE = "cosine", 200
REST_S = 0.02  # between two turns: threads of the one before stop waiting for work
SEED = 20

# One token each in an English vocabulary.
WORDS = ("bank capital risk report the of money law state court tax rate fund trade price year market "
         "public service system group member interest credit loan power city water school number "
         "time history war government company family country king science music language land sea").split()


class Failed(Exception):
    pass


class Child:
    """An engine that does as it is told, a line at a time."""

    def __init__(self, name, command, n_threads):
        processors = sorted(os.sched_getaffinity(0))
        mine = processors[-1:] if n_threads == 1 else processors
        env = dict(os.environ, OMP_NUM_THREADS=str(n_threads), TOKENIZERS_PARALLELISM="false")
        self.name = name
        self.complaints = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.complaints, encoding="utf-8", env=env,
                                        preexec_fn=lambda: os.sched_setaffinity(0, mine))
        try:
            self.version = self.reply("ready")
        except Failed:
            self.close()
            raise

    def reply(self, wanted="ok"):
        line = self.process.stdout.readline()
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == wanted:
            return rest
        if not line:
            self.process.wait()
            self.complaints.seek(0)
            rest = (self.complaints.read().strip().splitlines() or ["ended without a word"])[-1]
        raise Failed("%s: %s" % (self.name, rest))

    def ask(self, *lines):
        try:
            self.process.stdin.write("".join(line + "\n" for line in lines))
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # reply says why
        return self.reply()

    def add_case(self, name, texts):
        return [int(float(x)) for x in self.ask("case %s %d" % (key(name), len(texts)), *texts).split()]

    def run(self, name, times):
        """[(wall ms, processor ms)]"""
        took = self.ask("run %s %d" % (key(name), times)).split()
        return [tuple(int(x) / 1e6 for x in t.split(":")) for t in took]

    def vectors(self, name):
        n = int(self.ask("vectors " + key(name)))
        return [[float(x) for x in self.process.stdout.readline().split()] for _ in range(n)]

    def close(self):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.complaints.close()


def key(name):
    return name.replace(" ", "_")


def peers_here():
    return importlib.util.find_spec("openvino") is not None


def commands(o, n_threads):
    """Engine name to command line."""
    found = {"ragd " + p: [BENCH, o.model_dir, "--serve", "--precision", p, "--threads", str(n_threads)]
             for p in ratios.PRECISIONS}
    if peers_here():
        for name in PEERS:
            found[name] = [sys.executable, os.path.join(HERE, "serve.py"), name, o.model_dir,
                           models_dir(o), str(n_threads)]
    wanted = o.engines.split(",") if o.engines else []
    return {n: c for n, c in found.items() if not wanted or any(n.startswith(w) for w in wanted)}


# ---- texts ----

def words(rng, n_tokens):
    return " ".join(rng.choice(WORDS) for _ in range(n_tokens - 2))


def sentences():
    """Of SQuAD's passages where they are, else of the documents in examples/finance."""
    corpus = shared("squad-dev/corpus.jsonl")
    if os.path.exists(corpus):
        with open(corpus, encoding="utf-8") as f:
            texts, where = [json.loads(line)["text"] for line in f], "SQuAD dev"
    else:
        where = "examples/finance"
        texts = [open(os.path.join(ROOT, where, f), encoding="utf-8").read()
                 for f in ("capital.md", "liquidity.txt")]
    found = [" ".join(s.split()) for t in texts for s in re.split(r"(?<=[.!?])\s+(?=[A-Z])", t)]
    return [s for s in found if len(s) > 20], where


def make_texts():
    rng = random.Random(SEED)
    pool, where = sentences()
    rng.shuffle(pool)
    texts = {ratios.Q12: [words(rng, 12)], ratios.Q32: [words(rng, 32)], ratios.P128: [words(rng, 128)],
             ratios.BATCH: [words(rng, 128) for _ in range(64)], ratios.MIXED: [pool[i % len(pool)] for i in range(64)],
             COSINE: pool[64:64 + N_COSINE]}
    return texts, where


# ---- turns ----

class Run:
    """All turns of one number of threads."""

    def __init__(self, o, n_threads, texts):
        self.n_threads, self.skipped, self.children = n_threads, [], []
        self.turns, self.wall = collections.defaultdict(list), collections.defaultdict(list)
        self.work, self.sizes, self.peaks, self.cosine = {}, {}, dict.fromkeys(ratios.PRECISIONS, 0.0), {}
        self.bandwidth = {}
        for name, command in commands(o, n_threads).items():
            self.open(name, command, texts)

    def open(self, name, command, texts):
        try:
            child = Child(name, command, self.n_threads)
            self.children.append(child)
            for case, lines in texts.items():
                size = child.add_case(case, lines)
                self.sizes[name, case] = size
                if name.startswith("ragd"):
                    self.work[case] = size[1:]
                if size[0] != self.sizes[self.children[0].name, case][0]:
                    raise Failed("%s: %s has %d tokens, with %s %d" % (
                        name, case, size[0], self.children[0].name, self.sizes[self.children[0].name, case][0]))
        except Failed as e:
            self.drop(name, e)

    def drop(self, name, why):
        self.skipped.append(str(why))
        for child in [c for c in self.children if c.name == name]:
            child.close()
            self.children.remove(child)

    def turn(self, child, case, clock):
        try:
            took = child.run(case, sum(TIMES[case]))[TIMES[case][0]:]
        except Failed as e:
            self.drop(child.name, e)
            return
        self.turns[child.name, case, self.n_threads] += [t[clock] for t in took]
        self.wall[child.name, case, self.n_threads] += [t[0] for t in took]
        time.sleep(REST_S)

    def ours(self):
        return next((c for c in self.children if c.name.startswith("ragd")), None)

    def measure_peaks(self):
        found = zip(ratios.PRECISIONS, map(float, self.ours().ask("peak").split()))
        self.peaks = {p: max(x, self.peaks[p]) for p, x in found}

    def measure_bandwidth(self, sizes):
        for n in sizes:
            rate = float(self.ours().ask("bandwidth %d" % n))
            self.bandwidth[n] = max(rate, self.bandwidth.get(n, 0))

    def round(self, clock, reading):
        if self.ours():
            self.measure_peaks()
            self.measure_bandwidth(reading)
        for case in ratios.CASES:
            for child in list(self.children):
                self.turn(child, case, clock)

    def measure_cosines(self):
        """Against torch f32, the least and the mean over N_COSINE sentences."""
        by_name = {}
        for child in list(self.children):
            child.run(COSINE, 1)
            by_name[child.name] = child.vectors(COSINE)
        reference = by_name.get("torch f32")
        for name, vectors in by_name.items():
            if reference:
                found = [cosine(a, b) for a, b in zip(vectors, reference)]
                self.cosine[name] = (min(found), statistics.fmean(found))

    def close(self):
        for child in self.children:
            child.close()


def cosine(a, b):
    dot = math.fsum(x * y for x, y in zip(a, b))
    return dot / math.sqrt(math.fsum(x * x for x in a) * math.fsum(y * y for y in b))


def cache_bytes(level, otherwise):
    """Of the first processor's data cache, as the system tells."""
    for path in glob.glob("/sys/devices/system/cpu/cpu0/cache/index*"):
        if read(path, "level") == str(level) and read(path, "type") != "Instruction":
            return int(read(path, "size").rstrip("K")) * 1024
    return otherwise


def read(*path):
    with open(os.path.join(*path), encoding="utf-8") as f:
        return f.read().strip()


def measure(o):
    result = {"turns": {}, "wall": {}, "skipped": [], "versions": {}, "rounds": o.rounds, "clock": o.clock}
    texts, result["texts"] = make_texts()
    reading = {"half of the L2": cache_bytes(2, 1 << 20) // 2,
               "half of the L3": cache_bytes(3, 32 << 20) // 2, "memory": 256 << 20}
    for n_threads in o.threads:
        run = Run(o, n_threads, texts)
        try:
            for i in range(o.rounds):
                print("threads %d, round %d of %d" % (n_threads, i + 1, o.rounds),
                      end="\r", file=sys.stderr, flush=True)
                run.round(1 if o.clock == "cpu" and n_threads == 1 else 0, reading.values())
            if n_threads == min(o.threads):
                run.measure_cosines()
                result.update(work=run.work, sizes=run.sizes, peaks=run.peaks, cosine=run.cosine,
                              bandwidth={k: run.bandwidth.get(n) for k, n in reading.items()})
            result["turns"].update(run.turns)
            result["wall"].update(run.wall)
            result["versions"].update({c.name: c.version for c in run.children})
            result["skipped"] += [s for s in run.skipped if s not in result["skipped"]]
        finally:
            run.close()
    print("\033[K", end="", file=sys.stderr)
    return result


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        found = dict(re.findall(r"^(model name|cpu family|model|flags)\s*: (.*)$", f.read(), re.M))
    wide = [x for x in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16") if x in found.get("flags", "").split()]
    return "%s (family %s, model %s), %d processors, %s" % (
        found.get("model name", os.uname().machine), found.get("cpu family", "?"), found.get("model", "?"),
        len(os.sched_getaffinity(0)), " ".join(wide))


def jsonable(result):
    """Keys of tuples become words."""
    return {k: {" | ".join(map(str, i)) if isinstance(i, tuple) else i: x for i, x in v.items()}
            if isinstance(v, dict) else v for k, v in result.items()}


def options(argv):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model_dir")
    p.add_argument("--rounds", type=int, default=12)
    p.add_argument("--threads", default="1,2", type=lambda s: [int(x) for x in s.split(",")])
    p.add_argument("--engines", help="only those whose names begin so, with commas between")
    p.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    p.add_argument("--json")
    p.add_argument("--report")
    return p.parse_args(argv)


def models_dir(o):
    return os.path.join(ROOT, "build/peers-models", os.path.basename(os.path.abspath(o.model_dir)))


def make_models(o):
    subprocess.run([sys.executable, os.path.join(HERE, "models.py"), o.model_dir, models_dir(o),
                    "--calibration", shared("squad-dev/corpus.jsonl")], check=True)


def main(argv=None):
    o = options(argv)
    if peers_here():
        make_models(o)
    result = measure(o)
    result["machine"] = machine()
    result["date"] = datetime.date.today().isoformat()
    text = tables.markdown(result)
    print(text)
    if not peers_here():
        print("peers: none here; scripts/setup --peers puts them into build/peers, then they take turns with us")
    if o.json:
        with open(o.json, "w", encoding="utf-8") as f:
            json.dump(jsonable(result), f, indent=1)
    if o.report:
        tables.put_into(o.report, text)


if __name__ == "__main__":
    main()
