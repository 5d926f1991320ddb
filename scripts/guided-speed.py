#!/usr/bin/env python3
"""What guided decoding costs a model of 30 million parameters with a vocabulary of 32 768 tokens.

    python3 -m venv venv && venv/bin/pip install torch==2.15.0 transformers==5.24.0 safetensors==0.8.0
    cargo build --release -p vf-guide --example guided-speed
    venv/bin/python scripts/guided-speed.py [ARMS] [--repeat 3]

Trains a byte-level BPE on the C text of the repository (and of /usr/include, for as many words as that), gives it random weights of the shape
of Qwen3, and lets the example `guided-speed` decode with and without the arms.
"""

import argparse
import pathlib
import subprocess
import tempfile

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM

VOCABULARY = 32_768
ROOT = pathlib.Path(__file__).resolve().parent.parent


def texts():
    for folder in (ROOT / "corpus", ROOT / "tests", ROOT / "smt", pathlib.Path("/usr/include")):
        for path in sorted(folder.rglob("*.[ch]")):
            yield path.read_text(errors="replace")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arms", nargs="?", default="names")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--example", default="target/release/examples/guided-speed")
    arguments = parser.parse_args()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(texts(), trainers.BpeTrainer(
        vocab_size=VOCABULARY, initial_alphabet=alphabet, special_tokens=["<|end|>"], show_progress=False))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        torch.manual_seed(1)
        config = AutoConfig.for_model(
            "qwen3", vocab_size=tokenizer.get_vocab_size(), hidden_size=384, intermediate_size=1152, num_hidden_layers=9,
            num_attention_heads=6, num_key_value_heads=3, head_dim=64, max_position_embeddings=4096, tie_word_embeddings=True,
            bos_token_id=None, eos_token_id=tokenizer.token_to_id("<|end|>"), pad_token_id=None)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters, {tokenizer.get_vocab_size()} tokens", flush=True)
        model.save_pretrained(folder)
        tokenizer.save(str(folder / "tokenizer.json"))
        for _ in range(arguments.repeat):
            subprocess.run([arguments.example, str(folder), arguments.arms], check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
