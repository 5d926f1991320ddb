#!/usr/bin/env python3
"""Trains the embedded model: reads what `verify-fix corpus export` writes, writes a GGUF file that `--model` takes.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 numpy==2.4.6 gguf==0.19.0 matplotlib==3.11.2
    venv/bin/python scripts/train-embedded.py DATA.jsonl... --out model [--hours 2] [--seed 1] [--device cpu|cuda]

DATA: one line a pair, `{"split": "train", "prompt": [...], "answer": [...]}`, and a first line with the vocabulary. The folder `model` gets

    checkpoint.pt   all that is needed to go on: the same command continues a run that was broken off
    model.gguf      weights in q8_0, with the commit, the seed and the data that they came from
    loss.csv        step, tokens, loss of the training steps (with its part of the prompts'), loss and exact answers on the validation split
    loss.png        the same, drawn

The network is that of Qwen3 (Yang et al., arXiv 2505.09388). The loss is that of the answer's tokens, with a part of that of the prompt's. Muon (Jordan et al., 2024,
https://kellerjordan.github.io/posts/muon/) for the matrices of the layers where BF16 is fast, AdamW (Loshchilov and Hutter, arXiv 1711.05101) for the rest; a warm-up and then a
cosine (arXiv 1608.03983) over the planned hours.
"""

import argparse
import csv
import hashlib
import json
import math
import random
import subprocess
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

SHAPE = dict(hidden=256, inner=768, layers=6, heads=4, groups=2, width=64)
CONTEXT = 2048
THETA = 10_000.0
EPSILON = 1e-6


class Norm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight, EPSILON)


class Block(nn.Module):
    def __init__(self, hidden, inner, heads, groups, width, **_):
        super().__init__()
        self.heads, self.groups, self.width = heads, groups, width
        linear = lambda rows, cols: nn.Linear(cols, rows, bias=False)  # noqa: E731
        self.attn_norm, self.ffn_norm = Norm(hidden), Norm(hidden)
        self.attn_q, self.attn_k = linear(heads * width, hidden), linear(groups * width, hidden)
        self.attn_v, self.attn_output = linear(groups * width, hidden), linear(hidden, heads * width)
        self.attn_q_norm, self.attn_k_norm = Norm(width), Norm(width)
        self.ffn_gate, self.ffn_up, self.ffn_down = linear(inner, hidden), linear(inner, hidden), linear(hidden, inner)

    def forward(self, x, cosines, sines):
        batch, length, _ = x.shape
        normed = self.attn_norm(x)
        split = lambda y, n: y.view(batch, length, n, self.width)  # noqa: E731
        query = self.attn_q_norm(split(self.attn_q(normed), self.heads))
        key = self.attn_k_norm(split(self.attn_k(normed), self.groups))
        value = split(self.attn_v(normed), self.groups)

        def turn(y):
            low, high = y.chunk(2, -1)
            return torch.cat([low * cosines - high * sines, high * cosines + low * sines], -1)

        query, key, value = (y.transpose(1, 2) for y in (turn(query), turn(key), value))
        mixed = F.scaled_dot_product_attention(query, key.to(query.dtype), value.to(query.dtype), is_causal=True, enable_gqa=True)
        x = x + self.attn_output(mixed.transpose(1, 2).reshape(batch, length, -1))
        normed = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(normed)) * self.ffn_up(normed))


class Model(nn.Module):
    """Names of the parts are those of GGUF. The output layer is the embedding."""

    def __init__(self, vocabulary, shape):
        super().__init__()
        self.token_embd = nn.Embedding(vocabulary, shape["hidden"])
        self.blk = nn.ModuleList(Block(**shape) for _ in range(shape["layers"]))
        self.output_norm = Norm(shape["hidden"])
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                deep = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(parameter, std=0.02 / (math.sqrt(2 * shape["layers"]) if deep else 1))
        angles = torch.arange(CONTEXT)[:, None] * THETA ** (-torch.arange(0, shape["width"], 2) / shape["width"])
        self.register_buffer("cosines", angles.cos()[None, :, None], persistent=False)
        self.register_buffer("sines", angles.sin()[None, :, None], persistent=False)

    def forward(self, tokens):
        x = self.token_embd(tokens)
        length = tokens.shape[1]
        for block in self.blk:
            x = block(x, self.cosines[:, :length], self.sines[:, :length])
        return self.output_norm(x)


