#!/usr/bin/env bash
# On a machine with an NVIDIA GPU and the CUDA toolkit: builds the model host with CUDA and compares its logits
# with the CPU's. Exit code 0: they agree; 1: they do not; 2: no CUDA here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v nvidia-smi >/dev/null || ! nvidia-smi --list-gpus | grep -q .; then
    echo "gpu-check: no NVIDIA GPU on this machine (nvidia-smi finds none)" >&2
    exit 2
fi
if ! command -v nvcc >/dev/null; then
    echo "gpu-check: no CUDA compiler (nvcc): install the CUDA toolkit, or put its bin folder on PATH" >&2
    exit 2
fi

nvidia-smi --query-gpu=name,driver_version --format=csv,noheader
cargo build --release --package vf-model --features cuda,testing --example device_parity
cargo run --release --quiet --package vf-model --features cuda,testing --example device_parity
