"""The peers, set up as their own guides say is fastest, each behind three calls.

    prepared = engine.prepare(texts)   once a case: token ids, sorted, padded, as the peer takes them
    engine.run(prepared)               unit vectors [n, dim] in the order of the texts
    engine.size_of(prepared)           tokens, tokens with padding, texts in a batch

More than one text: longest first, in batches padded to their longest; every size of SIZES is tried
and the fastest kept. Mean and normalization are the caller's part with these libraries: numpy (torch
for torch), some tens of microseconds.
"""
import collections
import functools
import os
import time

import numpy as np

import models

SIZES = (1, 8, 32)  # 32 is sentence-transformers' own
N_TRIED = 32  # texts that the sizes are tried with
Place = collections.namedtuple("Place", "model_dir models_dir n_threads")
Prepared = collections.namedtuple("Prepared", "n batches size n_tokens n_padded")


def padded(ids):
    """[n, longest] ids and mask of sequences of any lengths."""
    longest = max(len(x) for x in ids)
    out = np.zeros((len(ids), longest), np.int64)
    mask = np.zeros_like(out)
    for i, x in enumerate(ids):
        out[i, :len(x)] = x
        mask[i, :len(x)] = 1
    return out, mask


def pooled(hidden, mask):
    """Mean over the real tokens, scaled to length 1."""
    if mask.all():
        v = hidden.mean(axis=1)
    else:
        v = np.matmul(mask[:, None, :].astype(np.float32), hidden)[:, 0]
    return v / np.linalg.norm(v, axis=1, keepdims=True)


class Engine:
    """An engine has `version` and `encode(ids, mask)`, which gives the last hidden states."""

    def __init__(self, place):
        self.words = models.tokenizer(place.model_dir)
        self.dim = models.config(place.model_dir)["hidden_size"]

    def inputs(self, ids, mask):
        return ids, mask

    def batches(self, ids, size):
        order = sorted(range(len(ids)), key=lambda i: -len(ids[i]))
        for i in range(0, len(order), size):
            part = order[i:i + size]
            yield part, self.inputs(*padded([ids[j] for j in part]))

    def prepared(self, ids, size):
        batches = list(self.batches(ids, size))
        n_padded = sum(x[0].shape[0] * x[0].shape[1] for _, x in batches)
        return Prepared(len(ids), batches, size, sum(map(len, ids)), n_padded)

    def prepare(self, texts):
        ids = [self.words.encode(t).ids for t in texts]
        if len(ids) == 1:
            return self.prepared(ids, 1)
        few = ids[::max(1, len(ids) // N_TRIED)]
        size = min(SIZES, key=lambda size: self.seconds(self.prepared(few, size)))
        return self.prepared(ids, size)

    def seconds(self, prepared):
        """Of processor time, which a busy machine disturbs least."""
        self.run(prepared._replace(batches=prepared.batches[:1]))  # warms up
        started = time.process_time()
        self.run(prepared)
        return time.process_time() - started

    def size_of(self, prepared):
        return prepared.n_tokens, prepared.n_padded, prepared.size

    def run(self, prepared):
        out = np.empty((prepared.n, self.dim), np.float32)
        for order, (ids, mask) in prepared.batches:
            out[order] = pooled(self.encode(ids, mask), mask)
        return out


class Onnxruntime(Engine):
    def __init__(self, file, place):
        super().__init__(place)
        import onnxruntime as ort

        o = ort.SessionOptions()
        o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        o.intra_op_num_threads = place.n_threads
        o.inter_op_num_threads = 1
        o.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        o.log_severity_level = 3
        self.session = ort.InferenceSession(os.path.join(place.models_dir, file), o,
                                            providers=["CPUExecutionProvider"])
        self.version = "onnxruntime " + ort.__version__

    def encode(self, ids, mask):
        return self.session.run(None, {"input_ids": ids, "attention_mask": mask})[0]


class Openvino(Engine):
    """LATENCY, one stream, one request used again, inputs and outputs shared, not copied."""

    def __init__(self, file, precision, place):
        super().__init__(place)
        import openvino as ov

        config = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1,
                  "INFERENCE_NUM_THREADS": place.n_threads, "INFERENCE_PRECISION_HINT": precision}
        model = ov.Core().compile_model(os.path.join(place.models_dir, file), "CPU", config)
        self.request = model.create_infer_request()
        self.version = "OpenVINO " + ov.__version__.split("-")[0]

    def encode(self, ids, mask):
        self.request.infer([ids, mask], share_inputs=True, share_outputs=True)
        return self.request.get_output_tensor(0).data


class Torch(Engine):
    def __init__(self, place):
        super().__init__(place)
        import torch

        torch.set_num_threads(place.n_threads)
        self.torch, self.model = torch, models.torch_model(place.model_dir, "sdpa")
        self.version = "torch " + torch.__version__

    def inputs(self, ids, mask):
        t = self.torch.from_numpy
        return t(ids), t(mask)

    def run(self, prepared):
        torch = self.torch
        out = torch.empty((prepared.n, self.dim))
        with torch.inference_mode():
            for order, (ids, mask) in prepared.batches:
                hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
                v = torch.matmul(mask[:, None, :].to(hidden.dtype), hidden)[:, 0]
                out[order] = torch.nn.functional.normalize(v, dim=1)
        return out.numpy()


class SentenceTransformers(Engine):
    """Texts to vectors by `encode`, which sorts, pads and pools itself."""

    def __init__(self, place):
        super().__init__(place)
        import sentence_transformers
        import torch

        torch.set_num_threads(place.n_threads)
        self.model = sentence_transformers.SentenceTransformer(place.model_dir, device="cpu",
                                                               local_files_only=True)
        self.model.max_seq_length = models.MAX_TOKENS
        self.version = "sentence-transformers " + sentence_transformers.__version__

    def prepare(self, texts):
        return texts

    def size_of(self, prepared):
        ids = [self.words.encode(t).ids for t in prepared]
        return self.prepared(ids, 32).n_tokens, self.prepared(ids, 32).n_padded, 32

    def run(self, prepared):
        return self.model.encode(prepared, batch_size=32, normalize_embeddings=True,
                                 show_progress_bar=False)


OPEN = {
    "torch f32": Torch,
    "onnxruntime f32": functools.partial(Onnxruntime, "f32.onnx"),
    "onnxruntime f32, fused": functools.partial(Onnxruntime, "fused.onnx"),
    "onnxruntime int8": functools.partial(Onnxruntime, "int8.onnx"),
    "onnxruntime int8, fused": functools.partial(Onnxruntime, "fused-int8.onnx"),
    "OpenVINO f32": functools.partial(Openvino, "f32.onnx", "f32"),
    "OpenVINO bf16": functools.partial(Openvino, "f32.onnx", "bf16"),
    "OpenVINO int8": functools.partial(Openvino, "openvino-int8.xml", "f32"),
    "OpenVINO int8, rest bf16": functools.partial(Openvino, "openvino-int8.xml", "bf16"),
    "sentence-transformers": SentenceTransformers,
}
