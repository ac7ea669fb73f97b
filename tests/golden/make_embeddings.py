#!/usr/bin/env python3
"""Writes embeddings.bin: the reference encoder's vectors of texts.jsonl.

    make_embeddings.py MODEL_DIR texts.jsonl embeddings.bin

sentence-transformers on torch, f32, one text at a time (no padding), cut at 256 tokens, mean
pooling, normalized. Little endian:

    offset  bytes      what
    0       8          "RAGDEMB1"
    8       4          u32 number of vectors, in the order of texts.jsonl
    12      4          u32 dimension
    16      4          u32 limit in tokens, with [CLS] and [SEP]
    20      4          u32 0
    24      n*dim*2    f16, row after row; as stored they have length 1 only to about 1e-4
"""

import json
import os
import struct
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy as np
import torch
from sentence_transformers import SentenceTransformer

MAX_TOKENS = 256


def main():
    model_dir, texts_path, out_path = sys.argv[1:]
    torch.set_num_threads(1)
    model = SentenceTransformer(model_dir, device="cpu", local_files_only=True)
    model.max_seq_length = MAX_TOKENS
    model = model.float().eval()
    with open(texts_path, encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    vectors = []
    for row in rows:
        ids = model.tokenizer(row["text"], truncation=True, max_length=MAX_TOKENS)["input_ids"]
        cut = row["ids"] if len(row["ids"]) <= MAX_TOKENS else row["ids"][: MAX_TOKENS - 1] + [102]
        assert ids == cut, row["id"]
        vectors.append(model.encode([row["text"]], batch_size=1, normalize_embeddings=True, show_progress_bar=False)[0])
    exact = np.stack(vectors).astype(np.float32)
    half = exact.astype("<f2")
    back = half.astype(np.float64)
    cosine = (exact * back).sum(1) / np.linalg.norm(exact.astype(np.float64), axis=1) / np.linalg.norm(back, axis=1)
    print(f"{len(rows)} vectors of {exact.shape[1]}; storing as f16 costs at most {1 - cosine.min():.1e} of cosine")
    assert cosine.min() > 1 - 1e-6
    with open(out_path, "wb") as f:
        f.write(b"RAGDEMB1" + struct.pack("<4I", *half.shape, MAX_TOKENS, 0) + half.tobytes())


if __name__ == "__main__":
    main()
