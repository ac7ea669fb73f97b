"""The peers' models, made once from the same checkpoint and kept in a folder of build/peers-models.

    f32.onnx        the encoder's last hidden state, batch and length free
    fused.onnx      the same through onnxruntime's transformer optimizer (BERT)
    int8.onnx       f32.onnx, weights quantized per channel, activations as they come
    fused-int8.onnx fused.onnx the same way
    openvino-int8   NNCF post-training quantization, calibrated on texts

    models.py MODEL_DIR OUT [--calibration FILE]     FILE: a corpus.jsonl; without it, sentences below
"""
import argparse
import json
import logging
import os
import shutil
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"  # the model is here; nothing is asked of anyone
N_CALIBRATION = 300
MAX_TOKENS = 256

# For calibration where no corpus is at hand.
SENTENCES = """The bank holds capital against the risks of its loans.
A customer identification program is part of the compliance program of a bank.
The oil embargo raised the price of a barrel fourfold within six months.
Common equity tier 1 capital is the highest quality of regulatory capital.
In 1973 many countries limited the speed on motorways to save fuel.
The report must be filed no later than 30 calendar days after the facts are known.
Economic inequality differs between societies, periods and economic systems.
The court held that the statute did not apply to the transaction.
Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.
She won the tournament twice, in 1998 and again in 2003.
What records must be kept, and for how long?
The engine's efficiency is limited by the temperature of the steam.
Net revenue increased by 12 % to $4.3 billion, driven by higher volumes.
Parliament passed the act after a debate that lasted for three days.
Its population was 1,234,567 at the last census.
The virus spreads through droplets; masks and distance slow it.""".split("\n")


def torch_model(model_dir, attention):
    import torch
    import transformers

    return transformers.AutoModel.from_pretrained(
        model_dir, attn_implementation=attention, dtype=torch.float32).eval()


def tokenizer(model_dir):
    """The model's own, without the padding and the cut to 128 that its file asks for."""
    import tokenizers

    t = tokenizers.Tokenizer.from_file(os.path.join(model_dir, "tokenizer.json"))
    t.no_padding()
    t.enable_truncation(MAX_TOKENS)
    return t


def export_f32(model_dir, path):
    """By the older exporter and with attention written out: onnxruntime's optimizer knows that
    pattern (and does not know the one of scaled_dot_product_attention), OpenVINO both."""
    import torch

    class Hidden(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    ids = torch.randint(1000, 20000, (2, 16))
    free = {0: "batch", 1: "length"}
    with torch.inference_mode():
        torch.onnx.export(Hidden(torch_model(model_dir, "eager")).eval(), (ids, torch.ones_like(ids)), path,
                          input_names=["input_ids", "attention_mask"], output_names=["hidden"],
                          dynamic_axes={"input_ids": free, "attention_mask": free, "hidden": free},
                          dynamo=False, opset_version=17)


def config(model_dir):
    with open(os.path.join(model_dir, "config.json"), encoding="utf-8") as f:
        return json.load(f)


def fuse(source, path, shape):
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    made = optimizer.optimize_model(source, model_type="bert", num_heads=shape["num_attention_heads"],
                                    hidden_size=shape["hidden_size"], optimization_options=FusionOptions("bert"), opt_level=0)
    n_attention = made.get_fused_operator_statistics()["Attention"]
    if n_attention != shape["num_hidden_layers"]:
        raise ValueError("%s: %d of %d attention blocks were fused" % (
            path, n_attention, shape["num_hidden_layers"]))
    made.save_model_to_file(path)


def quantize_onnx(source, path):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(source, path, per_channel=True, reduce_range=False, weight_type=QuantType.QInt8,
                     extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})


def calibration_texts(file):
    if not file or not os.path.exists(file):
        return SENTENCES
    texts = []
    with open(file, encoding="utf-8") as f:
        for line in f:
            texts += [s for s in json.loads(line)["text"].split(". ") if len(s) > 20]
    return texts[:: max(1, len(texts) // N_CALIBRATION)][:N_CALIBRATION]


def quantize_openvino(source, path, texts, words):
    import nncf
    import numpy as np
    import openvino as ov

    def inputs(text):
        ids = np.array([words.encode(text).ids], np.int64)
        return {"input_ids": ids, "attention_mask": np.ones_like(ids)}

    model = ov.Core().read_model(source)
    made = nncf.quantize(model, nncf.Dataset(texts, inputs), model_type=nncf.ModelType.TRANSFORMER,
                         preset=nncf.QuantizationPreset.MIXED, subset_size=len(texts))
    ov.save_model(made, path, compress_to_fp16=False)


def make_all(model_dir, out, calibration):
    def at(name):
        return os.path.join(out, name)

    export_f32(model_dir, at("f32.onnx"))
    fuse(at("f32.onnx"), at("fused.onnx"), config(model_dir))
    quantize_onnx(at("f32.onnx"), at("int8.onnx"))
    quantize_onnx(at("fused.onnx"), at("fused-int8.onnx"))
    quantize_openvino(at("f32.onnx"), at("openvino-int8.xml"), calibration_texts(calibration),
                      tokenizer(model_dir))


def make(model_dir, out, calibration=None):
    """All of them, unless `out` is there; it is only when whole."""
    if os.path.exists(out):
        return
    half = out + ".half"
    shutil.rmtree(half, ignore_errors=True)
    os.makedirs(half)
    make_all(model_dir, half, calibration)
    os.rename(half, out)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model_dir")
    p.add_argument("out")
    p.add_argument("--calibration")
    o = p.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    make(o.model_dir, o.out, o.calibration)


if __name__ == "__main__":
    main()
