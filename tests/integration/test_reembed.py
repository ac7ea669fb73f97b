#!/usr/bin/env python3
"""To another embedding model: no question fails, none is answered with two, nothing is lost.

    under load   `ragd reembed` back and forth on a server that is asked and written to all the
                 while. Every reply is 200, and all its cosines are those of one model, worked out
                 here from what each model makes of question and passage.
    killed       SIGKILL at random moments of a reembed, in a process of its own and in a server.
                 Whatever model the folder then says it is of, `ragd check` finds nothing wrong and
                 answers are that model's; the same command again goes through.

Two random encoders of the same shape, so that mixing them would go unnoticed by everything else.
Speaks TAP.

    RAGD_REEMBED_CYCLES (9)   RAGD_REEMBED_SEED (from the clock, printed)   RAGD_BUILD (build/debug)
"""
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../quality"))
os.environ.setdefault("RAGD_BUILD", os.path.join(HERE, "../../build/debug"))
os.environ["RAGD_MODEL_PRECISION"] = "f32"
import service
import tiny_model

CYCLES = int(os.environ.get("RAGD_REEMBED_CYCLES") or 9)
SEED = int(os.environ.get("RAGD_REEMBED_SEED") or time.time_ns() % 1000000)
N_DOCUMENTS, N_ASKERS, N_SWITCHES = 300, 3, 4
CLOSE = 2e-4
WORDS = ("capital ratio risk market loan bond rate fund asset credit tier bank share price index "
         "growth income margin debt equity cash flow tax fee cost").split()


def sentence(chance):
    return " ".join(chance.choice(WORDS) for _ in range(9)).capitalize() + "."


def text_of(key):
    chance = random.Random(key)
    return " ".join(sentence(chance) for _ in range(1 + chance.randrange(3)))


def environment(model):
    return dict(os.environ, RAGD_MODEL_PATH=model)


