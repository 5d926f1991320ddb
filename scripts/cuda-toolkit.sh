#!/usr/bin/env bash
# Puts a CUDA compiler and the libraries that candle links with into a folder (default: target/cuda), from PyPI's
# wheels: no administrator, no driver and no GPU needed. About 900 MB to download, 2.5 GB on disk.
#
#     scripts/cuda-toolkit.sh [FOLDER]
#
# 13.0 is the newest toolkit that a driver of series 580 runs. Prints the folder, which is a CUDA_HOME.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=$(realpath -m "${1:-target/cuda}")
marker="$folder/.complete-13.0-2"
if [ ! -e "$marker" ]; then
    mkdir -p "$folder/wheels"
    # --only-binary: nothing that a package brings is run on this machine.
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --upgrade \
        --target "$folder/wheels" \
        nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88 \
        nvidia-cuda-runtime==13.0.96 nvidia-cuda-cccl==13.0.85 nvidia-cuda-nvrtc==13.0.88 \
        nvidia-cublas==13.1.0.3 nvidia-curand==10.4.0.35 >&2
    home="$folder/wheels/nvidia/cu13"
    for part in bin include lib nvvm; do
        if [ ! -e "$home/$part" ]; then
            echo "cuda-toolkit: the wheels have no $home/$part: their layout is another one than this script knows" >&2
            exit 1
        fi
        ln -sfn "$home/$part" "$folder/$part"
    done
    ln -sfn lib "$folder/lib64"
    # Wheels have no development links: libcublas.so.13, but no libcublas.so.
    for library in "$home"/lib/lib*.so.*; do
        plain="${library%%.so.*}.so"
        [ -e "$plain" ] || ln -s "$(basename "$library")" "$plain"
    done
    # The driver's library comes with the driver. To link a program, one is needed that has its name and its functions: every one of the header,
    # under the name that the linker sees. None of them is ever called.
    mkdir -p "$home/lib/stubs"
    ${CC:-cc} -E -I "$home/include" "$home/include/cuda.h" | grep -oE '\bcu[A-Z][A-Za-z0-9_]*[ ]*\(' | tr -d '( ' | sort -u |
        sed 's/.*/void &(void) {}/' |
        ${CC:-cc} -w -fno-builtin -shared -nostdlib -x c -Wl,-soname,libcuda.so.1 -o "$home/lib/stubs/libcuda.so" -
    chmod +x "$home"/bin/* "$home"/nvvm/bin/* 2>/dev/null || true
    touch "$marker"
fi
echo "$folder"
