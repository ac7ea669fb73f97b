"""Figures with the bar each has to reach, printed as text and kept as JSON for scripts/results."""
import argparse
import json

ABOVE, BELOW = "at least", "at most"


class Figures:
    def __init__(self, title, command):
        self.title, self.command = title, command
        self.rows, self.notes = [], []
        self.lines = []  # of the table that `make eval` keeps

    def line(self, what, mode, value, search_ms):
        """search_ms: of every question, or their median and 99th percentile."""
        if not isinstance(search_ms, tuple):
            v = sorted(search_ms)
            search_ms = v[len(v) // 2], v[min(len(v) - 1, len(v) * 99 // 100)]
        self.lines.append([what, mode, value, "%.2f" % search_ms[0], "%.2f" % search_ms[1]])

    def add(self, name, value, form="%s", bar=None, side=ABOVE):
        """bar None: the figure is reported, nothing is asked of it."""
        met = None if bar is None else bool(value >= bar if side == ABOVE else value <= bar)
        asked = "" if bar is None else "%s %s" % (side, form % bar)
        self.rows.append([name, form % value, asked, met])

    def note(self, text):
        self.notes.append(text)

    def text(self):
        wide = max([len(r[0]) for r in self.rows] + [0])
        lines = ["== " + self.title]
        for name, value, asked, met in self.rows:
            word = "" if met is None else "  (%s: %s)" % (asked, "met" if met else "MISSED")
            lines.append("%-*s  %s%s" % (wide, name, value, word))
        return "\n".join(lines + ["   " + n for n in self.notes])

    def missed(self):
        return [r for r in self.rows if r[3] is False]


def options(description, **more):
    """Every script has --json FILE; `more`: further options with their defaults."""
    p = argparse.ArgumentParser(description=description,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--json", metavar="FILE", help="write the figures here too")
    for name, value in more.items():
        p.add_argument("--" + name.replace("_", "-"), default=value,
                       type=type(value) if value is not None else str)
    return p.parse_args()


def tell(o, *figures):
    print("\n\n".join(f.text() for f in figures), flush=True)
    if o.json:
        with open(o.json, "w", encoding="utf-8") as f:
            json.dump([vars(x) for x in figures], f, indent=1)
