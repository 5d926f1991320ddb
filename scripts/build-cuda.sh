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

source scripts/cuda-environment.sh

cargo build --release --package vf-cli --bin verify-fix
# A folder of its own: the flags differ, and the plain program must not be linked with CUDA.
cargo build --release --package vf-cli --features cuda --bin verify-fix-cuda --target-dir target/with-cuda
cp target/with-cuda/release/verify-fix-cuda target/release/verify-fix-cuda
target/release/verify-fix models devices
