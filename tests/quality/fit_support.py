#!/usr/bin/env python3
"""Fits the quoting answerer's support (logistic regression) and reports it on questions not fitted on.

usage: fit_support.py SIGNALS.tsv [--refuse-at-most 0.10]

SIGNALS.tsv comes from support_signals: label, id, answered, support, then the signals. Questions are halved by a hash of
their id: the fit sees the even half, every figure printed is of the odd half. Standard library only.
"""
import argparse, hashlib, math

NAMES = ['passage_cosine', 'sentence_cosine', 'sentence_words', 'passage_words', 'names_missing', 'kind_matches',
         'negation_differs']


def half(question_id):
    return hashlib.sha256(question_id.encode()).digest()[0] & 1


def read(path):
    rows = []
    for line in open(path, encoding='utf-8'):
        f = line.rstrip('\n').split('\t')
        rows.append((int(f[0]), f[1], int(f[2]), float(f[3]), [float(x) for x in f[4:4 + len(NAMES)]]))
    return rows


def fit(rows, steps=4000, rate=1.0, keep=1e-4):
    """Full-batch gradient descent on standardized signals, classes weighted equally."""
    k = len(NAMES)
    mean = [sum(r[4][j] for r in rows) / len(rows) for j in range(k)]
    dev = [max(1e-9, math.sqrt(sum((r[4][j] - mean[j]) ** 2 for r in rows) / len(rows))) for j in range(k)]
    x = [[(r[4][j] - mean[j]) / dev[j] for j in range(k)] for r in rows]
    n_pos = sum(r[0] for r in rows)
    weight = [0.5 / n_pos if r[0] else 0.5 / (len(rows) - n_pos) for r in rows]
    w, b = [0.0] * k, 0.0
    for _ in range(steps // 10):
        gw, gb = [keep * v for v in w], 0.0
        for r, xi, wi in zip(rows, x, weight):
            z = b + sum(p * q for p, q in zip(w, xi))
            d = wi * (1 / (1 + math.exp(-max(-30, min(30, z)))) - r[0])
            gb += d
            for j in range(k):
                gw[j] += d * xi[j]
        b -= rate * gb * 4
        for j in range(k):
            w[j] -= rate * gw[j] * 4
    raw = [w[j] / dev[j] for j in range(k)]
    return raw, b - sum(raw[j] * mean[j] for j in range(k))


def auc(rows, score):
    ranked = sorted(rows, key=score)
    total, i = 0.0, 0
    while i < len(ranked):  # ties share their mean rank
        j = i
        while j < len(ranked) and score(ranked[j]) == score(ranked[i]):
            j += 1
        total += sum(r[0] for r in ranked[i:j]) * (i + 1 + j) / 2
        i = j
    pos = sum(r[0] for r in rows)
    return (total - pos * (pos + 1) / 2) / (pos * (len(rows) - pos))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('signals')
    ap.add_argument('--refuse-at-most', type=float, default=0.10, help='share of the answerable that may be refused')
    ap.add_argument('--report-only', action='store_true', help='no fit: the figures of the support as built in')
    a = ap.parse_args()
    rows = read(a.signals)
    tune, test = [r for r in rows if half(r[1]) == 0], [r for r in rows if half(r[1]) == 1]
    share = lambda rs, label, hit: sum(1 for r in rs if r[0] == label and hit(r)) / max(1, sum(1 for r in rs if r[0] == label))
    print('questions: %d fitted on, %d held out (%d answerable)' % (len(tune), len(test), sum(r[0] for r in test)))
    print('built in:  ROC-AUC %.4f, unanswerable refused %.4f, answerable refused %.4f'
          % (auc(test, lambda r: r[3]), share(test, 0, lambda r: not r[2]), share(test, 1, lambda r: not r[2])))
    for j, name in enumerate(NAMES):
        print('  %-16s alone: ROC-AUC %.4f' % (name, auc(test, lambda r: r[4][j])))
    if a.report_only:
        return
    w, b = fit(tune)
    z = lambda r: b + sum(p * q for p, q in zip(w, r[4]))
    answerable = sorted(z(r) for r in tune if r[0])
    cut = answerable[int(a.refuse_at_most * 0.9 * len(answerable))]
    print('fitted:    ROC-AUC %.4f, unanswerable refused %.4f, answerable refused %.4f'
          % (auc(test, z), share(test, 0, lambda r: z(r) < cut), share(test, 1, lambda r: z(r) < cut)))
    print('bias %.4f' % b)
    for name, v in zip(NAMES, w):
        print('%s %.4f' % (name, v))
    print('refuse_below %.4f' % (1 / (1 + math.exp(-cut))))


if __name__ == '__main__':
    main()
