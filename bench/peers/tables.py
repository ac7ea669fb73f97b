"""What compare.py found, as Markdown."""
import os
import statistics

import ratios

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def table(head, rows):
    lines = ["| %s |" % " | ".join(map(str, r)) for r in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines)


def ms_text(ms):
    """Three digits."""
    return "%.*f" % (3 if ms < 1 else 2 if ms < 10 else 1 if ms < 100 else 0, ms)


def text_peer(name):
    return name == "sentence-transformers"


def engines(result, n_threads, texts=False):
    names = {}
    for name, _, n in result["turns"]:
        if n == n_threads and (name.startswith("ragd") or text_peer(name) == texts):
            names[name] = True
    return list(names)


def times_table(result, n_threads, texts=False):
    rows = []
    for name in engines(result, n_threads, texts):
        row = [name]
        for case in ratios.CASES:
            took = result["turns"].get((name, case, n_threads))
            row.append("%s (%s)" % (ms_text(min(took)), ms_text(statistics.median(took))) if took else "-")
        least = result["turns"].get((name, ratios.BATCH, n_threads))
        row.append("%.0f" % (64e3 / min(least)) if least else "-")
        if n_threads == 1 and not texts:
            found = result["cosine"].get(name)
            row.append("%.5f / %.5f" % found if found else "-")
        rows.append(row)
    head = ["ms, least (median)", *ratios.CASES, "passages/s, 64 x 128"]
    if n_threads == 1 and not texts:
        head.append("cosine to torch f32, least / mean")
    return table(head, rows)


def peak_text(result):
    peaks = ", ".join("%s %s" % (p, "%.0f" % (x / 1e9) if x else "none") for p, x in result["peaks"].items())
    reading = ", ".join("%s %.0f" % (k, x / 1e9) for k, x in result["bandwidth"].items() if x)
    return ("One core at most, 10^9 operations/s: %s. Reading, GB/s: %s." % (peaks, reading))


def floor_table(result, times):
    rows = []
    for precision in ratios.PRECISIONS:
        for case in ratios.CASES:
            ms = times.get(("ragd " + precision, case, 1))
            if not ms:
                continue
            least = ratios.floor_ms(result["work"][case], precision, result["peaks"])
            rows.append([precision, case, ms_text(ms), ms_text(least), "%.2f" % (ms / least)])
    return table(["precision", "case", "ms", "floor ms", "time / floor"], rows)


def padding_table(result):
    rows = []
    for name in engines(result, 1):
        size = result["sizes"].get((name, ratios.MIXED))
        if size and not name.startswith("ragd"):
            rows.append([name, size[2], result["sizes"][name, ratios.BATCH][2],
                         "%.0f %%" % (100 * (1 - size[0] / size[1]))])
    return table(["peer", "batch size, 64 mixed", "batch size, 64 x 128", "padding, 64 mixed"], rows)


def ratio_table(result, times, wall):
    rows = []
    for row in ratios.rows(times, wall, result["work"], result["peaks"]):
        value = "-" if row.value is None else "%.2f" % row.value
        rows.append([row.name, value, "%s %g" % (row.side, row.bar), ratios.verdict(row), row.note])
    return table(["ratio", "measured", "bar", "", "of"], rows)


def markdown(result):
    times, wall = ({k: min(v) for k, v in result[which].items() if v} for which in ("turns", "wall"))
    threads = sorted({n for _, _, n in times})
    clock = "processor time" if result["clock"] == "cpu" else "wall clock"
    parts = ["Measured %s on %s. %d rounds, one thread by %s; mixed texts: %s." % (
        result["date"], result["machine"], result["rounds"], clock, result["texts"])]
    if result["versions"]:
        parts.append("; ".join(sorted(set(result["versions"].values()))) + ".")
    for n in threads:
        parts.append("### %d thread%s, from token ids (ours: from text)" % (n, "" if n == 1 else "s"))
        parts.append(times_table(result, n))
        if any(text_peer(name) for name, _, k in times if k == n):
            parts.append("### %d thread%s, from text to vector" % (n, "" if n == 1 else "s"))
            parts.append(times_table(result, n, texts=True))
    if 1 in threads and result["work"]:
        parts += ["### Beside the peak", peak_text(result), floor_table(result, times)]
        if len(engines(result, 1)) > sum(n.startswith("ragd") for n in engines(result, 1)):
            parts += ["### Padding of the peers", padding_table(result)]
    if result["work"]:
        parts += ["### Ratios", ratio_table(result, times, wall)]
    if result["skipped"]:
        parts.append("Skipped: %s." % "; ".join(result["skipped"]))
    return "\n\n".join(parts)


def put_into(path, text):
    """Between the two marks of the file; a file without them, or none, is written with them."""
    block = "%s\n\n%s\n\n%s" % (BEGIN, text, END)
    old = ""
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            old = f.read()
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    new = before + block + after if begin and end else (old + "\n" if old else "") + block + "\n"
    with open(path, "w", encoding="utf-8") as f:
        f.write(new)
