//! Writes a tiny model of random weights into a folder: `cargo run -p vf-model --features testing --example write_tiny DIR [SEED]`.

use std::path::Path;
use std::process::ExitCode;

use vf_model::config::Family;
use vf_model::testing::TinyModel;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        eprintln!("usage: write_tiny DIR [SEED]");
        return ExitCode::from(2);
    };
    let seed = arguments.next().and_then(|s| s.parse().ok()).unwrap_or(1);
    let model = TinyModel {
        max_positions: 8192,
        ..TinyModel::new(Family::Llama, seed)
    };
    let written = std::fs::create_dir_all(&folder).and_then(|()| model.write(Path::new(&folder)));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {folder}: {error}");
            ExitCode::from(2)
        }
    }
}
