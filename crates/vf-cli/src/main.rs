//! The program `verify-fix`; all of it is in the library beside this file.

fn main() -> std::process::ExitCode {
    vf_cli::main()
}
