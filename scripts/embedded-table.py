#!/usr/bin/env python3
"""Share of held-out pairs that each proposer repairs: templates, the embedded model, both; with more answers, feedback, guides, search.

    cargo build --release -p vf-cli
    scripts/embedded-table.py PAIRS.jsonl.gz... [--sample 500] [--split test] [--model embedded] [--only WORD...] [--kept FOLDER]

Prints a Markdown table. A pair counts where the loop of `verify-fix repair` ends with a patch that is proven, with the behaviour kept; intervals are Wilson's of
95 %. The JSON of each row is kept in FOLDER (default: target/embedded-table), and a row that is there is not measured again.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

# What is measured is found, not looked up.
os.environ["VERIFY_FIX_CACHE"] = "off"
ROOT = Path(__file__).resolve().parent.parent

MODEL = ["--proposers", "model"]
ROWS = [
    ("templates alone", ["--proposers", "solver"]),
    ("model, 1 answer", [*MODEL, "--candidates", "1", "--rounds", "1"]),
    ("model, 8 answers", [*MODEL, "--candidates", "8", "--rounds", "1"]),
    ("model, 32 answers", [*MODEL, "--candidates", "32", "--rounds", "1"]),
    ("model, 4 rounds of 2 answers, with feedback", [*MODEL, "--candidates", "2", "--rounds", "4"]),
    ("model, 4 rounds of 8 answers, with feedback", [*MODEL, "--candidates", "8", "--rounds", "4"]),
    ("templates and model, 8 answers", ["--proposers", "both", "--candidates", "8", "--rounds", "2"]),
    ("model, 8 answers, guide grammar", [*MODEL, "--candidates", "8", "--rounds", "1", "--guide", "grammar"]),
    ("model, 8 answers, guide names", [*MODEL, "--candidates", "8", "--rounds", "1", "--guide", "names"]),
    ("model, 8 answers, guide names+cex", [*MODEL, "--candidates", "8", "--rounds", "1", "--guide", "names+cex"]),
    ("model, 8 answers, guide names+prover", [*MODEL, "--candidates", "8", "--rounds", "1", "--guide", "names+prover"]),
    ("model, 4 rounds of 2 answers, guide names+refuted", [*MODEL, "--candidates", "2", "--rounds", "4", "--guide", "names+refuted"]),
    ("model, search over statements for 8 answers", [*MODEL, "--candidates", "8", "--rounds", "1", "--search", "tree"]),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="+")
    parser.add_argument("--sample", type=int, default=500)
    parser.add_argument("--split", default="test")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--only", nargs="*", default=[], help="rows that have one of these words")
    parser.add_argument("--kept", type=Path, default=ROOT / "target" / "embedded-table")
    parser.add_argument("--program", default=str(ROOT / "target" / "release" / "verify-fix"))
    arguments = parser.parse_args()
    arguments.kept.mkdir(parents=True, exist_ok=True)
    print("| proposer | repaired | of | share | 95 % interval | answers | tokens | pairs a minute |")
    print("| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |")
    for number, (title, options) in enumerate(ROWS):
        if arguments.only and not any(word in title for word in arguments.only):
            continue
        kept = arguments.kept / f"{number}.json"
        command = [arguments.program, "corpus", "repair", *arguments.pairs, "--split", arguments.split, "--sample", str(arguments.sample),
                   "--format", "json", "-o", str(kept.with_suffix(".jsonl")), "--", *options, "--deterministic"]
        command += [] if "solver" in options else ["--model", arguments.model]
        if not kept.exists():
            print(f"{title} ...", file=sys.stderr, flush=True)
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if done.returncode not in (0, 1):
                sys.exit(f"{' '.join(command)} ended with code {done.returncode}")
            kept.write_text(done.stdout)
        found = json.loads(kept.read_text())
        low, high = found["interval"]
        print(f"| {title} | {found['repaired']} | {found['pairs']} | {found['share']:.1%} | {low:.1%} to {high:.1%} | {found['answers']} | {found['tokens']} "
              f"| {found['pairs_per_minute']:.0f} |", flush=True)


if __name__ == "__main__":
    main()
