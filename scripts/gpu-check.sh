#!/usr/bin/env bash
# On a machine with an NVIDIA GPU: builds the model host with CUDA, compares its logits with the CPU's, and measures tokens a second, alone and
# beside transformers.generate. Writes what it found to docs/gpu.md. Exit code 0: CPU and GPU agree; 1: they do not; 2: no CUDA here.
#
# Needs the CUDA toolkit (nvcc on PATH, CUDA_HOME, or none: then from PyPI, as scripts/build-cuda.sh does) and Python with torch and transformers for
# the comparison; without them that part is left out and the file says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v nvidia-smi >/dev/null || ! nvidia-smi --list-gpus | grep -q .; then
    echo "gpu-check: no NVIDIA GPU on this machine (nvidia-smi finds none)" >&2
    exit 2
fi

scripts/build-cuda.sh
source scripts/cuda-environment.sh
build=(cargo build --release --package vf-model --features cuda,testing --target-dir target/with-cuda)
"${build[@]}" --example device_parity --example model_speed
examples=target/with-cuda/release/examples

gpu=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader | head -n 1)
parity=$("$examples/device_parity") || { echo "$parity"; exit 1; }
python="${PYTHON:-python3}"
if "$python" -c 'import torch, transformers' 2>/dev/null; then
    beside=$("$python" scripts/gpu-throughput.py "$examples/model_speed")
else
    beside="Not compared with transformers: $python has no torch and transformers."
fi
{
    echo "# On a GPU"
    echo
    echo "Made by \`scripts/gpu-check.sh\` on $(date -I): $gpu."
    echo
    echo "Logits of tiny models of every family, GPU against CPU (\`device_parity\`):"
    echo
    printf '```\n%s\n```\n\n' "$parity"
    echo "Eight samples of 64 tokens for a prompt of 512, in BF16 (\`scripts/gpu-throughput.py\`):"
    echo
    echo "$beside"
} > docs/gpu.md
cat docs/gpu.md
