#!/usr/bin/env python3
"""Asks the demo questions of a server that holds demo/ and the filings, and counts.

A question counts as found when one of its gold texts (white space folded) stands in one of the
first five sources of the gold document. `none` questions have no answer in these documents: the
right reply is "answered": false.

    tests/quality/demo_questions.py [--data DIR] [--show 1]     (show: every question with its reply)
"""
import service
from figures import Figures, options, tell

K = 5
FOUND, SAID_SO = 29, 2  # of 33 and 3
MODES = ("hybrid", "vector", "keyword", "summary")


def folded(text):
    return " ".join(text.split())


def is_found(question, sources):
    texts = [(s["document"], folded(s["text"])) for s in sources]
    return any(service.document_id(g["doc"]) == document and folded(g["text"]) in text
               for g in question["gold"] for document, text in texts)


def is_quoted(question, answer):
    return any(folded(g["text"]) in folded(answer) for g in question["gold"])


def show(question, reply):
    print("\n%s %s\n  wanted: %s" % (question["id"], question["question"], question["answer"]))
    print("  reply:  %s" % reply["answer"])
    for s in reply["sources"]:
        print("  %5.3f %s p.%s  %s" % (s["score"], s["document"], s["page"], folded(s["text"])[:90]))


def ask_all(client, questions, mode, out, shown, search_ms):
    found = quoted = refused = said_so = 0
    for q in questions:
        reply = client.post("/query", question=q["question"], k=K, mode=mode, cache="no-store")
        search_ms.append(reply["timings"]["search_ms"])
        if shown:
            show(q, reply)
        if q["kind"] == "none":
            said_so += not reply["answered"]
            if reply["answered"] and mode == "hybrid":
                out.note("answered all the same: %s -> %s" % (q["question"], folded(reply["answer"])[:160]))
            continue
        refused += not reply["answered"]
        quoted += is_quoted(q, reply["answer"])
        if is_found(q, reply["sources"]):
            found += 1
        elif mode == "hybrid":
            out.note("not among the first %d: %s %s (first: %s)" % (
                K, q["id"], q["question"], reply["sources"][0]["document"] if reply["sources"] else "-"))
        if not reply["answered"] and mode == "hybrid":
            out.note("not answered: %s %s" % (q["id"], q["question"]))
    return found, quoted, refused, said_so


def measure(data, shown=False):
    questions = service.records("demo-questions.jsonl")
    n_none = sum(q["kind"] == "none" for q in questions)
    out = Figures("Demo questions over demo/ and 23 filings", "tests/quality/demo_questions.py")
    with service.Server(data) as server:
        client = service.Client(server.port)
        for mode in MODES:
            search_ms = []
            found, quoted, refused, said_so = ask_all(client, questions, mode, out,
                                                      shown and mode == "hybrid", search_ms)
            asked = mode == "hybrid"
            out.line("demo, gold in %d sources" % K, mode, "%d of %d" % (found, len(questions) - n_none),
                     search_ms)
            out.add("%s: gold text in the first %d sources, of %d" % (mode, K, len(questions) - n_none),
                    found, "%d", FOUND if asked else None)
            out.add("%s: the answer itself quotes a gold text, of %d" % (mode, len(questions) - n_none),
                    quoted, "%d")
            out.add("%s: questions without an answer that are told so, of %d" % (mode, n_none),
                    said_so, "%d", SAID_SO if asked else None)
            out.add("%s: questions with an answer that are refused, of %d" % (
                mode, len(questions) - n_none), refused, "%d")
        client.close()
    return out


def main():
    o = options(__doc__, data=None, show=0)
    service.need_shared()
    tell(o, measure(o.data or service.library()[0], o.show))


if __name__ == "__main__":
    main()
