#!/usr/bin/env python3
"""Golden data for hosted models: what `transformers` computes for tiny random models of each family.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 transformers==5.24.0 safetensors==0.8.0 numpy==2.4.6
    venv/bin/python scripts/golden-logits.py [CASE ...]

writes crates/vf-model/tests/golden/CASE.json, which `cargo test -p vf-model --test golden` compares with.
No weights are stored. Every value follows from the tensor's name and the position in it (`values`), so that
the test makes the same ones. A file holds `config.json` as transformers writes it, names and shapes of the
tensors it writes, and from a run in F32 on the CPU: logits at some positions of the prompt (all of it at once,
no cache), the 64 likeliest tokens one after the other (no cache either), the sum of their log-probabilities, and
the least distance between the likeliest token and the next one.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

GOLDEN = Path(__file__).resolve().parent.parent / "crates/vf-model/tests/golden"
# The test's tokenizer gives every byte its own token and then knows a few pairs, none of which is in here.
PROMPT = "IF (P == 0 || N > 8) GOTO FAIL; A[N] = P[0] + 4; "
VOCABULARY = 263
STEPS = 64
POSITIONS = [0, 20, len(PROMPT) - 1]
MASK = (1 << 64) - 1


def values(name, shape):
    """Pseudo-random values from the tensor's name: FNV-1a of it, then SplitMix64; 24 bits each."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & MASK
    index = np.arange(1, int(np.prod(shape)) + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + index * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    unit = (z >> np.uint64(40)).astype(np.float64) / float(1 << 23) - 1.0
    # A vector called weight scales a norm.
    scales = len(shape) == 1 and name.endswith("weight")
    middle, spread = (1.0, 0.2) if scales else (0.0, 0.2) if len(shape) == 1 else (0.0, 0.4)
    return (middle + spread * unit).astype(np.float32).reshape(shape)


def rope(kind="default", theta=10_000.0, **rest):
    return {"rope_type": kind, "rope_theta": theta, **rest}


SHAPE = dict(
    vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=256, bos_token_id=None, eos_token_id=None, pad_token_id=None,
)
LONGROPE = dict(
    hidden_size=64, max_position_embeddings=256, original_max_position_embeddings=128,
)
MOE = dict(num_experts=5, num_experts_per_tok=2, moe_intermediate_size=24)
MLA = dict(
    q_lora_rank=24, kv_lora_rank=16, qk_nope_head_dim=12, qk_rope_head_dim=8, v_head_dim=16, num_key_value_heads=4,
    n_routed_experts=6, n_shared_experts=2, num_experts_per_tok=3, moe_intermediate_size=24, first_k_dense_replace=1,
    num_hidden_layers=3,
)

# By case: the model type and what differs from SHAPE.
CASES = {
    "llama": ("llama", dict(attention_bias=True, mlp_bias=True, rope_parameters=rope(
        "llama3", 5e5, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32))),
    "llama-linear-tied": ("llama", dict(
        head_dim=16, tie_word_embeddings=True, rope_parameters=rope("linear", factor=3.0))),
    "llama-yarn": ("llama", dict(num_key_value_heads=1, rope_parameters=rope(
        "yarn", factor=4.0, original_max_position_embeddings=64))),
    "mistral": ("mistral", dict(sliding_window=12, head_dim=12)),
    "mistral-full": ("mistral", dict(sliding_window=None, num_key_value_heads=4, rope_parameters=rope(theta=1e6))),
    "qwen2": ("qwen2", dict(use_sliding_window=True, sliding_window=10, max_window_layers=1)),
    "qwen2-yarn": ("qwen2", dict(tie_word_embeddings=True, rope_parameters=rope(
        "yarn", 1e6, factor=4.0, original_max_position_embeddings=64, beta_fast=16, beta_slow=2))),
    "qwen3": ("qwen3", dict(head_dim=16, tie_word_embeddings=True)),
    "qwen3-window-bias": ("qwen3", dict(
        head_dim=8, attention_bias=True, use_sliding_window=True, sliding_window=9, max_window_layers=1)),
    "phi3": ("phi3", dict(sliding_window=14)),
    "phi3-partial": ("phi3", dict(hidden_size=64, tie_word_embeddings=True, sliding_window=None,
                                  rope_parameters=rope(partial_rotary_factor=0.75))),
    "phi3-longrope-short": ("phi3", dict(**LONGROPE, sliding_window=None, rope_parameters=rope(
        "longrope", short_factor=[1.0, 1.05, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6],
        long_factor=[1.0, 1.3, 1.7, 2.5, 3.5, 5.0, 6.0, 8.0]))),
    "phi3-longrope-long": ("phi3", dict(**(LONGROPE | dict(original_max_position_embeddings=24)), sliding_window=None,
                                        rope_parameters=rope(
        "longrope", short_factor=[1.0, 1.05, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6],
        long_factor=[1.0, 1.3, 1.7, 2.5, 3.5, 5.0, 6.0, 8.0]))),
    "granite": ("granite", dict(embedding_multiplier=0.5, residual_multiplier=1.5, attention_multiplier=0.2,
                                logits_scaling=3.0, tie_word_embeddings=True)),
    "granite-bias": ("granite", dict(embedding_multiplier=2.0, residual_multiplier=0.8, attention_multiplier=0.15,
                                     logits_scaling=2.0, attention_bias=True, mlp_bias=True)),
    "starcoder2": ("starcoder2", dict(sliding_window=11, tie_word_embeddings=True, use_bias=True)),
    "starcoder2-plain": ("starcoder2", dict(sliding_window=None, use_bias=False, tie_word_embeddings=False)),
    "phi": ("phi", dict(hidden_size=64, num_key_value_heads=4, rope_parameters=rope(partial_rotary_factor=0.5))),
    "stablelm": ("stablelm", dict(hidden_size=64, use_qkv_bias=True, rope_parameters=rope(partial_rotary_factor=0.25))),
    "stablelm-parallel": ("stablelm", dict(hidden_size=64, use_parallel_residual=True, tie_word_embeddings=True,
                                           rope_parameters=rope(partial_rotary_factor=0.5))),
    "gpt_bigcode": ("gpt_bigcode", dict(multi_query=True)),
    "gpt_neox": ("gpt_neox", dict(hidden_size=64, rope_parameters=rope(partial_rotary_factor=0.5))),
    "mixtral": ("mixtral", dict(num_local_experts=5, num_experts_per_tok=2, sliding_window=None)),
    "qwen2_moe": ("qwen2_moe", dict(**MOE, shared_expert_intermediate_size=40, norm_topk_prob=False,
                                    decoder_sparse_step=1, mlp_only_layers=[])),
    "qwen3_moe": ("qwen3_moe", dict(**MOE, head_dim=16, norm_topk_prob=True, decoder_sparse_step=2,
                                    num_hidden_layers=4, mlp_only_layers=[3])),
    "deepseek_v2": ("deepseek_v2", dict(**MLA, topk_method="group_limited_greedy", n_group=3, topk_group=2,
                                        routed_scaling_factor=2.5, norm_topk_prob=False)),
    "deepseek_v2-lite": ("deepseek_v2", dict(**(MLA | dict(q_lora_rank=None, kv_lora_rank=12)), topk_method="greedy",
                                             routed_scaling_factor=1.0, norm_topk_prob=False,
                                             rope_parameters=rope("yarn", factor=4.0, mscale=0.707, mscale_all_dim=0.707,
                                                                  beta_fast=32, beta_slow=1,
                                                                  original_max_position_embeddings=64))),
    "deepseek_v3": ("deepseek_v3", dict(**MLA, n_group=3, topk_group=2, routed_scaling_factor=2.5,
                                        norm_topk_prob=True, rope_parameters=rope(
                                            "yarn", factor=4.0, mscale=1.0, mscale_all_dim=1.0, beta_fast=32,
                                            beta_slow=1, original_max_position_embeddings=64))),
}


def write_model(case, folder):
    """Writes the folder as transformers does, with our values; returns the shapes of the tensors."""
    kind, changes = CASES[case]
    torch.manual_seed(1)
    config = AutoConfig.for_model(kind, **(SHAPE | changes))
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    weights = folder / "model.safetensors"
    with safetensors.safe_open(weights, "np") as file:
        shapes = {name: list(file.get_slice(name).get_shape()) for name in file.keys()}
    safetensors.numpy.save_file({n: values(n, s) for n, s in shapes.items()}, weights, metadata={"format": "pt"})
    return shapes


@torch.no_grad()
def golden(case):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shapes = write_model(case, folder)
        config = json.loads((folder / "config.json").read_text())
        model, report = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"], (case, report)
    model.eval()
    tokens = list(PROMPT.encode())
    logits = model(torch.tensor([tokens]), use_cache=False).logits[0].double()
    kept = {str(p): [round(v, 6) for v in logits[p].tolist()] for p in POSITIONS}
    greedy, margin, log_probability = [], float("inf"), 0.0
    for _ in range(STEPS):
        last = model(torch.tensor([tokens]), use_cache=False).logits[0, -1].double()
        best = torch.topk(last, 2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        greedy.append(int(best.indices[0]))
        log_probability += float(torch.log_softmax(last, 0)[greedy[-1]])
        tokens.append(greedy[-1])
    print(f"{case}: spread {float(logits.max() - logits.min()):.2f}, margin {margin:.5f}, "
          f"{len(set(greedy))} different tokens of {STEPS}")
    data = dict(
        transformers=transformers.__version__, torch=torch.__version__, config=config, tensors=shapes, prompt=PROMPT,
        logits=kept, greedy=greedy, log_probability=round(log_probability, 5), margin=round(margin, 6),
    )
    (GOLDEN / f"{case}.json").write_text(json.dumps(data, separators=(",", ":")) + "\n")


def main():
    GOLDEN.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    for case in sys.argv[1:] or CASES:
        golden(case)


if __name__ == "__main__":
    main()