def read(paths):
    """The vocabulary and, by split, pairs of token lists."""
    vocabulary, pairs = None, {"train": [], "validation": [], "test": []}
    digest = hashlib.sha256()
    for path in paths:
        for line in open(path, encoding="utf-8"):
            digest.update(line.encode())
            record = json.loads(line)
            if "vocabulary" in record:
                assert vocabulary in (None, record["vocabulary"]), "files of two vocabularies"
                vocabulary = record["vocabulary"]
                continue
            pair = (np.array(record["prompt"], np.int32), np.array(record["answer"], np.int32))
            if len(pair[0]) + len(pair[1]) <= CONTEXT:
                pairs[record["split"]].append(pair)
    assert vocabulary, "the first line of a file has the vocabulary"
    return vocabulary, pairs, digest.hexdigest()


def batches(pairs, budget, rng):
    """Batches of pairs of like length, of about `budget` tokens with padding; for ever."""
    while True:
        order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]) + rng.uniform(0, 24))
        groups, current, longest = [], [], 0
        for index in order:
            length = len(pairs[index][0]) + len(pairs[index][1])
            if current and max(longest, length) * (len(current) + 1) > budget:
                groups.append(current)
                current, longest = [], 0
            current.append(index)
            longest = max(longest, length)
        groups.append(current)
        rng.shuffle(groups)
        yield from groups


def tensors(pairs, device):
    """Tokens, and for each place what comes next: -100 within the prompt and behind the answer."""
    longest = max(len(p) + len(a) for p, a in pairs)
    tokens = np.zeros((len(pairs), longest), np.int64)
    targets = np.full((len(pairs), longest), -100, np.int64)
    for row, (prompt, answer) in enumerate(pairs):
        whole = np.concatenate([prompt, answer])
        tokens[row, : len(whole)] = whole
        targets[row, len(prompt) - 1 : len(whole) - 1] = answer
    return torch.from_numpy(tokens).to(device), torch.from_numpy(targets).to(device)


def loss_of(model, pairs, device, autocast, of_prompt=0.0):
    """Mean loss of the answers' words, and with the weight `of_prompt` that of the prompts' words: what a function looks like helps to write one."""
    tokens, targets = tensors(pairs, device)
    with autocast():
        hidden = model(tokens)
        wanted = targets >= 0
        # Logits only where they count.
        weights = model.token_embd.weight.T.to(hidden.dtype)
        logits = hidden[wanted] @ weights
        loss = F.cross_entropy(logits.float(), targets[wanted])
        if of_prompt > 0:
            lengths = torch.tensor([len(p) for p, _ in pairs], device=device)
            inside = torch.arange(tokens.shape[1], device=device)[None] < lengths[:, None] - 1
            following = torch.roll(tokens, -1, 1)
            loss = loss + of_prompt * F.cross_entropy((hidden[inside] @ weights).float(), following[inside])
    return loss, logits, targets[wanted], tokens.numel(), wanted


@torch.no_grad()
def validate(model, pairs, device, autocast, budget):
    model.eval()
    total = count = right = 0.0
    ordered = sorted(pairs, key=lambda p: len(p[0]) + len(p[1]))
    step = 16
    for start in range(0, len(ordered), step):
        part = ordered[start : start + step]
        loss, logits, targets, _, wanted = loss_of(model, part, device, autocast)
        total += float(loss) * len(targets)
        count += len(targets)
        hits = torch.zeros(wanted.shape, dtype=torch.bool, device=wanted.device)
        hits[wanted] = logits.argmax(-1) == targets
        right += float((hits | ~wanted).all(1).sum())
    model.train()
    return total / max(count, 1), right / max(len(pairs), 1)


def faster_in_bf16(device):
    """Whether products in BF16 are faster than in F32: on a CPU without instructions for them they take many times as long."""
    if device == "cuda":
        return True

    def seconds(kind):
        a, b = torch.ones(2048, 256, dtype=kind), torch.ones(256, 768, dtype=kind)
        a @ b
        since = time.monotonic()
        for _ in range(3):
            a @ b
        return time.monotonic() - since

    return seconds(torch.bfloat16) < seconds(torch.float32)


