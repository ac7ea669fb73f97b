#!/usr/bin/env python3
"""Writes rerank.json: small cross-encoders, and the scores that the reference gives pairs with them.

    make_rerank.py rerank.json

Models are written as in make_models.py: small files as text, tensors as a rule for their weights. The
folders are loaded by sentence-transformers' CrossEncoder as they lie there, and every weight must have
arrived. "raw" are the scores before the activation (logits), "scores" those that predict() gives for one
label (sigmoid); on torch in f32, one pair at a time, cut by the reference's own tokenizer.
"""

import json
import os
import sys
import tempfile

import numpy as np
import torch
from make_models import CASED, LONG, LOWER, as_text, config, numbers, tensors, tokenizer_file, words_file, write_folder
from sentence_transformers import CrossEncoder

WORDS = "the capital ratio of a bank is 8 % of what it has"
MIDDLE = "What is the capital ratio of a bank in 2024, and of 2025? " * 2
PAIRS = [
    ["what is the capital ratio?", "The capital ratio of a bank is 12.5%."],
    ["what is the capital ratio?", "cafe in the passage"],
    ["what is the capital ratio?", ""],
    ["", "The capital ratio of a bank."],
    ["A", "A"],
    ["The Café in Zürich: naïve", "ÉTÉ 2024 (12.5%) 中 ☃"],
    ["what is the query?", LONG],  # the text is cut to what the question leaves
    [LONG, "a bank"],  # the question is
    [LONG, LONG + WORDS],  # both, to half
    [LONG + WORDS, LONG],
    [MIDDLE, MIDDLE],  # of the same length: the text keeps the odd token
    [MIDDLE, WORDS],
]


def head(hidden, dtype="F32"):
    return [["bert.pooler.dense.weight", dtype, [hidden, hidden], 0, 0.25],
            ["bert.pooler.dense.bias", dtype, [hidden], 0, 0.125],
            ["classifier.weight", dtype, [1, hidden], 0, 0.5],
            ["classifier.bias", dtype, [1], 0, 0.5]]


def cross(layers, hidden, heads, wide, positions, vocab, **more):
    return config(layers, hidden, heads, wide, positions, vocab, **{
        "architectures": ["BertForSequenceClassification"],
        "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}, **more})


def models():
    c = cross(2, 64, 4, 128, 64, LOWER)
    yield {"name": "small", "max_tokens": 64, "tensors": tensors(c, "bert.", extra=head(64)),
           "files": {"config.json": c, **words_file(LOWER, True, 64)}}

    # as ms-marco models: no activation by default; another limit than the positions; odd sizes
    c = cross(3, 72, 9, 100, 96, CASED, epsilon=1e-5, dtype="float16",
              sbert_ce_default_activation_function="torch.nn.modules.linear.Identity")
    yield {"name": "odd", "max_tokens": 49, "tensors": tensors(c, "bert.", "F16", extra=head(72, "F16")),
           "files": {"config.json": c, **tokenizer_file(CASED, False, 49)}}

    c = cross(2, 96, 3, 192, 128, LOWER, types=3)
    modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"}]
    limit = {"transformer_task": "sequence-classification", "module_output_name": "scores"}
    yield {"name": "newer_files", "max_tokens": 128, "tensors": tensors(c, "bert.", extra=head(96)),
           "files": {"config.json": c, **tokenizer_file(LOWER, True, 128), "modules.json": modules,
                     "sentence_bert_config.json": limit}}


def check_arrived(model, made):
    state = model.model.state_dict()
    floats = {k for k, v in state.items() if v.is_floating_point()}
    assert floats == set(made), floats ^ set(made)
    for name, value in made.items():
        assert torch.equal(state[name], value.float()), name


def run(m):
    with tempfile.TemporaryDirectory() as folder:
        made = write_folder(m, folder)
        model = CrossEncoder(folder, device="cpu", local_files_only=True).float().eval()
        check_arrived(model, made)
        assert model.max_seq_length == m["max_tokens"], model.max_seq_length

        def predict(activation):
            return [model.predict([p], activation_fn=activation, show_progress_bar=False)[0] for p in PAIRS]

        m["raw"] = numbers(predict(torch.nn.Identity()))
        m["scores"] = numbers(predict(torch.nn.Sigmoid()))
        lengths = [len(model.tokenizer(*p, truncation=True, max_length=m["max_tokens"])["input_ids"]) for p in PAIRS]
    print(f"{m['name']:12} raw {min(m['raw']):.3f} to {max(m['raw']):.3f}, tokens {lengths}")
    assert np.ptp(m["raw"]) > 0.5


def main():
    (out_path,) = sys.argv[1:]
    torch.set_num_threads(1)
    done = []
    for seed, m in enumerate(models(), 101):
        m["files"] = {k: as_text(v) for k, v in m["files"].items()}
        m = {"name": m.pop("name"), "seed": seed, **m}
        run(m)
        done.append(m)
    with open(out_path, "w", encoding="utf-8") as f:
        f.write('{"pairs":[\n' + ",\n".join(json.dumps(p, ensure_ascii=False) for p in PAIRS) + '],\n"models":[\n')
        for i, m in enumerate(done):
            rows = ",\n".join(json.dumps(t, separators=(",", ":")) for t in m.pop("tensors"))
            parts = [f'"{k}":{json.dumps(v, ensure_ascii=False, separators=(",", ":"))}' for k, v in m.items()]
            f.write(("," if i else "") + "{" + ",\n".join(parts) + f',\n"tensors":[\n{rows}]}}\n')
        f.write("]}\n")


if __name__ == "__main__":
    main()
