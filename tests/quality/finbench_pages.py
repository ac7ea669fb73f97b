#!/usr/bin/env python3
"""How many of the pages that hold the evidence are among the pages of the first ten hits.

Asks POST /search (what `ragd search --json` prints), k 10, over demo/ and the filings. Recall is
the share of a question's gold pages that were found, averaged over the questions.

    tests/quality/finbench_pages.py [--data DIR]
"""
import service
from figures import Figures, options, tell

K = 10
MODES = ("hybrid", "vector", "keyword", "summary")
BARS = {"all filings": 0.40, "the right filing": 0.55}  # hybrid


def filters(question):
    document = service.document_id("finbench/" + question["doc"])
    return (("all documents, demo/ too", None),
            ("all filings", {"company": {"exists": True}}),
            ("filings of the company", {"company": question["company"]}),
            ("the right filing", {"_document": document}))


def recall(client, question, mode, filter_, search_ms):
    gold = {(service.document_id("finbench/" + question["doc"]), p) for p in question["pages"]}
    request = {"question": question["question"], "k": K, "mode": mode}
    if filter_:
        request["filter"] = filter_
    reply = client.post("/search", **request)
    search_ms.append(reply["timings"]["search_ms"])
    return len(gold & {(h["document"], h["page"]) for h in reply["hits"]}) / len(gold)


def measure(data):
    questions = service.records("finbench", "questions.jsonl")
    out = Figures("Pages with the evidence, recall@10, %d questions over 23 filings" % len(questions),
                  "tests/quality/finbench_pages.py")
    out.note("Plain BM25 in our trial: 0.30 over all filings, 0.44 with the right document.")
    with service.Server(data) as server:
        client = service.Client(server.port)
        for i, (name, _) in enumerate(filters(questions[0])):
            for mode in MODES:
                search_ms = []
                total = sum(recall(client, q, mode, filters(q)[i][1], search_ms) for q in questions)
                out.add("%s, %s" % (name, mode), total / len(questions), "%.3f",
                        BARS.get(name) if mode == "hybrid" else None)
                out.line("finbench, pages in %d hits, %s" % (K, name), mode,
                         "%.3f" % (total / len(questions)), search_ms)
        client.close()
    return out


def main():
    o = options(__doc__, data=None)
    service.need_shared()
    tell(o, measure(o.data or service.library()[0]))


if __name__ == "__main__":
    main()
