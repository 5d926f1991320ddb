#!/usr/bin/env bash
# Builds target/release/verify-fix and, beside it, target/release/verify-fix-cuda, which runs models on NVIDIA GPUs.
#
#     scripts/build-cuda.sh [COMPUTE_CAPABILITY]
#
# COMPUTE_CAPABILITY: 75 (Turing), 80 and 86 (Ampere), 89 (Ada), 90 (Hopper), 100, 120 (Blackwell); default: that of the
# GPU here. No GPU is needed to build. Takes the toolkit of CUDA_HOME or of nvcc on PATH, else the one that
# scripts/cuda-toolkit.sh installs into target/cuda. Takes some 10 minutes on 2 cores.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

capability="${1:-}"
if [ -z "$capability" ] && command -v nvidia-smi >/dev/null; then
    capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
fi
if [ -z "$capability" ]; then
    echo "build-cuda: no GPU here to build for; name its compute capability, as in scripts/build-cuda.sh 90" >&2
    exit 2
fi

if [ -n "${CUDA_HOME:-}" ]; then
    home="$CUDA_HOME"
elif nvcc=$(command -v nvcc); then
    home=$(dirname "$(dirname "$(realpath "$nvcc")")")
else
    home=$(scripts/cuda-toolkit.sh | tail -n 1)
fi
export CUDA_HOME="$home" CUDA_PATH="$home" CUDA_ROOT="$home" CUDA_TOOLKIT_ROOT_DIR="$home" PATH="$home/bin:$PATH"
export CUDA_COMPUTE_CAP="$capability" CUDAFORGE_THREADS="${CUDAFORGE_THREADS:-$(nproc)}"
# The driver's library is there at run time; the toolkit has a stand-in to link with.
export LIBRARY_PATH="$home/lib64:$home/lib/stubs:${LIBRARY_PATH:-}"
# Libraries from wheels are in no folder that the loader knows.
export RUSTFLAGS="${RUSTFLAGS:-} -C link-arg=-Wl,-rpath,$home/lib64 -L native=$home/lib64 -L native=$home/lib/stubs"

cargo build --release --package vf-cli --bin verify-fix
# A folder of its own: the flags differ, and the plain program must not be linked with CUDA.
cargo build --release --package vf-cli --features cuda --bin verify-fix-cuda --target-dir target/with-cuda
cp target/with-cuda/release/verify-fix-cuda target/release/verify-fix-cuda
target/release/verify-fix models devices
