#!/usr/bin/env python3
"""Runs verify-fix against a real llama.cpp server.

    python3 scripts/llama-server-check.py --server /path/to/llama-server [--binary target/release/verify-fix]
    python3 scripts/llama-server-check.py --url http://127.0.0.1:8080/v1      a server of a tiny model that runs already
    python3 scripts/llama-server-check.py --write-model tiny.gguf             only the model

Writes a tiny model of random weights as GGUF (the PyPI packages `gguf` and `numpy`), starts the server with it on the
loopback interface, runs the ignored tests of crates/vf-model/tests/real_server.rs against it, and `verify-fix repair
--model URL` twice. The model's answers are noise: the repair must end without a proven patch (code 1), with its
answers in the log, and the same way both times. Prints one line for each check; exits 0 if all hold.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONTEXT = 8192
# No template repairs it: the address is made from a number.
CODE = """extern int next(void);
int f(void) {
    int n = next();
    return *(int *)(unsigned long)(unsigned)n;
}
"""
TEMPLATE = (
    "{% for message in messages %}[{{ message['role'] }}] {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


def write_model(path):
    """Two layers, 64 wide, a token for every byte."""
    import gguf
    import numpy

    width, inner, layers, heads, shared = 64, 128, 2, 4, 2
    kinds = gguf.TokenType
    tokens = [("<unk>", kinds.UNKNOWN), ("<s>", kinds.CONTROL), ("</s>", kinds.CONTROL)]
    tokens += [(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)]
    # A few whole pieces beside the bytes.
    tokens += [(piece, kinds.NORMAL) for piece in ("\u2581", "\u2581int", "\u2581return", ";", "(", ")", "{", "}")]

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny-noise")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(shared)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text.encode() for text, _ in tokens])
    writer.add_token_scores([0.0 if kind != kinds.NORMAL else -float(i) for i, (_, kind) in enumerate(tokens)])
    writer.add_token_types([int(kind) for _, kind in tokens])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(TEMPLATE)

    random = numpy.random.default_rng(7)

    def add(name, *shape):
        spread = 0.4 if len(shape) > 1 else 0.1
        values = random.uniform(-spread, spread, shape) + (1.0 if len(shape) == 1 else 0.0)
        writer.add_tensor(name, values.astype(numpy.float32))

    add("token_embd.weight", len(tokens), width)
    add("output_norm.weight", width)
    add("output.weight", len(tokens), width)
    key = width // heads * shared
    for layer in range(layers):
        for name, *shape in (
            ("attn_norm", width),
            ("attn_q", width, width),
            ("attn_k", key, width),
            ("attn_v", key, width),
            ("attn_output", width, width),
            ("ffn_norm", width),
            ("ffn_gate", inner, width),
            ("ffn_up", inner, width),
            ("ffn_down", width, inner),
        ):
            add(f"blk.{layer}.{name}.weight", *shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until_ready(root, server, seconds=60):
    for _ in range(seconds * 5):
        if server.poll() is not None:
            return False
        try:
            with urllib.request.urlopen(f"{root}/health", timeout=2) as answer:
                if answer.status == 200:
                    return True
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.2)
    return False


class Checks:
    def __init__(self):
        self.failed = 0

    def that(self, what, holds, detail=""):
        print(f"{'ok' if holds else 'FAILED'}: {what}{': ' + detail if detail else ''}", flush=True)
        self.failed += not holds


def check_client(checks, url):
    command = ["cargo", "test", "--release", "--package", "vf-model", "--no-default-features", "--test", "real_server"]
    command += ["--", "--ignored", "--test-threads=1"]
    environment = {**os.environ, "VERIFY_FIX_TEST_SERVER": url}
    run = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True)
    last = [line for line in run.stdout.splitlines() if line.startswith("test result")]
    checks.that("the client's tests", run.returncode == 0, last[-1] if last else run.stderr[-2000:])
    if run.returncode != 0:
        print(run.stdout[-4000:])


def check_repair(checks, binary, url, folder):
    with open(os.path.join(folder, "t.c"), "w") as f:
        f.write(CODE)
    logs = []
    for turn in ("first", "second"):
        command = [binary, "repair", "t.c", "--model", url, "--no-templates", "--rounds", "2"]
        command += ["--candidates", "3", "--log", "log.jsonl", "--no-cache"]
        began = time.monotonic()
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        took = time.monotonic() - began
        checks.that(
            f"the {turn} repair ends without a proof",
            run.returncode == 1 and run.stdout.startswith("no proven repair"),
            f"code {run.returncode}, {took:.1f} s" + ("" if run.returncode == 1 else ": " + run.stderr[-500:]),
        )
        try:
            with open(os.path.join(folder, "log.jsonl")) as f:
                records = [json.loads(line) for line in f]
            # How long something took is another time each time.
            logs.append([{k: v for k, v in r.items() if not k.endswith("_ms")} for r in records])
        except OSError:
            logs.append([])
    answers = [r for r in logs[0] if r.get("event") == "candidate"]
    from_model = [r for r in answers if r["proposer"].startswith("model:")]
    checks.that("the log has the model's answers", len(from_model) == 6, f"{len(from_model)} of 6")
    names = {r["proposer"] for r in from_model}
    checks.that("they are logged under the model's name", len(names) == 1, ", ".join(sorted(names)))
    checks.that("the same seed gives the same run", logs[0] == logs[1])


def check_all(checks, arguments, url, folder):
    check_repair(checks, os.path.abspath(arguments.binary), url, folder)
    check_client(checks, url)


def serve_and_check(checks, arguments, folder):
    model = os.path.join(folder, "tiny-noise.gguf")
    write_model(model)
    port = free_port()
    root = f"http://127.0.0.1:{port}"
    command = [arguments.server, "-m", model, "--host", "127.0.0.1", "--port", str(port), "-t", "1"]
    # Four slots, each with the whole context.
    command += ["--parallel", "4", "-c", str(4 * CONTEXT)]
    log_file = os.path.join(folder, "server.log")
    with open(log_file, "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        ready = wait_until_ready(root, server)
        checks.that("the server starts", ready)
        if ready:
            check_all(checks, arguments, f"{root}/v1", folder)
        else:
            with open(log_file) as log:
                print(log.read()[-3000:])
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default=shutil.which("llama-server"), help="llama.cpp's llama-server")
    parser.add_argument("--url", help="address of a server that runs already")
    parser.add_argument("--write-model", metavar="FILE.gguf", help="write the tiny model and do nothing else")
    parser.add_argument("--binary", default=os.path.join(HERE, "target/release/verify-fix"))
    arguments = parser.parse_args()
    if arguments.write_model:
        write_model(arguments.write_model)
        return 0
    checks = Checks()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.url:
            check_all(checks, arguments, arguments.url, folder)
        elif arguments.server:
            serve_and_check(checks, arguments, folder)
        else:
            parser.error("no llama-server in PATH: name one with --server, or a running one with --url")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
