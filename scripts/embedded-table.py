#!/usr/bin/env python3
"""Share of held-out pairs that each proposer repairs: templates, the embedded model, both; with more answers, feedback, guides, search.

    cargo build --release -p vf-cli
    scripts/embedded-table.py PAIRS.jsonl.gz... [--sample 500] [--split test] [--model embedded] [--only WORD...] [--kept FOLDER]
    scripts/embedded-table.py --cases [...]      the hand-made cases of corpus/cases instead of pairs

Prints a Markdown table. A pair counts where the loop of `verify-fix repair` ends with a patch that is proven, with the behaviour kept; intervals are Wilson's of
95 %. The JSON of each row is kept in FOLDER (default: target/embedded-table), and a row that is there is not measured again.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# What is measured is found, not looked up.
os.environ["VERIFY_FIX_CACHE"] = "off"
ROOT = Path(__file__).resolve().parent.parent

MODEL = ["--proposers", "model"]
ROWS = [
    ("templates alone", ["--proposers", "solver"]),
    ("model, 8 answers, then templates", ["--proposers", "model-then-solver", "--candidates", "8", "--rounds", "2", "--guide", "none"]),
    ("model, 1 answer", [*MODEL, "--candidates", "1", "--rounds", "1", "--guide", "none"]),
    ("model, 8 answers", [*MODEL, "--candidates", "8", "--rounds", "1", "--guide", "none"]),
    ("model, 32 answers", [*MODEL, "--candidates", "32", "--rounds", "1", "--guide", "none"]),
    ("model, 4 rounds of 2 answers, with feedback", [*MODEL, "--candidates", "2", "--rounds", "4", "--guide", "none"]),
    ("model, 4 rounds of 8 answers, with feedback", [*MODEL, "--candidates", "8", "--rounds", "4", "--guide", "none"]),
    ("model, 8 answers, guide grammar", [*MODEL, "--candidates", "8", "--rounds", "1", "--guide", "grammar"]),
    ("model, 8 answers, guide names", [*MODEL, "--candidates", "8", "--rounds", "1", "--guide", "names"]),
    ("model, 8 answers, guide names+cex", [*MODEL, "--candidates", "8", "--rounds", "1", "--guide", "names+cex"]),
    ("model, 8 answers, guide names+prover", [*MODEL, "--candidates", "8", "--rounds", "1", "--guide", "names+prover"]),
    ("model, 4 rounds of 2 answers, guide names+refuted", [*MODEL, "--candidates", "2", "--rounds", "4", "--guide", "names+refuted"]),
    ("model, search over statements for 8 answers", [*MODEL, "--candidates", "8", "--rounds", "1", "--search", "tree"]),
    ("model, 8 answers, guide names, then templates", ["--proposers", "model-then-solver", "--candidates", "8", "--rounds", "2", "--guide", "names"]),
]


def wilson(hits, count):
    """Interval of 95 % for a share (Wilson, 1927)."""
    z = 1.959964
    share, square = hits / count, z * z / count
    middle, half = share + square / 2, z * (share * (1 - share) / count + square / count / 4) ** 0.5
    return (middle - half) / (1 + square), (middle + half) / (1 + square)


def cases(program, options):
    """What `corpus repair` says of pairs, of the hand-made cases."""
    started = time.monotonic()

    def one(case):
        command = [program, "repair", "--report", str(case / "report.txt"), "--tree", str(case / "tree"), "--format", "json", "--no-replay", "-j", "1", *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if done.returncode not in (0, 1, 3):
            sys.exit(f"{' '.join(command)} ended with code {done.returncode}")
        return case.name, json.loads(done.stdout)

    folders = sorted(p.parent for p in (ROOT / "corpus" / "cases").glob("*/report.txt"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        said = list(pool.map(one, folders))
    proven = [name for name, answer in said if answer["verdict"] == "proven-fix"]
    used = lambda what: sum(answer["used"][what] for _, answer in said)  # noqa: E731
    return dict(repaired=len(proven), pairs=len(said), share=len(proven) / len(said), interval=wilson(len(proven), len(said)), names=proven,
                answers=used("answers"), tokens=used("tokens"), pairs_per_minute=60 * len(said) / (time.monotonic() - started))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="*")
    parser.add_argument("--cases", action="store_true")
    parser.add_argument("--sample", type=int, default=500)
    parser.add_argument("--split", default="test")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--only", nargs="*", default=[], help="rows that have one of these words")
    parser.add_argument("--kept", type=Path, default=ROOT / "target" / "embedded-table")
    parser.add_argument("--program", default=str(ROOT / "target" / "release" / "verify-fix"))
    arguments = parser.parse_args()
    if arguments.cases == bool(arguments.pairs):
        parser.error("give either files of pairs or --cases")
    arguments.kept.mkdir(parents=True, exist_ok=True)
    print("| proposer | repaired | of | share | 95 % interval | answers | tokens | pairs a minute |")
    print("| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |")
    for number, (title, options) in enumerate(ROWS):
        if arguments.only and not any(word in title for word in arguments.only):
            continue
        kept = arguments.kept / f"{'case-' if arguments.cases else ''}{number}.json"
        options = [*options, "--deterministic"] + ([] if "solver" in options else ["--model", arguments.model])
        command = [arguments.program, "corpus", "repair", *arguments.pairs, "--split", arguments.split, "--sample", str(arguments.sample),
                   "--format", "json", "-o", str(kept.with_suffix(".jsonl")), "--", *options]
        if arguments.cases and not kept.exists():
            print(f"{title} ...", file=sys.stderr, flush=True)
            kept.write_text(json.dumps(cases(arguments.program, options)))
        elif not kept.exists():
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
