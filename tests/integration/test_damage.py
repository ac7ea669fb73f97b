#!/usr/bin/env python3
"""Damaged files: found by checksum, then made anew from the truth or refused with a reason; never a wrong answer.

A trial copies a data folder (or a model's, or a backup), flips bits in one file of it, cuts its end
or blanks a block, and asks: one question by a command, every tenth time all of them from a server.
Right are the answers of the undamaged folder. What can be made again (index files, static encoders,
packed weights) may not even be noticed by who asks; a damaged database, backup, model or adapter
may be refused, with a message. Every fourth time `ragd check` looks at what answered: whatever of it is damaged all
the same is not allowed to have changed an answer.

    RAGD_DAMAGES (300)   RAGD_DAMAGE_SEED (from the clock, printed)   RAGD_BUILD (build/debug)
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("../quality", "../support"):
    sys.path.insert(0, os.path.join(HERE, folder))
os.environ.setdefault("RAGD_BUILD", os.path.join(HERE, "../../build/debug"))
import service
import shelf
import tiny_model

N_TRIALS = int(os.environ.get("RAGD_DAMAGES") or 300)
SEED = int(os.environ.get("RAGD_DAMAGE_SEED") or time.time_ns() % 1000000)
ALL_EVERY = 10
THOROUGH_EVERY = 4
END_S = 60
BLOCK = 512


class Place:
    """A sound data folder, its model, a backup of it and, where one was learnt, an adapter."""

    def __init__(self, folder):
        self.folder = folder
        self.model = tiny_model.write(os.path.join(folder, "model"))
        self.data = os.path.join(folder, "data")
        os.environ["RAGD_MODEL_PATH"] = self.model
        with service.Server(self.data) as server:
            http = service.Client(server.port)
            self.shelf = shelf.Shelf(http)
            for i in range(4):  # segments of their own, something dead in them
                http.post("/documents", collection="other", documents=[
                    {"id": "w%d-%d" % (i, k), "text": shelf.text_of(k)[i:]} for k in range(len(shelf.THINGS))])
                time.sleep(0.1)
            http.ask("DELETE", "/documents/w1-1?collection=other")
            self.await_files()
            http.close()
        self.backup = os.path.join(folder, "backup.db")
        subprocess.run([service.RAGD, "backup", "--data", self.data, self.backup], check=True, stdout=subprocess.DEVNULL)
        self.files = self.targets()

    def await_files(self):
        """Segments, and the static encoder that so many chunks make due; the rest is there at once."""
        index = os.path.join(self.data, "index")
        for _ in range(100):
            there = os.listdir(index) if os.path.isdir(index) else []
            if any(n.endswith(".bin") for n in there) and sum(n.endswith(".manifest") for n in there) == 2:
                break
            time.sleep(0.1)
        time.sleep(1.3)

    def targets(self):
        """What is damaged -> its files, by their paths in the folder."""
        index = os.path.join(self.data, "index")
        inside = lambda folder, *ends: sorted(
            os.path.relpath(os.path.join(folder, n), self.folder) for n in os.listdir(folder) if n.endswith(ends))
        found = {"segment": inside(index, ".segment"), "manifest": inside(index, ".manifest"),
                 "static encoder": inside(index, ".bin"), "pack": inside(self.model, ".pack"),
                 "database": ["data/ragd.db"], "backup": ["backup.db"],
                 "model": inside(self.model, ".safetensors", ".json", ".txt")}
        return {what: files for what, files in found.items() if files}


MADE_AGAIN = ("segment", "manifest", "static encoder", "pack")


def damage(path, chance):
    """Harms the file; in words."""
    with open(path, "rb") as f:
        b = bytearray(f.read())
    way = chance.randrange(4)
    if way == 0:
        at = chance.randrange(len(b))
        b[at] ^= 1 << chance.randrange(8)
        told = "bit of byte %d flipped" % at
    elif way == 1:
        n = chance.randrange(2, 30)
        for _ in range(n):
            b[chance.randrange(len(b))] ^= 1 << chance.randrange(8)
        told = "%d bits flipped" % n
    elif way == 2:
        n = chance.choice((0, 1, len(b) - 1, chance.randrange(len(b))))
        del b[n:]
        told = "cut to %d bytes" % n
    else:
        at = chance.randrange(len(b)) // BLOCK * BLOCK
        n = min(BLOCK, len(b) - at)
        told = "block at %d blanked" % at
        if b[at:at + n] == bytes(n):
            b[at] = 0xff
        else:
            b[at:at + n] = bytes(n)
    with open(path, "wb") as f:
        f.write(b)
    return told


class Trial:
    def __init__(self, place, what, path, chance):
        self.place, self.what, self.chance = place, what, chance
        self.folder = os.path.join(place.folder, "trial")
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        for part in ("data", "model"):
            shutil.copytree(os.path.join(place.folder, part), os.path.join(self.folder, part))
        shutil.copy(place.backup, self.folder)
        self.data = os.path.join(self.folder, "data")
        self.env = {**os.environ, "RAGD_MODEL_PATH": os.path.join(self.folder, "model")}
        self.told = "%s %s" % (path, damage(os.path.join(self.folder, path), chance))
        self.refused = ""
        self.thorough = chance.randrange(THOROUGH_EVERY) == 0
        if not self.thorough:  # a look for leaks takes longer than the answer
            self.env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"

    def command(self, *words):
        return subprocess.run([service.RAGD, words[0], "--data", self.data, *words[1:]], check=False, env=self.env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=END_S)

    def refusal(self, code, text):
        """What is wrong with it; "" when it is in order."""
        if code < 0 or "Sanitizer" in text:
            return "ended with %d: %s" % (code, text[-2000:])
        if len(text.strip()) < 12 or "no collection" in text:
            return "exit %d without a reason" % code
        if self.what in MADE_AGAIN:
            return "refused what can be made again: " + text
        self.refused = text.strip().split("\n")[0]
        return ""

    def ask_one(self):
        i = self.chance.randrange(len(self.place.shelf.questions))
        q = self.place.shelf.questions[i]
        words = ["--mode", q["mode"]] if "mode" in q else ["-k", str(q["k"]), "--filter", "year>=1800"]
        run = self.command("query", "--json", "--collection", q["collection"], *words, q["question"])
        if run.returncode:
            return self.refusal(run.returncode, run.stderr)
        return self.place.shelf.wrong(json.loads(run.stdout), i)

    def ask_all(self):
        try:
            server = service.Server(self.data, env=self.env)
        except RuntimeError as e:
            code = int(str(e).split("exit ")[1].split(":")[0])
            return self.refusal(code, str(e).split(": ", 1)[1])
        try:
            http = service.Client(server.port, END_S)
            for i, q in enumerate(self.place.shelf.questions):
                status, reply = http.ask("POST", "/query", q)
                wrong = self.place.shelf.wrong(reply, i) if status == 200 else self.refusal(status, reply["detail"])
                if wrong:
                    return wrong
            http.close()
        except (OSError, ValueError, service.http.client.HTTPException) as e:
            return "%r; %s" % (e, "".join(server.said[-5:]))
        finally:
            server.stop(signal.SIGKILL)
        return ""

    def restore(self):
        """The backup in place of the database."""
        shutil.rmtree(self.data)
        run = self.command("restore", os.path.join(self.folder, "backup.db"))
        return run.returncode, run.stderr

    def run(self, all_of_them):
        if self.what == "backup":
            code, text = self.restore()
            if code:
                return self.refusal(code, text)
        wrong = self.ask_all() if all_of_them else self.ask_one()
        if wrong or self.refused or not self.thorough:
            return wrong
        check = self.command("check")
        if check.returncode < 0 or "Sanitizer" in check.stderr:
            return "ragd check ended with %d: %s" % (check.returncode, check.stderr[-2000:])
        if check.returncode and self.what in MADE_AGAIN:
            return "ragd check: " + check.stdout
        return ""


def main():
    print("# seed %d, %s" % (SEED, os.path.relpath(service.RAGD)))
    chance = random.Random(SEED)
    folder = tempfile.mkdtemp(prefix="ragd-damage.")
    place = Place(folder)
    counts, reasons, failed = {}, {}, 0
    kinds = sorted(place.files)
    print("# damaged: " + ", ".join("%s (%d)" % (k, len(place.files[k])) for k in kinds))
    print("1..%d" % N_TRIALS, flush=True)
    for i in range(N_TRIALS):
        what = kinds[i % len(kinds)]
        trial = Trial(place, what, chance.choice(place.files[what]), chance)
        wrong = trial.run(chance.randrange(ALL_EVERY) == 0)
        failed += bool(wrong)
        c = counts.setdefault(what, [0, 0])
        c[bool(trial.refused)] += 1
        reasons.setdefault(what, set()).add(trial.refused.replace(folder, "")[:200])
        print("%sok %d - %s: %s" % ("not " if wrong else "", i + 1, what, trial.told), flush=True)
        for line in wrong.split("\n")[:12] if wrong else []:
            print("# " + line)
    for what in kinds:
        print("# %s: %d right, %d refused%s" % (what, *counts.get(what, (0, 0)), "".join(
            "\n#     " + r for r in sorted(reasons.get(what, ())) if r)))
    n_refused = sum(c[1] for c in counts.values())
    print("# R10 | %d damaged files (%s) | %d answered right, %d refused with a reason, %d wrong or silent" % (
        N_TRIALS, ", ".join(kinds), N_TRIALS - n_refused - failed, n_refused, failed))
    shutil.rmtree(folder, ignore_errors=True)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
