# For scripts that build with CUDA; sourced at the root of the repository, with the compute capability as an argument or that of the GPU here.
# Takes the toolkit of CUDA_HOME or of nvcc on PATH, else the one that scripts/cuda-toolkit.sh installs into target/cuda.

capability="${1:-}"
if [ -z "$capability" ] && command -v nvidia-smi >/dev/null; then
    capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
fi
if [ -z "$capability" ]; then
    echo "no GPU here to build for; name its compute capability, as in scripts/build-cuda.sh 90" >&2
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
