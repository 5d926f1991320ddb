#!/usr/bin/env python3
"""Golden data for RWKV 5 and 6, as `golden-logits.py` makes it for the other families: transformers has only version 4, so these
numbers come from the network's own published package.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 transformers==5.24.0 safetensors==0.8.0 numpy==2.4.6 rwkv==0.8.32
    venv/bin/python scripts/golden-rwkv.py

writes crates/vf-model/tests/golden/rwkv5.json and rwkv6.json. The tensors have the names of the checkpoints on Hugging Face.
"""

import importlib.util
import json
import os
import tempfile
from pathlib import Path

os.environ.update(RWKV_JIT_ON="0", RWKV_CUDA_ON="0")

import torch  # noqa: E402
from rwkv.model import RWKV  # noqa: E402

HERE = Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("golden_logits", HERE / "golden-logits.py")
usual = importlib.util.module_from_spec(spec)
spec.loader.exec_module(usual)

HIDDEN, INNER, LAYERS, HEAD, MIX, DECAY = 32, 96, 3, 8, 6, 10


def shapes(version):
    all_ = {"rwkv.embeddings.weight": [usual.VOCABULARY, HIDDEN], "head.weight": [usual.VOCABULARY, HIDDEN]}

    def norm(name):
        all_[f"{name}.weight"] = all_[f"{name}.bias"] = [HIDDEN]

    norm("rwkv.ln_out")
    for layer in range(LAYERS):
        block = f"rwkv.blocks.{layer}."
        for name in (["pre_ln"] if layer == 0 else []) + ["ln1", "ln2", "attention.ln_x"]:
            norm(block + name)
        at, inside = block + "attention.", block + "feed_forward."
        for name in "key value receptance gate output".split():
            all_[f"{at}{name}.weight"] = [HIDDEN, HIDDEN]
        all_[at + "time_faaaa"] = [HIDDEN // HEAD, HEAD]
        if version == 5:
            for name in "key value receptance gate".split():
                all_[f"{at}time_mix_{name}"] = [1, 1, HIDDEN]
            all_[at + "time_decay"] = [HIDDEN // HEAD, HEAD]
        else:
            for name in "xwkvrg":
                all_[f"{at}time_maa_{name}"] = [1, 1, HIDDEN]
            all_ |= {
                at + "time_maa_w1": [HIDDEN, 5 * MIX], at + "time_maa_w2": [5, MIX, HIDDEN],
                at + "time_decay": [1, 1, HIDDEN], at + "time_decay_w1": [HIDDEN, DECAY],
                at + "time_decay_w2": [DECAY, HIDDEN],
            }
        for name in ["time_mix_key", "time_mix_receptance"] if version == 5 else ["time_maa_k", "time_maa_r"]:
            all_[inside + name] = [1, 1, HIDDEN]
        all_ |= {inside + "key.weight": [INNER, HIDDEN], inside + "receptance.weight": [HIDDEN, HIDDEN],
                 inside + "value.weight": [HIDDEN, INNER]}
    return all_


def own_name(name):
    """The name that the package has for a tensor."""
    for old, new in [("rwkv.embeddings", "emb"), ("rwkv.", ""), ("pre_ln", "ln0"), (".attention.", ".att."),
                     (".feed_forward.", ".ffn."), ("time_mix_key", "time_mix_k"), ("time_mix_value", "time_mix_v"),
                     ("time_mix_receptance", "time_mix_r"), ("time_mix_gate", "time_mix_g")]:
        name = name.replace(old, new)
    return name


@torch.no_grad()
def golden(version):
    tensors = shapes(version)
    weights = {own_name(n): torch.from_numpy(usual.values(n, s).copy()) for n, s in tensors.items()}
    with tempfile.TemporaryDirectory() as folder:
        torch.save(weights, f"{folder}/model.pth")
        model = RWKV(f"{folder}/model.pth", "cpu fp32", verbose=False)
    tokens = list(usual.PROMPT.encode())
    after = lambda part: model.forward(list(part), None)[0].double()  # noqa: E731
    kept = {str(p): [round(v, 6) for v in after(tokens[:p + 1]).tolist()] for p in usual.POSITIONS}
    greedy, margin, log_probability = [], float("inf"), 0.0
    for _ in range(usual.STEPS):
        last = after(tokens)
        best = torch.topk(last, 2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        greedy.append(int(best.indices[0]))
        log_probability += float(torch.log_softmax(last, 0)[greedy[-1]])
        tokens.append(greedy[-1])
    config = dict(
        model_type=f"rwkv{version}", architectures=[f"Rwkv{version}ForCausalLM"], vocab_size=usual.VOCABULARY,
        hidden_size=HIDDEN, attention_hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEAD,
        head_size=HEAD, head_size_divisor=8, intermediate_size=INNER, layer_norm_epsilon=1e-5, rescale_every=6,
        tie_word_embeddings=False, eos_token_id=None,
    )
    print(f"rwkv{version}: package version {model.version}, margin {margin:.5f}, {len(set(greedy))} different tokens")
    data = dict(
        rwkv="0.8.32", torch=torch.__version__, config=config, tensors=tensors, prompt=usual.PROMPT, logits=kept,
        greedy=greedy, log_probability=round(log_probability, 5), margin=round(margin, 6),
    )
    (usual.GOLDEN / f"rwkv{version}.json").write_text(json.dumps(data, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    golden(5)
    golden(6)