def run(*words, model):
    return subprocess.run([service.RAGD, *words], env=environment(model), check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


class Model:
    """What a model makes of a text, told by a server of its own."""

    def __init__(self, folder, seed):
        self.path = tiny_model.write(folder, seed)
        self.server = service.Server(folder + "-data", env=environment(self.path))
        self.http = service.Client(self.server.port)
        self.known = {}

    def vector(self, text, kind):
        if (text, kind) not in self.known:
            reply = self.http.post("/v1/embeddings", model="ragd-embedding", input=text, input_type=kind)
            self.known[text, kind] = reply["data"][0]["embedding"]
        return self.known[text, kind]

    def cosine(self, question, passage):
        pair = zip(self.vector(question, "query"), self.vector(passage, "document"))
        return math.fsum(a * b for a, b in pair)

    def close(self):
        self.http.close()
        self.server.stop()


def models_of(reply, question, models):
    """Names of the models that explain every cosine of a reply; it should be one."""
    hits = reply.get("hits", reply.get("sources"))
    scores = [(h["text"], h["scores"]["vector"]) for h in hits if h["scores"]["vector"] is not None]
    return [name for name, m in models.items()
            if all(abs(m.cosine(question, text) - s) < CLOSE for text, s in scores)], len(scores)


class Load:
    """Questions and documents, all the time."""

    def __init__(self, port):
        self.port, self.ended = port, threading.Event()
        self.replies, self.failures, self.written = [], [], []
        self.threads = [threading.Thread(target=self.guard, args=(self.ask, i)) for i in range(N_ASKERS)]
        self.threads.append(threading.Thread(target=self.guard, args=(self.write, 0)))
        for t in self.threads:
            t.start()

    def guard(self, fn, i):
        http = service.Client(self.port)
        try:
            while not self.ended.is_set():
                fn(http, i)
        except Exception as e:  # whatever it is, a client saw it
            self.failures.append(repr(e))
        finally:
            http.close()

    def ask(self, http, i):
        """Few different questions, so that the caches are asked too."""
        chance = random.Random(time.time_ns() % 40 * N_ASKERS + i)
        question = sentence(chance)
        path, mode = chance.choice(("/query", "/search")), chance.choice(("hybrid", "vector"))
        status, reply = http.ask("POST", path, {"question": question, "mode": mode, "k": 8})
        if status != 200 or reply.get("degraded"):
            self.failures.append("%s: %d %s" % (path, status, reply))
        self.replies.append((time.monotonic(), question, reply))

    def write(self, http, _):
        keys = ["new%d" % (len(self.written) + i) for i in range(5)]
        status, reply = http.ask("POST", "/documents", {"documents": [
            {"id": k, "text": text_of(k)} for k in keys]})
        if status != 200 or any(d["status"] != "ingested" for d in reply["documents"]):
            self.failures.append("/documents: %d %s" % (status, reply))
        self.written += keys
        if len(self.written) % 50 == 0:
            http.ask("DELETE", "/documents/" + keys[0])
            self.written.append("gone")

    def stop(self):
        self.ended.set()
        for t in self.threads:
            t.join(60)


def fill(data, model):
    path = data + ".jsonl"
    with open(path, "w", encoding="utf-8") as f:
        for i in range(N_DOCUMENTS):
            f.write(json.dumps({"id": "d%d" % i, "text": text_of("d%d" % i)}) + "\n")
    done = run("ingest", "--data", data, path, model=model)
    assert done.returncode == 0, done.stdout


def under_load(folder, models):
    """Everything that is wrong."""
    wrong, names, unclear = [], list(models), 0
    data = os.path.join(folder, "load")
    fill(data, models[names[0]].path)
    switches = []
    with service.Server(data, env=environment(models[names[0]].path)) as server:
        load = Load(server.port)
        for i in range(N_SWITCHES):
            time.sleep(0.3)
            to = names[(i + 1) % 2]
            done = run("reembed", "--data", data, "--model", models[to].path, model=models[names[0]].path)
            switches.append((time.monotonic(), to))
            if done.returncode != 0:
                wrong.append("reembed, exit %d: %s" % (done.returncode, done.stdout))
        time.sleep(0.3)
        load.stop()
        now = service.Client(server.port)
        if now.ask("GET", "/version")[1]["model"] != os.path.basename(models[switches[-1][1]].path):
            wrong.append("/version does not name the model in force")
        now.close()
    wrong += load.failures[:10]
    seen = {name: 0 for name in names}
    for when, question, reply in load.replies:
        which, n = models_of(reply, question, models)
        if len(which) == 2:
            unclear += 1  # no hit at all
        elif len(which) == 1:
            seen[which[0]] += 1
        else:
            wrong.append("a reply of %d cosines is of no one model: %s" % (n, question))
        if when > switches[-1][0] + 1 and which != [switches[-1][1]] and n:
            wrong.append("a second after the last change a reply is of %s" % which)
    if min(seen.values()) == 0 or unclear * 10 > len(load.replies):
        wrong.append("too little was seen: %s, %d unclear" % (seen, unclear))
    done = run("check", "--data", data, model=models[switches[-1][1]].path)
    if done.returncode != 0:
        wrong.append("ragd check: " + done.stdout)
    print("# %s replies, %d documents written, %d changes" % (seen, len(load.written), len(switches)))
    return wrong[:20]


def model_of_folder(data, models):
    """The one that `ragd check` does not complain about."""
    fits = [n for n, m in models.items() if run("check", "--data", data, model=m.path).returncode == 0]
    return fits[0] if len(fits) == 1 else None


def answers_of(data, model, models):
    """What is wrong with the answers of a folder that says it is of this model."""
    wrong = []
    for i in range(6):
        question = sentence(random.Random(i))
        done = run("search", "--data", data, "--json", "-k", "5", "--mode", "vector", question,
                   model=models[model].path)
        if done.returncode != 0:
            wrong.append("search, exit %d: %s" % (done.returncode, done.stdout))
            continue
        which, n = models_of(json.loads(done.stdout), question, models)
        if which != [model] or n != 5:
            wrong.append("an answer of %d cosines is of %s, not of %s" % (n, which, model))
    return wrong


def kill_one(data, was, to, models, chance, in_server, longest):
    """Kills a reembed; returns what is wrong and which model the folder is of now."""
    server = service.Server(data, env=environment(models[was].path)) if in_server else None
    command = subprocess.Popen(
        [service.RAGD, "reembed", "--data", data, "--model", models[to].path],
        env=environment(models[was].path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        command.wait(chance.uniform(0, longest))
    except subprocess.TimeoutExpired:
        pass
    (server.stop if server else command.send_signal)(signal.SIGKILL)
    command.wait(60)
    now = model_of_folder(data, models)
    if now is None:
        return ["the folder is of no one model"], was
    return answers_of(data, now, models), now


def killed(folder, models, chance):
    names = list(models)
    data, was = os.path.join(folder, "killed"), names[0]
    fill(data, models[was].path)
    since = time.monotonic()
    done = run("reembed", "--data", data, "--model", models[names[1]].path, model=models[was].path)
    longest, was = time.monotonic() - since, names[1]
    yield "it goes through when nobody kills it", [] if done.returncode == 0 else [done.stdout]
    n_stood = 0
    for i in range(CYCLES):
        to = names[1 - names.index(was)]
        wrong, now = kill_one(data, was, to, models, chance, i % 2 == 1, longest * 1.1)
        n_stood += now == was
        what = "in a server" if i % 2 else "in a process of its own"
        if i % 3 == 2:
            done = run("reembed", "--data", data, "--model", models[to].path, model=models[was].path)
            if done.returncode != 0:
                wrong.append("again, exit %d: %s" % (done.returncode, done.stdout))
            now = to
            wrong += answers_of(data, now, models)
        was = now
        yield "killed %s, %s" % (what, "finished after it" if i % 3 == 2 else "the model stands"), wrong
    print("# %d of %d kills left the old model" % (n_stood, CYCLES))


def main():
    print("# seed %d, %s" % (SEED, os.path.relpath(service.RAGD)))
    print("1..%d" % (CYCLES + 2))
    folder = tempfile.mkdtemp(prefix="ragd-reembed.")
    models = {name: Model(os.path.join(folder, name), seed) for name, seed in (("one", 7), ("two", 8))}
    n = n_failed = 0

    def tell(what, wrong):
        nonlocal n, n_failed
        n += 1
        n_failed += bool(wrong)
        print("%sok %d - %s" % ("not " if wrong else "", n, what), flush=True)
        for w in wrong[:20]:
            print("# " + w.strip().replace("\n", "\n# "))

    try:
        tell("changes under load: no question fails, none mixes", under_load(folder, models))
        for what, wrong in killed(folder, models, random.Random(SEED)):
            tell(what, wrong)
    finally:
        for m in models.values():
            m.close()
        shutil.rmtree(folder, ignore_errors=True)
    return n_failed > 0


if __name__ == "__main__":
    sys.exit(main())
