//! Lowered programs obey the typing rules of the IR, and survive its text form.

#[path = "well_typed/rules.rs"]
mod rules;

use std::path::{Path, PathBuf};

use vf_frontend::{Options, Wanted, load};
use vf_ir::DataModel;

fn check(file: &Path, library_models: bool) {
    let options = Options {
        model: DataModel::Lp64,
        compiler: PathBuf::from("cc"),
        flags: vec!["-std=gnu11".to_string()],
        directory: None,
        wanted: Wanted::All,
        overlay: Vec::new(),
        library_models,
        snippet: false,
    };
    let loaded = load(&[file.to_path_buf()], &options).expect("the program loads");
    let broken = rules::broken_rules(&loaded.program);
    assert!(broken.is_empty(), "{}\n{}", file.display(), broken.join("\n"));
    let text = vf_ir::print::print_program(&loaded.program);
    let again = vf_ir::parse::parse_program(&text).expect("the printed program parses");
    assert_eq!(vf_ir::print::print_program(&again), text);
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn c_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is there")
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "c"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn programs_of_every_construct() {
    for file in c_files(&folder("tests/differential")) {
        check(&file, false);
    }
}

#[test]
fn library_models() {
    for file in c_files(&folder("../../smt/contracts")) {
        check(&file, true);
    }
}
