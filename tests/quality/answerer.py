#!/usr/bin/env python3
"""How well the quoting answerer tells what the documents answer from what they do not.

squad-dev's questions are answerable, those of unanswerable.jsonl name a paragraph that does not
answer them. support_signals asks them all; fit_support.py halves them by a hash of their id and
reports on the half that the support was not fitted on.

    tests/quality/answerer.py [--json FILE]
"""
import os
import re
import subprocess
import sys

import service
from figures import BELOW, Figures, options, tell

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = "build/release/tests/quality/support_signals"
REFUSED = 0.10


def build():
    subprocess.run(["make", "-s", "--no-print-directory", "V=release", PROGRAM],
                   cwd=service.ROOT, check=True, stdout=subprocess.DEVNULL)


def signals(data, out):
    """One line a question, into the file `out`."""
    with open(out, "w", encoding="utf-8") as f:
        for name, label in (("queries.jsonl", "1"), ("unanswerable.jsonl", "0")):
            subprocess.run([os.path.join(service.ROOT, PROGRAM), data,
                            service.shared("squad-dev", name), label], check=True, stdout=f)


def main():
    o = options(__doc__)
    service.need_shared()
    build()
    data = service.one_chunk_a_record("squad-dev")
    signals(data, data + "-signals.tsv")
    text = subprocess.run([sys.executable, os.path.join(HERE, "fit_support.py"), "--report-only",
                           data + "-signals.tsv"], check=True, stdout=subprocess.PIPE, text=True).stdout
    halves = re.search(r"questions: (\d+) fitted on, (\d+) held out", text)
    auc, no, yes = re.search(r"built in: +ROC-AUC ([\d.]+), unanswerable refused ([\d.]+), "
                             r"answerable refused ([\d.]+)", text).groups()
    out = Figures("The quoting answerer on squad-dev, %s questions held out" % halves.group(2),
                  "tests/quality/answerer.py")
    out.add("ROC-AUC of the support", float(auc), "%.4f")
    out.add("share of the unanswerable that is refused", float(no), "%.4f")
    out.add("share of the answerable that is refused", float(yes), "%.4f", REFUSED, BELOW)
    tell(o, out)


if __name__ == "__main__":
    main()
