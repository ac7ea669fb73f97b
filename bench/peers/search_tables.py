"""What compare_search.py found, as Markdown."""
import ratios as bars
import search_ratios as ratios
from tables import table

US = 1e3  # ns


def engines(found, at):
    """Names at place `at` of the keys, ours first, then as they came."""
    names = dict.fromkeys(key[at] if isinstance(key, tuple) else key for key in found)
    return sorted(names, key=lambda n: n != ratios.OURS)


def rate(found):
    """Queries a second of the least turn (of the median), candidate list."""
    if not found:
        return "-"
    how = "ef %d" % found["ef"] if found["ef"] else "scan"
    return "%s (%s), %s" % (thousands(1e9 / found["min"]), thousands(1e9 / found["median"]), how)


def thousands(x):
    return "%.0f" % x if x < 1000 else "%.1fk" % (x / 1e3) if x < 1e5 else "%.0fk" % (x / 1e3)


def vectors_table(r, size, asked):
    rows = [[e, *(rate(r["vectors"].get((size, asked, t, e))) for t in ratios.TARGETS)]
            for e in engines(r["vectors"], 3)]
    return table(["queries/s, least turn (median)", *("recall %.2f" % t for t in ratios.TARGETS)], rows)


def builds_table(r):
    rows = []
    for (size, engine), b in r["builds"].items():
        rows.append([size, engine, "%.2f" % b["s"], "%.0f" % b["bytes"],
                     "-" if b["open ms"] is None else "%.2f" % b["open ms"]])
    return table(["base", "engine", "build, s", "bytes a vector", "open, ms"], rows)


def filters_table(r, size):
    rows = []
    for e in engines(r["filters"], 3):
        rows.append([e, *(rate(r["filters"].get((size, s, k, e))) for s in ratios.SHARES for k in ratios.KINDS)])
    head = ["queries/s at recall %.2f" % ratios.FILTER_RECALL]
    head += ["%s %%, %s" % (s, k) for s in ratios.SHARES for k in ratios.KINDS]
    return table(head, rows)


def words_table(r):
    rows = []
    for e in engines(r["words"], 0):
        w = r["words"][e]
        rows.append([e, "%s (%s)" % (thousands(1e9 / w["min"]), thousands(1e9 / w["median"])),
                     "%.1f" % (w["p50"] / US), "%.1f" % (w["p99"] / US), "%.4f" % w["gold"],
                     "%.2f" % r["word builds"].get(e, 0)])
    return table(["text to top 10", "queries/s, least turn (median)", "p50, µs", "p99, µs", "gold in ten", "build, s"],
                 rows)


def live_table(r):
    rows = [[size, name, "%.1f" % (ns / US)] for (size, name), ns in r["live"].items()]
    return table(["base", "the whole retriever", "µs"], rows)


def ratios_table(r):
    rows = []
    for row in ratios.rows(r):
        value = "-" if row.value is None else thousands(row.value) if row.value >= 1000 else "%.3g" % row.value
        rows.append([row.name, value, "%s %g" % (row.side, row.bar), bars.verdict(row), row.note])
    return table(["", "here", "goal", "", ""], rows)


def markdown(r):
    parts = ["Measured %s on %s. %d rounds, one thread by %s clock but for builds (two); %d questions, %d held-out "
             "sentences, %d questions for each filter; %.0f s in all."
             % (r["date"], r["machine"], r["rounds"], r["clock"], r["n"]["queries"], r["n"]["held"], r["n"]["few"],
                r["seconds"]),
             "; ".join(sorted(set(r["versions"].values()))) + "."]
    for size in ratios.sizes(r):
        for asked in ratios.SETS:
            if any(key[:2] == (size, asked) for key in r["vectors"]):
                parts += ["### %s vectors, %s" % (size, ratios.SET_NAMES[asked]), vectors_table(r, size, asked)]
    if r["builds"]:
        parts += ["### Building, size, opening", builds_table(r)]
    for size in ratios.sizes(r):
        if any(key[0] == size for key in r["filters"]):
            parts += ["### Filters, %s vectors" % size, filters_table(r, size)]
    if r["words"]:
        parts += ["### Words, 100k sentences", words_table(r)]
    if r["live"]:
        parts += ["### The whole retriever", live_table(r)]
    parts += ["### Ratios", ratios_table(r)]
    if r["skipped"]:
        parts.append("Skipped: %s." % "; ".join(dict.fromkeys(r["skipped"])))
    return "\n\n".join(parts)
