//! The same program linked with CUDA. `verify-fix` hands over to it where a model is to run on a GPU
//! (`crates/vf-cli/src/device.rs`), so that `verify-fix` itself starts on machines without CUDA.

fn main() -> std::process::ExitCode {
    vf_cli::main()
}
