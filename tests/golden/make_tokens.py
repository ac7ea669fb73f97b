#!/usr/bin/env python3
"""Writes tokens.txt: what the reference tokenizer makes of every code point and of real files.

    make_tokens.py MODEL_DIR [SHARED_DATA_DIR] > tokens.txt

A line is "KIND NAME TEXTS TOKENS SHA256". The hash runs over the ids of each text, without [CLS]
and [SEP], as little-endian i32, each text followed by -1.

    alone    U+NNNN   4,096 code points from there, each a text by itself (surrogates left out)
    between  U+NNNN   the same as "a" + c + "b"
    normal   U+NNNN   the same through the normalizer: the hash runs over the UTF-8 of each
                      normalized text, followed by a NUL (TOKENS is 0)
    ordered  all      every pair of characters that canonical order may swap, after an "x", with
                      an accent between, normalized, hashed like "normal"
    records  FILE     the title and the text of each line of a .jsonl file of the shared data
    file     FILE     a whole file of it as one text (bytes that are not UTF-8 read as U+FFFD)"""

import hashlib
import json
import os
import struct
import sys

from tokenizers import Tokenizer, normalizers

BLOCK = 4096
RECORDS = [f"{name}/{part}.jsonl" for name in ("squad-dev", "tatqa-dev", "cfr-dev") for part in ("corpus", "queries")]
RECORDS.append("squad-dev/unanswerable.jsonl")
NORMALIZER = normalizers.BertNormalizer()


def report(tokenizer, kind, name, texts):
    digest, n_tokens = hashlib.sha256(), 0
    for at in range(0, len(texts), BLOCK):
        for e in tokenizer.encode_batch(texts[at : at + BLOCK], add_special_tokens=False):
            n_tokens += len(e.ids)
            digest.update(struct.pack(f"<{len(e.ids) + 1}i", *e.ids, -1))
    print(kind, name, len(texts), n_tokens, digest.hexdigest())


def report_normal(kind, name, texts):
    digest = hashlib.sha256()
    for text in texts:
        digest.update(NORMALIZER.normalize_str(text).encode() + b"\0")
    print(kind, name, len(texts), 0, digest.hexdigest())


def sortable():
    """Characters that remain after normalizing and have a canonical combining class."""
    nfd = normalizers.NFD()
    for cp in range(0x110000):
        c = chr(cp) if not 0xD800 <= cp < 0xE000 else ""
        if c and NORMALIZER.normalize_str(c) == c and nfd.normalize_str("\u302e" + c)[0] == c != "\u302e":
            yield c
        elif c and NORMALIZER.normalize_str(c) == c and nfd.normalize_str(c + "\ua953")[-1] == c != "\ua953":
            yield c


def main():
    tokenizer = Tokenizer.from_file(sys.argv[1] + "/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    for first in range(0, 0x110000, BLOCK):
        block = [chr(cp) for cp in range(first, first + BLOCK) if not 0xD800 <= cp < 0xE000]
        name = f"U+{first:04X}"
        report(tokenizer, "alone", name, block)
        report(tokenizer, "between", name, ["a" + c + "b" for c in block])
        report_normal("normal", name, block)
    chars = list(sortable())
    report_normal("ordered", "all", ["x" + a + accent + b for a in chars for b in chars for accent in ("\u0301", "\u034f", "")])
    if len(sys.argv) < 3:
        return
    shared = sys.argv[2]
    for name in RECORDS:
        with open(os.path.join(shared, name), encoding="utf-8") as f:
            rows = [json.loads(line) for line in f]
        report(tokenizer, "records", name, [row[k] for row in rows for k in ("title", "text") if row.get(k)])
    for folder, _, files in sorted(os.walk(os.path.join(shared, "demo"))):
        for file in sorted(files):
            path = os.path.join(folder, file)
            if file.endswith((".md", ".txt", ".html")):
                with open(path, "rb") as f:
                    report(tokenizer, "file", os.path.relpath(path, shared), [f.read().decode("utf-8", "replace")])


if __name__ == "__main__":
    main()
