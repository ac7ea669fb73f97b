#!/usr/bin/env python3
"""One peer as a child that is told what to run: the protocol of bench/embed_serve.h.

    serve.py ENGINE MODEL_DIR MODELS_DIR THREADS     ENGINE: a name of engines.OPEN

`run` of a case is token ids to unit vectors, made from its texts beforehand; of sentence-transformers
it is texts to vectors. `case` answers the tokens, the tokens with padding, and the batch size that
was the fastest of those tried.
"""
import os
import sys
import time

import engines


def answer(engine, cases, line, read):
    word, *rest = line.split()
    if word == "case":
        texts = [read() for _ in range(int(rest[1]))]
        cases[rest[0]] = [engine.prepare(texts), None]
        return "ok %d %d %d" % engine.size_of(cases[rest[0]][0])
    case = cases[rest[0]]
    if word == "run":
        took = []
        for _ in range(int(rest[1])):
            cpu, wall = time.process_time_ns(), time.perf_counter_ns()
            case[1] = engine.run(case[0])
            took.append("%d:%d" % (time.perf_counter_ns() - wall, time.process_time_ns() - cpu))
        return "ok " + " ".join(took)
    if word == "vectors":
        rows = [" ".join("%.7g" % x for x in row) for row in case[1]]
        return "\n".join(["ok %d" % len(rows)] + rows)
    raise ValueError("'%s' is none of case, run, vectors" % word)


def main():
    name, model_dir, models_dir, n_threads = sys.argv[1:]
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the libraries print is not an answer
    engine = engines.OPEN[name](engines.Place(model_dir, models_dir, int(n_threads)))
    print("ready", engine.version, file=out, flush=True)
    cases = {}
    for line in sys.stdin:
        try:
            reply = answer(engine, cases, line, lambda: sys.stdin.readline().rstrip("\n"))
        except Exception as e:  # the driver says which engine failed, and goes on
            reply = "error %s: %s" % (type(e).__name__, str(e).replace("\n", " "))
        print(reply, file=out, flush=True)


if __name__ == "__main__":
    main()
