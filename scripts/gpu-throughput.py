#!/usr/bin/env python3
"""Eight samples of one prompt: this program beside `transformers.generate`, on the same weights in the same run.

Makes Qwen3-shaped folders of random weights, runs the example `model_speed` of vf-model and transformers in turns on each, and prints the
best of the repetitions in tokens a second, the reading of the prompt included, as a table.

    pip install torch==2.15.0 transformers==5.24.0 safetensors==0.8.0
    scripts/gpu-throughput.py EXAMPLE [--device cuda|cpu] [--sizes 30M,500M] [--repeat 3]

EXAMPLE: target/release/examples/model_speed, for a GPU built with `--features cuda`. `scripts/gpu-check.sh` calls this.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import torch
from transformers import AutoConfig, AutoModelForCausalLM

# hidden, inner, layers, heads, heads of keys and values
SHAPES = {
    "30M": (512, 1536, 9, 8, 4), "150M": (1024, 3072, 11, 16, 8), "500M": (1536, 4608, 18, 24, 8),
    "1500M": (2048, 6144, 28, 32, 8),
}
# Every byte a token, and an end token.
VOCABULARY = 257
SAMPLES = 8


def byte_characters():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    table = {b: chr(b) for b in printable} | {b: chr(0x100 + i) for i, b in enumerate(others)}
    return [table[b] for b in range(256)]


def write_model(folder, shape):
    hidden, inner, layers, heads, groups = shape
    torch.manual_seed(1)
    config = AutoConfig.for_model(
        "qwen3", vocab_size=VOCABULARY, hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=groups, head_dim=64, max_position_embeddings=4096,
        bos_token_id=None, eos_token_id=None, pad_token_id=0)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    vocabulary = {character: token for token, character in enumerate(byte_characters())}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "pre_tokenizer": level, "post_processor": None,
        "added_tokens": [{"id": 256, "content": "<|end|>", "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True}],
        "decoder": level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": vocabulary, "merges": []}}))
    return sum(p.numel() for p in model.parameters())


def ours(example, folder, device, threads, prompt, new):
    command = [example, str(folder), str(threads), str(prompt), str(new), device]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        raise SystemExit(f"{' '.join(command)}: {ran.stderr.strip()}")
    return json.loads(ran.stdout)["batch"]


@torch.no_grad()
def theirs(model, device, prompt, new):
    tokens = torch.tensor([[(i * 7 + 3) % 251 for i in range(prompt)]], device=device)
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    wait()
    started = time.perf_counter()
    model.generate(tokens, attention_mask=torch.ones_like(tokens), do_sample=True, num_return_sequences=SAMPLES,
                   max_new_tokens=new, min_new_tokens=new)
    wait()
    return SAMPLES * new / (time.perf_counter() - started)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("example")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--sizes", default="30M,500M,1500M")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="on the CPU")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    dtype = torch.bfloat16 if arguments.device == "cuda" else torch.float32
    print(f"| model | {SAMPLES} samples, ours | transformers {__import__('transformers').__version__} | ratio |")
    print("| --- | --- | --- | --- |")
    for size in arguments.sizes.split(","):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            parameters = write_model(folder, SHAPES[size])
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(arguments.device).eval()
            theirs(model, arguments.device, arguments.prompt, 4)
            own = other = 0
            for _ in range(arguments.repeat):
                own = max(own, ours(arguments.example, folder, arguments.device, arguments.threads, arguments.prompt, arguments.new))
                other = max(other, theirs(model, arguments.device, arguments.prompt, arguments.new))
            print(f"| {parameters / 1e6:.1f}M | {own:.0f} tokens/s | {other:.0f} tokens/s | {own / other:.2f} |", flush=True)
            del model


if __name__ == "__main__":
    main()
