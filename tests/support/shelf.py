"""Documents that never change, questions about them, and what a sound ragd answers.

The truth is learnt from a run that nothing disturbs, and compared without what differs from run to
run (ids, times, what came from the cache). A reply that says it is degraded is compared in nothing
but its quotes: each must stand in a document.
"""
import json

COLLECTION = "shelf"
THINGS = ("kettle", "lantern", "ledger", "anchor", "violin", "ladder", "compass", "bellows", "mirror",
          "saddle", "trowel", "abacus")
PLACES = ("harbour", "attic", "chapel", "orchard", "foundry", "library", "stable", "bakery", "quarry",
          "theatre", "granary", "customs house")
MODES = ("hybrid", "vector", "keyword", "summary")


def text_of(i):
    thing, place = THINGS[i], PLACES[i]
    lines = ["The %s of number %d stands in the %s." % (thing, 100 + i, place),
             "It was bought in %d for %d crowns." % (1800 + 7 * i, 30 + i),
             "The keeper of the %s cleans the %s every %d days." % (place, thing, 3 + i)]
    for k in range(9):
        other = THINGS[(i + k + 1) % len(THINGS)]
        lines.append("Entry %d of the %s book says that the %s was lent to the %s." % (
            k, place, other, PLACES[(i * 3 + k) % len(PLACES)]))
    return " ".join(lines)


def documents():
    return [{"id": "s%02d" % i, "title": "Of the " + t, "text": text_of(i), "metadata": {"year": 1800 + 7 * i}}
            for i, t in enumerate(THINGS)]


def questions():
    for i, thing in enumerate(THINGS):
        yield {"question": "Where does the %s of number %d stand?" % (thing, 100 + i),
               "collection": COLLECTION, "mode": MODES[i % len(MODES)]}
    for i, place in enumerate(PLACES[::3]):
        yield {"question": "What does the keeper of the %s clean?" % place, "collection": COLLECTION,
               "filter": {"year": {"gte": 1800}}, "k": 3 + i}


def essence(reply):
    """What must be the same in every run."""
    return json.dumps([reply["answer"], reply["answered"],
                       [[s[k] for k in ("document", "chunk", "start", "end", "text")] for s in reply["sources"]],
                       reply["citations"]])


def is_right(reply, truth):
    if reply.get("degraded"):
        return all(any(s["text"] == text_of(i)[s["start"]:s["end"]] for i in range(len(THINGS)))
                   for s in reply["sources"] if s["kind"] == "text")
    return essence(reply) == truth


class Shelf:
    """Fills the collection over an open client and learns the truth."""

    def __init__(self, http):
        reply = http.post("/documents", documents=documents(), collection=COLLECTION)
        assert all(d["status"] in ("ingested", "unchanged") for d in reply["documents"]), reply
        self.questions = list(questions())
        self.truth = [essence(http.post("/query", **q)) for q in self.questions]

    def wrong(self, reply, i):
        """What is wrong with the reply to question i; "" when nothing is."""
        if is_right(reply, self.truth[i]):
            return ""
        how = {k: reply.get(k) for k in ("cache", "timings", "degraded")}
        return "question %d is answered %s, not %s; %s" % (i, essence(reply), self.truth[i], how)