def write_gguf(path, model, shape, vocabulary, origin):
    import gguf

    writer = gguf.GGUFWriter(path, "qwen3")
    writer.add_name("verify-fix embedded")
    writer.add_description(origin)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape["hidden"])
    writer.add_block_count(shape["layers"])
    writer.add_feed_forward_length(shape["inner"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["groups"])
    writer.add_key_length(shape["width"])
    writer.add_value_length(shape["width"])
    writer.add_rope_freq_base(THETA)
    writer.add_layer_norm_rms_eps(EPSILON)
    # The words are no pieces of text: what they stand for is said with each prompt.
    writer.add_tokenizer_model("none")
    writer.add_token_list(vocabulary["words"])
    writer.add_uint32("verify_fix.words", vocabulary["version"])
    writer.add_eos_token_id(0)
    for name, parameter in model.named_parameters():
        values = parameter.detach().float().cpu().numpy()
        if values.ndim == 1:
            writer.add_tensor(name, values)
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_gguf(path, vocabulary):
    """Weights and shape of a model.gguf that this program wrote, rounded to Q8_0 as they are there."""
    import gguf

    reader = gguf.GGUFReader(path)
    field = lambda name: reader.fields[name].contents()  # noqa: E731
    assert field("verify_fix.words") == vocabulary["version"] and field("tokenizer.ggml.tokens") == vocabulary["words"], f"{path} is of other words"
    shape = dict(hidden=field("qwen3.embedding_length"), inner=field("qwen3.feed_forward_length"), layers=field("qwen3.block_count"),
                 heads=field("qwen3.attention.head_count"), groups=field("qwen3.attention.head_count_kv"), width=field("qwen3.attention.key_length"))
    weights = {t.name: torch.from_numpy(gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float32)) for t in reader.tensors}
    return dict(shape=shape, model=weights)


