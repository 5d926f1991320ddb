#!/usr/bin/env python3
"""Drives the loop of `repair` for hundreds of rounds with a model that is always wrong, and looks at what it leaves.

    cargo build --release -p vf-cli
    python3 scripts/loop-stability.py target/release/verify-fix

    --rounds N           default 500
    --model DIR          also with this hosted model (cargo run --release -p vf-model --features testing --example write_tiny DIR)
    --growth MIB         resident memory that may be gained between round 50 and the last (default 64)

A server on the loopback interface answers each request with another wrong repair. Measured: resident memory and threads in
round 50 and in the last, and the processes that are left behind. Then a server that dies in the middle of an answer: the run
must end with an error that says so (code 2) and a log that is whole; with templates beside it the run goes on. Prints a line for
each check; exits 0 if all hold.
"""
import argparse
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

# No template repairs it: the address is made from a number.
CODE = """extern int next(void);
int f(void) {
    int n = next();
    return *(int *)(unsigned long)(unsigned)n;
}
"""
EARLY = 50


class Server:
    """Answers wrongly, each time otherwise; dies in the middle of answer `dies_at`."""

    def __init__(self, dies_at=None):
        server = self
        self.count = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def send(self, value):
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                return body

            def do_GET(self):
                self.wfile.write(self.send({"object": "list", "data": [{"id": "wrong-coder", "object": "model"}]}))

            def do_POST(self):
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                choices = []
                for index in range(request.get("n") or 1):
                    server.count += 1
                    text = f"Add {server.count}.\n```c\nint f(void) {{\n    int n = next() + {server.count};\n" \
                           "    return *(int *)(unsigned long)(unsigned)n;\n}\n```\n"
                    message = {"role": "assistant", "content": text}
                    choices.append({"index": index, "message": message, "finish_reason": "stop"})
                body = self.send({"object": "chat.completion", "model": "wrong-coder", "choices": choices})
                if dies_at is not None and server.count >= dies_at:
                    self.wfile.write(body[: len(body) // 2])
                    self.wfile.flush()
                    self.close_connection = True
                    threading.Thread(target=server.close).start()
                    return
                self.wfile.write(body)

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def url(self):
        return f"http://127.0.0.1:{self.http.server_port}/v1"

    def close(self):
        self.http.shutdown()
        self.http.server_close()


class Checks:
    def __init__(self):
        self.failed = 0

    def that(self, what, holds, detail=""):
        print(f"{'ok' if holds else 'FAILED'}: {what}{': ' + detail if detail else ''}", flush=True)
        self.failed += not holds


def status(pid):
    """Resident memory in MiB and threads (proc_pid_status(5)); None when the process is gone."""
    try:
        fields = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status") if ":" in line)
        return int(fields["VmRSS"].split()[0]) / 1024, int(fields["Threads"])
    except (OSError, KeyError, ValueError):
        return None


def group(pgid):
    """Processes of a process group."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                after = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                if int(after[2]) == pgid and after[0] != "Z":
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def rounds(checks, program, model, count, growth, name):
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "t.c").write_text(CODE)
    log = folder / "log.jsonl"
    command = [program, "repair", "t.c", "--model", model, "--no-templates", "--rounds", str(count)]
    command += ["--candidates", "1", "--no-cache", "--log", log]
    started = time.monotonic()
    with open(folder / "stdout", "w") as out, open(folder / "stderr", "w") as err:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err, start_new_session=True)
        early = last = None
        reached, at, tail = 0, 0, b""
        while process.poll() is None:
            if log.exists():
                with open(log, "rb") as f:
                    f.seek(at)
                    new = f.read()
                at += len(new)
                lines = (tail + new).split(b"\n")
                tail = lines.pop()
                for line in lines:
                    reached = max(reached, json.loads(line).get("round", 0))
            now = status(process.pid)
            if now and reached >= EARLY and early is None:
                early = (reached, *now)
            if now and reached > EARLY:
                last = (reached, *now)
            time.sleep(0.05)
    seconds = time.monotonic() - started
    said = (folder / "stdout").read_text() + (folder / "stderr").read_text()
    checks.that(f"{name}: {count} rounds end without a proof", process.returncode == 1 and reached == count,
                f"code {process.returncode}, round {reached}, {seconds:.0f} s" +
                ("" if process.returncode == 1 else ": " + said[-500:]))
    if early and last:
        checks.that(f"{name}: resident memory", last[1] - early[1] <= growth,
                    f"{early[1]:.0f} MiB in round {early[0]}, {last[1]:.0f} MiB in round {last[0]}, "
                    f"{(last[1] - early[1]) * 1024 / max(last[0] - early[0], 1):.1f} KiB a round")
        checks.that(f"{name}: threads", last[2] <= early[2] + 4, f"{early[2]} and {last[2]}")
    else:
        checks.that(f"{name}: there was time to measure", False)
    left = group(process.pid)
    checks.that(f"{name}: no process is left", not left, ", ".join(map(str, left)))
    shutil.rmtree(folder)


def killed(checks, program, more, code, name):
    server = Server(dies_at=3)
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "t.c").write_text(CODE)
    command = [program, "repair", "t.c", "--model", server.url(), "--rounds", "8", "--candidates", "1", "--no-cache"]
    command += ["--log", "log.jsonl", "--model-timeout", "20", *more]
    started = time.monotonic()
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, start_new_session=True)
    seconds = time.monotonic() - started
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    whole = records[-1]["event"] == "end"
    answers = sum(r["event"] == "answer" for r in records)
    checks.that(f"{name}: the server dies in its third answer", run.returncode == code and whole and answers == 2,
                f"code {run.returncode}, {answers} answers in a {'whole' if whole else 'broken'} log, {seconds:.0f} s: "
                + (run.stderr.strip().splitlines() or ["no message"])[-1][:200])
    shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--growth", type=float, default=64)
    parser.add_argument("--model")
    arguments = parser.parse_args()
    program = os.path.abspath(arguments.program)
    checks = Checks()
    server = Server()
    rounds(checks, program, server.url(), arguments.rounds, arguments.growth, "scripted server")
    server.close()
    if arguments.model:
        model = os.path.abspath(arguments.model)
        rounds(checks, program, model, arguments.rounds, arguments.growth, "hosted model")
    killed(checks, program, ["--no-templates"], 2, "alone")
    killed(checks, program, [], 1, "beside templates")
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
