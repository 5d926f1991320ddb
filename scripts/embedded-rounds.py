#!/usr/bin/env python3
"""Verifier-rewarded training of the embedded model: sample, keep what is proven, train on it, and again.

    scripts/embedded-rounds.py PAIRS.jsonl.gz... --words WORDS.jsonl --start MODEL --out ROUNDS [--rounds 3] [--program target/release/verify-fix]

PAIRS are corpus files, WORDS what the model was trained on (`verify-fix corpus export`, `corpus make --drafts`), MODEL a folder that
scripts/train-embedded.py wrote. In each round the model answers training pairs (`verify-fix corpus repair --split train`), each pair in one round
only; its proven answers, and the known fixes after its failed attempts, are added to what it learns from, and it is trained on from its weights. With `--breaker N` the model plays against the makers of
mistakes: the half of the kinds at which it is worst is used to break N new functions (the prover is the referee: kept is what is refuted and has a
proven fix), it answers those, and learns from them in the same way.
ROUNDS gets a folder for each round, and

    rounds.csv   round, share of validation pairs that are proven at the given number of answers and at one, with intervals of 95 %, and of the
                 training pairs of the round; with a breaker, also of those that it made
    rounds.png   the same, drawn

A round that is there already is not done again: the same command goes on. This is expert iteration with the prover as the judge (Anthony et al.,
"Thinking Fast and Slow with Deep Learning and Tree Search", 2017; Zelikman et al., "STaR", 2022).
"""

import argparse
import csv
import gzip
import json
import shlex
import subprocess
import sys
from pathlib import Path


def repaired(program, pairs, split, sample, model, answers, seed, out, words=None):
    """Share that the model repairs in one round of that many answers, with its interval; kept in `out`."""
    if not out.exists():
        command = [program, "corpus", "repair", *pairs, "--split", split, "--sample", str(sample), "--format", "json"]
        if words:
            command += ["--words", words]
        command += ["--", "--model", model, "--proposers", "model", "--candidates", str(answers), "--rounds", "1", "--deterministic", "--seed", str(seed)]
        done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, text=True)
        # 1: not all are repaired.
        if done.returncode not in (0, 1):
            sys.exit(f"{' '.join(map(str, command))} ended with code {done.returncode}")
        out.write_text(done.stdout)
    return json.loads(out.read_text())


def records(path):
    with (gzip.open if str(path).endswith(".gz") else open)(path, "rt") as lines:
        yield from (line for line in lines if line.strip())


def part(pairs, number, of, out):
    """The training pairs of one round: every one of its own."""
    if not out.exists():
        training = [line for path in pairs for line in records(path) if json.loads(line)["split"] == "train"]
        with gzip.open(out, "wt") as file:
            file.writelines(training[number - 1 :: of])
    return out


def weakest(seen):
    """The half of the kinds of mistakes of which the smallest share was repaired, of those that were tried three times at least."""
    tried = {kind: repaired / count for kind, (repaired, count) in seen["mutations"].items() if count >= 3}
    ordered = sorted(tried, key=lambda kind: (tried[kind], kind))
    return ordered[: (len(ordered) + 1) // 2]


def broken(program, kinds, count, seed, out):
    """New training pairs with mistakes of these kinds."""
    if not out.exists():
        command = [program, "corpus", "make", "--split", "train", "--seed", str(seed), "--count", str(count), "--mutations", ",".join(kinds), "-o", out]
        done = subprocess.run([str(c) for c in command], stdout=subprocess.DEVNULL)
        if done.returncode not in (0, 3):
            sys.exit(f"{' '.join(map(str, command))} ended with code {done.returncode}")
    return out


def draw(path, rows, answers):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rounds = [r["round"] for r in rows]
    figure, axes = plt.subplots(figsize=(7, 4))
    for name, label in [("validation", f"validation, {answers} answers"), ("one", "validation, 1 answer")]:
        share = [100 * r[name] for r in rows]
        errors = [[s - 100 * r[f"{name}_low"] for s, r in zip(share, rows)], [100 * r[f"{name}_high"] - s for s, r in zip(share, rows)]]
        axes.errorbar(rounds, share, yerr=errors, marker="o", capsize=4, label=label)
    for name, label in [("train", "training pairs of the round"), ("against", "pairs made against the model")]:
        known = [(r["round"], 100 * r[name]) for r in rows if r[name] != ""]
        if known:
            axes.plot(*zip(*known), marker="s", linestyle="--", label=label)
    axes.set_xticks(rounds)
    axes.set_xlabel("round of training on what was proven")
    axes.set_ylabel("% of pairs proven")
    axes.set_ylim(0, 100)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="+")
    parser.add_argument("--words", nargs="+", required=True)
    parser.add_argument("--start", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--program", default="target/release/verify-fix")
    parser.add_argument("--sample", type=int, default=1000, help="training pairs that are answered in a round, at most")
    parser.add_argument("--validate", type=int, default=200, help="validation pairs")
    parser.add_argument("--answers", type=int, default=8)
    parser.add_argument("--breaker", type=int, default=0, help="pairs that are made against the model in a round")
    parser.add_argument("--hours", type=float, default=0.25, help="of training in a round")
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--training", default="", help="further options of scripts/train-embedded.py, as --training=--compile")
    arguments = parser.parse_args()
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    model = Path(arguments.start)
    learned, rows = list(arguments.words), []
    for number in range(arguments.rounds + 1):
        folder = out / str(number)
        folder.mkdir(exist_ok=True)
        if number > 0:
            words = folder / "words.jsonl"
            before = out / str(number - 1)
            asked = part(arguments.pairs, number, arguments.rounds, before / "train.jsonl.gz")
            seen = repaired(arguments.program, [asked], "train", arguments.sample, model, arguments.answers, number, before / "train.json", words)
            rows[-1]["train"] = seen["share"]
            learned.append(str(words))
            if arguments.breaker and weakest(seen):
                # Seeds of their own: pairs are named by seed and number.
                against = broken(arguments.program, weakest(seen), arguments.breaker, 900_000 + number, before / "against.jsonl.gz")
                words = folder / "against-words.jsonl"
                fought = repaired(arguments.program, [against], "train", arguments.breaker, model, arguments.answers, number, before / "against.json", words)
                rows[-1]["against"] = fought["share"]
                learned.append(str(words))
            command = [sys.executable, Path(__file__).parent / "train-embedded.py", *learned, "--out", folder, "--start", model / "checkpoint.pt",
                       "--hours", str(arguments.hours), "--rate", str(arguments.rate), *shlex.split(arguments.training)]
            if not (folder / "done").exists():
                subprocess.run([str(c) for c in command], check=True)
                (folder / "done").touch()
            model = folder
        row = dict(round=number)
        for name, answers in [("validation", arguments.answers), ("one", 1)]:
            found = repaired(arguments.program, arguments.pairs, "validation", arguments.validate, model, answers, 0, folder / f"{name}.json")
            low, high = found["interval"]
            row |= {name: found["share"], f"{name}_low": low, f"{name}_high": high, "pairs": found["pairs"]}
            print(f"round {number}, {answers} answers: {found['repaired']} of {found['pairs']} validation pairs ({found['share']:.1%}, {low:.1%} to {high:.1%})", flush=True)
        rows.append(row | dict(train="", against=""))
        with open(out / "rounds.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
        draw(out / "rounds.png", rows, arguments.answers)


if __name__ == "__main__":
    main()