def draw(path, rows):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    millions = [float(r["tokens"]) / 1e6 for r in rows]
    figure, left = plt.subplots(figsize=(8, 4.5))
    left.plot(millions, [float(r["train"]) for r in rows], label="training", color="tab:blue", alpha=0.6)
    left.plot(millions, [float(r["validation"]) for r in rows], label="validation", color="tab:orange")
    left.set_xlabel("million tokens")
    left.set_ylabel("nats a token of the answer")
    left.set_ylim(bottom=0)
    right = left.twinx()
    right.plot(millions, [100 * float(r["exact"]) for r in rows], label="exact answers", color="tab:green", linestyle="--")
    right.set_ylabel("% of validation answers, greedy, teacher-forced")
    right.set_ylim(0, 100)
    figure.legend(loc="upper right", bbox_to_anchor=(0.88, 0.88))
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--out", required=True)
    parser.add_argument("--hours", type=float, default=2.0, help="of training, all runs together; the rate falls towards its end")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--prompt", type=float, default=0.3, help="weight of the loss of the prompts' words")
    parser.add_argument("--precision", default="auto", choices=["auto", "bf16", "f32"], help="of the products; auto: the faster one here")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8192, help="tokens of a step, with padding")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--optimiser", default="auto", choices=["auto", "muon", "adamw"], help="of the layers' matrices; auto: Muon where BF16 is the faster one")
    parser.add_argument("--compile", action="store_true", help="compile the layers first (torch.compile; takes a C++ compiler and half a minute)")
    parser.add_argument("--start", help="weights to start from, and their shape: a checkpoint.pt or a model.gguf of another run")
    parser.add_argument("--validate", type=int, default=400, help="pairs of the validation split")
    for name, value in SHAPE.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    shape = {name: getattr(arguments, name) for name in SHAPE}
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)

    vocabulary, pairs, digest = read(arguments.data)
    start = None
    if arguments.start and arguments.start.endswith(".gguf"):
        start = read_gguf(arguments.start, vocabulary)
    elif arguments.start:
        start = torch.load(arguments.start, map_location=arguments.device, weights_only=False)
    if start:
        shape = start["shape"]
    train, validation = pairs["train"], pairs["validation"][: arguments.validate]
    size = (len(vocabulary["words"]) + 31) // 32 * 32
    model = Model(len(vocabulary["words"]), shape).to(arguments.device)
    half = arguments.precision == "bf16" or arguments.precision == "auto" and faster_in_bf16(arguments.device)
    muon = arguments.optimiser == "muon" or arguments.optimiser == "auto" and half
    matrices = [p for p in model.blk.parameters() if p.dim() > 1]
    decayed = [model.token_embd.weight] + ([] if muon else matrices)
    others = [p for p in model.parameters() if p.dim() <= 1]
    optimisers = [torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], lr=arguments.rate, betas=(0.9, 0.95))]
    if muon:
        optimisers.append(torch.optim.Muon(matrices, lr=arguments.rate, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"))
    autocast = lambda: torch.autocast(arguments.device, dtype=torch.bfloat16, enabled=half)  # noqa: E731
    state = dict(step=0, tokens=0, seconds=0.0, rows=[])
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=arguments.device, weights_only=False)
        assert saved["data"] == digest and saved["shape"] == shape, "the checkpoint is of other data or another shape"
        model.load_state_dict(saved["model"])
        assert len(saved["optimisers"]) == len(optimisers), "the checkpoint is of another --optimiser"
        for optimiser, its_state in zip(optimisers, saved["optimisers"]):
            optimiser.load_state_dict(its_state)
        state = saved["state"]
    elif start:
        model.load_state_dict(start["model"])
    if arguments.compile:
        for block in model.blk:
            block.compile(dynamic=True)
    rng = random.Random(arguments.seed * 1_000_003 + state["step"])
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{parameters / 1e6:.2f} M parameters, {len(train)} pairs to train on, {len(pairs['validation'])} to validate, "
          f"vocabulary {len(vocabulary['words'])} (rows {size}), products in {'BF16' if half else 'F32'}, {'Muon' if muon else 'AdamW'}", flush=True)

    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    planned = arguments.hours * 3600
    warm, running, since = 200, [], time.monotonic()
    source = batches(train, arguments.batch, rng)

    def save():
        validated, exact = validate(model, validation, arguments.device, autocast, arguments.batch)
        mean = sum(running) / max(len(running), 1)
        state["rows"].append(dict(step=state["step"], tokens=state["tokens"], seconds=round(state["seconds"]), train=f"{mean:.4f}",
                                  validation=f"{validated:.4f}", exact=f"{exact:.4f}"))
        running.clear()
        part = checkpoint.with_suffix(".part")
        torch.save(dict(model=model.state_dict(), optimisers=[o.state_dict() for o in optimisers], state=state, data=digest, shape=shape), part)
        part.replace(checkpoint)
        origin = f"commit {commit}, seed {arguments.seed}, data sha256:{digest}, {state['tokens']} tokens in {state['step']} steps"
        write_gguf(str(out / "model.gguf"), model, shape, vocabulary, origin)
        with open(out / "loss.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, state["rows"][0].keys())
            writer.writeheader()
            writer.writerows(state["rows"])
        if len(state["rows"]) > 1:
            draw(out / "loss.png", state["rows"])
        row = state["rows"][-1]
        print(f"step {row['step']}, {state['tokens'] / 1e6:.1f} M tokens, {state['seconds'] / 60:.0f} min: loss {row['train']}, "
              f"validation {row['validation']}, exact {float(row['exact']):.1%}", flush=True)

    last_save = time.monotonic()
    while state["seconds"] < planned:
        # What is done so far decides the rate: the run may be broken off and go on on another machine.
        share = min(state["seconds"] / planned, 1.0)
        rate = arguments.rate * min((state["step"] + 1) / warm, 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * share)))
        for group in (g for o in optimisers for g in o.param_groups):
            group["lr"] = rate
        batch = [train[i] for i in next(source)]
        loss, _, _, count, _ = loss_of(model, batch, arguments.device, autocast, arguments.prompt)
        model.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
        running.append(float(loss.detach()))
        now = time.monotonic()
        state["step"] += 1
        state["tokens"] += count
        state["seconds"] += now - since
        since = now
        if state["step"] % 50 == 0:
            print(f"\rstep {state['step']}: loss {sum(running[-50:]) / 50:.3f}, {state['tokens'] / state['seconds']:.0f} tokens/s", end="", flush=True)
        if now - last_save > 300:
            print()
            save()
            last_save = since = time.monotonic()
    save()


if __name__ == "__main__":
    main()
