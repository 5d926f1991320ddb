//! Where a model runs: the hand-over to `verify-fix-cuda`, whose part a shell script plays here.
#![cfg(feature = "model")]
#![cfg(not(feature = "cuda"))]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use common::{Ran, Sandbox, UNSAFE};
use vf_model::config::Family;
use vf_model::testing::TinyModel;

/// A folder with the program, perhaps with a script in the part of `verify-fix-cuda`, a model and a file to repair.
struct Place(Sandbox);

impl Place {
    fn new(cuda: Option<&str>) -> Place {
        let s = Sandbox::new(&[("t.c", UNSAFE)]);
        std::fs::create_dir(s.path("bin")).expect("a folder");
        let program = s.path("bin/verify-fix");
        if std::fs::hard_link(env!("CARGO_BIN_EXE_verify-fix"), &program).is_err() {
            std::fs::copy(env!("CARGO_BIN_EXE_verify-fix"), &program).expect("a copy");
        }
        if let Some(script) = cuda {
            let path = s.path("bin/verify-fix-cuda");
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
        }
        std::fs::create_dir(s.path("model")).expect("a folder");
        TinyModel::new(Family::Qwen2, 2)
            .write(&s.path("model"))
            .expect("a model");
        Place(s)
    }

    fn run(&self, args: &[&str]) -> Ran {
        let output = Command::new(self.0.path("bin/verify-fix"))
            .args(args)
            .current_dir(self.0.path("."))
            .stdin(Stdio::null())
            .env("VERIFY_FIX_CACHE", "off")
            .output()
            .expect("the command runs");
        Ran::from(output)
    }
}

const SEES_ONE: &str = r#"if [ "$1" = models ]; then
    echo '{"schema":"verify-fix-devices/1","cuda":[{"number":0,"name":"Pretend","memory":8,"free":4}]}'
else
    echo "handed over: $*"; exit 7
fi"#;
const REPAIR: [&str; 4] = ["repair", "t.c", "--model", "model"];

#[test]
fn a_gpu_is_used_where_the_other_program_sees_one() {
    let place = Place::new(Some(SEES_ONE));
    let ran = place.run(&REPAIR);
    assert_eq!(ran.code, Some(7), "{}", ran.stderr);
    assert_eq!(ran.stdout, "handed over: repair t.c --model model\n");
    let there = place.run(&[&REPAIR[..], &["--device", "cuda:1"]].concat());
    assert_eq!(there.code, Some(2));
    assert!(there.stderr.contains("there is no device 1"), "{}", there.stderr);
    let listed = place.run(&["models", "devices", "--format", "json"]);
    assert!(listed.stdout.contains("Pretend"), "{}", listed.stdout);
}

#[test]
fn the_cpu_does_where_there_is_no_gpu_or_it_does_not_work() {
    let broken = "echo 'libcublas.so.13: cannot open shared object file' >&2; exit 127";
    let blind = r#"echo '{"cuda":[],"note":"no driver"}'"#;
    for (script, note) in [
        (None, ""),
        (Some(broken), "libcublas.so.13"),
        (Some(blind), "no driver"),
        (Some("echo nonsense"), "is not JSON"),
    ] {
        let place = Place::new(script);
        let ran = place.run(&REPAIR);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains(note), "{}", ran.stderr);
        // Who asks for a GPU is told why there is none.
        let demanded = place.run(&[&REPAIR[..], &["--device", "cuda"]].concat());
        assert_eq!(demanded.code, Some(2), "{}", demanded.stdout);
        assert!(
            demanded.stderr.contains("no GPU can be used") && demanded.stderr.contains(note),
            "{}",
            demanded.stderr
        );
        let listed = place.run(&["models", "devices"]);
        assert_eq!(listed.code, Some(0));
        assert!(listed.stdout.starts_with("cpu ") && listed.stdout.contains("no GPU is used"));
    }
}

#[test]
fn nothing_is_handed_over_that_needs_no_gpu() {
    let place = Place::new(Some(SEES_ONE));
    place.run(&["repair", "t.c"]).ends_with(0);
    place
        .run(&[&REPAIR[..], &["--device", "cpu"]].concat())
        .ends_with(0);
    let wrong = place.run(&[&REPAIR[..], &["--device", "tpu"]].concat());
    assert_eq!(wrong.code, Some(2));
    assert!(
        wrong.stderr.contains("expected auto, cpu, cuda"),
        "{}",
        wrong.stderr
    );
}
