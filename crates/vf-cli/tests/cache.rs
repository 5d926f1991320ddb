//! Answers kept between runs of the command.

mod common;

use common::{Ran, SAFE, Sandbox, UNSAFE};
use serde_json::Value;

/// How many functions of a JSON report were answered from the cache.
fn from_cache(ran: &Ran) -> usize {
    let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}", ran.stdout));
    let reports = [&report, &report["before"], &report["after"]];
    let functions = reports.iter().filter_map(|r| r["functions"].as_array()).flatten();
    functions.filter(|f| f["search"]["from_cache"] == true).count()
}

#[test]
fn a_second_run_finds_what_the_first_has_kept() {
    let s = Sandbox::new(&[("t.c", UNSAFE), ("old.c", UNSAFE), ("new.c", SAFE)]);
    let check = |more: &[&str]| {
        let mut args = vec!["check", "t.c", "--format", "json", "--no-replay"];
        args.extend(more);
        let ran = s.run(&args);
        ran.ends_with(1);
        from_cache(&ran)
    };
    assert_eq!(check(&["--cache", "kept"]), 0);
    assert_eq!(check(&["--cache", "kept"]), 1);
    assert_eq!(check(&["--no-cache"]), 0);
    assert_eq!(check(&["--cache", "other"]), 0);
    // By the environment; another place in the file is the same function.
    s.write("t.c", format!("\n\n{UNSAFE}").as_bytes());
    let ran = s
        .command(&["check", "t.c", "--format", "json"])
        .env("VERIFY_FIX_CACHE", s.path("kept"))
        .output();
    assert_eq!(from_cache(&Ran::from(ran.expect("the command runs"))), 1);
    // The patch finds what the check has kept of its old version.
    let patch = [
        "patch", "--before", "old.c", "--after", "new.c", "--format", "json", "--cache", "kept",
    ];
    assert_eq!(from_cache(&s.run(&patch)), 1);
    assert_eq!(from_cache(&s.run(&patch)), 2);
}

#[test]
fn a_cache_that_cannot_be_is_an_error_where_it_was_asked_for() {
    let s = Sandbox::new(&[("t.c", SAFE), ("file", "")]);
    s.run(&["check", "t.c", "--cache", "file"])
        .is_bad_input(&["file", "another folder"]);
    s.run(&["check", "t.c", "--cache", "kept", "--no-cache"])
        .is_bad_input(&["--no-cache"]);
    // The user's own folder of caches need not be one.
    let ran = s
        .command(&["check", "t.c"])
        .env_remove("VERIFY_FIX_CACHE")
        .env("XDG_CACHE_HOME", s.path("file"))
        .output();
    let ran = Ran::from(ran.expect("the command runs"));
    ran.ends_with(0);
    assert!(
        ran.stderr.contains("nothing is kept between runs"),
        "{}",
        ran.stderr
    );
}
