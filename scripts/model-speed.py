#!/usr/bin/env python3
"""Decode and prefill speed of hosted models beside llama.cpp, on the same files in the same run.

Makes Qwen3-shaped GGUF files of random weights in q8_0, and runs the example `model_speed` of vf-model and
llama.cpp's `llama-bench` in turns on each, with the same number of threads. Prints the best of the repetitions, and
the ratios: the bars are 1.0 for decode, 0.7 for prefill, 3 for eight samples of one prompt.

    pip install gguf numpy
    cargo build --release -p vf-model --example model_speed
    scripts/model-speed.py --llama-bench PATH [--threads 1,2] [--sizes 8M,30M,150M] [--repeat 3]
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

# hidden, inner, layers, heads, heads of keys and values, width of a head
SHAPES = {
    "8M": (256, 768, 8, 4, 2, 64),
    "30M": (512, 1536, 9, 8, 4, 64),
    "150M": (1024, 3072, 11, 16, 8, 64),
}
VOCABULARY = 2048


def byte_characters():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    table = {b: chr(b) for b in printable} | {b: chr(0x100 + i) for i, b in enumerate(others)}
    return [table[b] for b in range(256)]


def write_model(path, shape, architecture):
    import gguf
    import numpy

    hidden, inner, layers, heads, groups, width = shape
    random = numpy.random.default_rng(1)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(4096)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(groups)
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_freq_base(1000000.0)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    characters = byte_characters()
    merges = [f"{a} {b}" for a in characters[33:127] for b in characters[33:127]][: VOCABULARY - 257]
    tokens = characters + [m.replace(" ", "") for m in merges] + ["<|end|>"]
    writer.add_token_list(tokens)
    writer.add_token_merges(merges)
    writer.add_token_types([1] * (len(tokens) - 1) + [3])
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_add_bos_token(False)
    parameters = 0

    def matrix(name, rows, cols):
        nonlocal parameters
        parameters += rows * cols
        values = (random.standard_normal((rows, cols)) / cols**0.5).astype(numpy.float32)
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    def ones(name, size):
        writer.add_tensor(name, numpy.ones(size, numpy.float32))

    matrix("token_embd.weight", len(tokens), hidden)
    matrix("output.weight", len(tokens), hidden)
    ones("output_norm.weight", hidden)
    for layer in range(layers):
        block = f"blk.{layer}."
        ones(block + "attn_norm.weight", hidden)
        ones(block + "ffn_norm.weight", hidden)
        if architecture == "qwen3":
            ones(block + "attn_q_norm.weight", width)
            ones(block + "attn_k_norm.weight", width)
        if architecture == "qwen2":
            for name, size in (("q", heads * width), ("k", groups * width), ("v", groups * width)):
                writer.add_tensor(f"{block}attn_{name}.bias", numpy.zeros(size, numpy.float32))
        matrix(block + "attn_q.weight", heads * width, hidden)
        matrix(block + "attn_k.weight", groups * width, hidden)
        matrix(block + "attn_v.weight", groups * width, hidden)
        matrix(block + "attn_output.weight", hidden, heads * width)
        matrix(block + "ffn_gate.weight", inner, hidden)
        matrix(block + "ffn_up.weight", inner, hidden)
        matrix(block + "ffn_down.weight", hidden, inner)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return parameters


def ours(example, model, threads, prompt, new):
    command = [example, model, str(threads), str(prompt), str(new)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def theirs(bench, model, threads, prompt, new):
    command = [bench, "-m", model, "-t", str(threads), "-p", str(prompt), "-n", str(new), "-r", "1", "-o", "json"]
    rows = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    speed = lambda row: row["avg_ts"]
    return {
        "prefill": next(speed(r) for r in rows if r["n_prompt"] > 0),
        "decode": next(speed(r) for r in rows if r["n_gen"] > 0),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llama-bench", default=os.environ.get("LLAMA_BENCH"), help="or the variable LLAMA_BENCH")
    parser.add_argument("--example", default="target/release/examples/model_speed")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--sizes", default="8M,30M,150M")
    parser.add_argument("--architecture", default="qwen3", choices=["qwen3", "qwen2", "llama"])
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    if not arguments.llama_bench:
        print("without --llama-bench there is nothing to compare with: only our own figures", file=sys.stderr)
    print("| model | threads | ours: prefill | decode | llama.cpp: prefill | decode | ratio: prefill | decode | "
          "8 samples | guessing |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes.split(","):
            model = str(pathlib.Path(folder) / f"{size}.gguf")
            parameters = write_model(model, SHAPES[size], arguments.architecture)
            for threads in map(int, arguments.threads.split(",")):
                own, other = {}, {}
                for _ in range(arguments.repeat):
                    once = ours(arguments.example, model, threads, arguments.prompt, arguments.new)
                    if not once["same_text"]:
                        sys.exit("guessing changed the text")
                    once["guessing"] = once["generate_guessing"] / once["generate"]
                    for key in ("prefill", "decode", "batch_gain", "guessing"):
                        own[key] = max(own.get(key, 0), once[key])
                    if arguments.llama_bench:
                        once = theirs(arguments.llama_bench, model, threads, arguments.prompt, arguments.new)
                        for key, value in once.items():
                            other[key] = max(other.get(key, 0), value)
                ratio = lambda key: f"{own[key] / other[key]:.2f}" if other else ""
                speed = lambda found, key: f"{found[key]:.0f}" if found else ""
                print(f"| {parameters / 1e6:.1f}M | {threads} | {speed(own, 'prefill')} | {speed(own, 'decode')} | "
                      f"{speed(other, 'prefill')} | {speed(other, 'decode')} | {ratio('prefill')} | {ratio('decode')} | "
                      f"{own['batch_gain']:.1f} times | {own['guessing']:.1f} times |", flush=True)
            os.remove(model)


if __name__ == "__main__":
    main()
