//! Pairs are made the same each time, and what is shipped is proved and refuted again.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use vf_corpus::check::{check, form};
use vf_corpus::file::{Writer, read};
use vf_corpus::import::{ImportOptions, folder, import};
use vf_corpus::make::{MakeOptions, Only, make, make_function};
use vf_corpus::prove::Prover;
use vf_corpus::record::{Origin, Split};
use vf_corpus::{CorpusError, Record};
use vf_repair::Behaviour;

const BEFORE: &str = "struct dev { int gain[8]; };\n\nint get(const struct dev *d, unsigned int i)\n{\n\
                      \tif (i > 8)\n\t\treturn -22;\n\treturn d->gain[i];\n}\n";

fn made(jobs: usize, count: usize) -> Vec<Record> {
    made_of(jobs, count, Only::default())
}

fn made_of(jobs: usize, count: usize, only: Only) -> Vec<Record> {
    let options = MakeOptions {
        seed: 1,
        first: 0,
        count,
        only,
        jobs: NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN),
        compiler: PathBuf::from("cc"),
    };
    let mut records = Vec::new();
    let mut take = |record| {
        records.push(record);
        Ok::<(), CorpusError>(())
    };
    let summary = make(&options, &mut take, &mut |_| {}).expect("pairs are made");
    assert_eq!(summary.tally.pairs, count as u64);
    records
}

fn lines(records: &[Record]) -> Vec<String> {
    let line = |r: &Record| serde_json::to_string(r).expect("a record is JSON");
    records.iter().map(line).collect()
}

#[test]
fn the_same_seed_makes_the_same_bytes_in_any_number_of_threads() {
    let records = made(1, 3);
    assert_eq!(lines(&records), lines(&made(2, 3)));
    for record in &records {
        assert_eq!(form(record), Vec::<String>::new());
        assert!(matches!(
            record.behaviour,
            Behaviour::Preserved | Behaviour::Vacuous
        ));
        let after = record.fixed().expect("the patch applies");
        assert_ne!(after, record.before);
        let [first, last] = record.context.function_lines;
        assert!(first > 1 && last > first);
    }
}

#[test]
fn pairs_of_one_split_are_those_that_all_functions_make() {
    let only = Only {
        split: Some(Split::Validation),
        ..Only::default()
    };
    let of_validation = made_of(2, 1, only);
    let number = match &of_validation[0].origin {
        Origin::Made { number, .. } => *number,
        other => panic!("made, but of origin {other:?}"),
    };
    assert!(
        number > 0,
        "function 0 of this seed is of the validation split: another seed shows more"
    );
    assert_eq!(of_validation[0].split, Split::Validation);
    let again = make_function(&Prover::new(Path::new("cc")), 1, number).expect("a function");
    assert_eq!(lines(&of_validation)[0], lines(&again.records)[0]);
}

#[test]
fn mistakes_of_other_kinds_than_asked_for_are_not_made() {
    let kinds = ["guard-dropped", "index-shifted"].map(String::from);
    let only = Only {
        mutations: kinds.into_iter().collect(),
        ..Only::default()
    };
    for record in made_of(2, 2, only.clone()) {
        let mutation = record.origin.mutation().expect("made").to_owned();
        assert!(only.mutations.contains(&mutation), "{mutation}");
    }
}

#[test]
fn what_is_shipped_is_proved_and_refuted_again() {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/pairs/pairs.jsonl.gz");
    let jobs = NonZeroUsize::new(2).unwrap_or(NonZeroUsize::MIN);
    let checked = check(&[shipped], Some(4), jobs, Path::new("cc"), &|_, _| {}).expect("a corpus");
    assert!(checked.wrong.is_empty(), "{:?}", checked.wrong);
    assert!(checked.proved_and_refuted >= 3, "{checked:?}");
}

/// A folder of its own under the one that cargo gives to tests.
fn place(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

#[test]
fn pairs_are_imported_written_and_checked() {
    let place = place("import");
    let put = |name: &str, text: &str| std::fs::write(place.join(name), text).expect("written");
    put("gain.before.c", BEFORE);
    put("gain.after.c", &BEFORE.replace("i > 8", "i >= 8"));
    // Fixes nothing, and does something else.
    put("other.bad.c", BEFORE);
    put("other.good.c", &BEFORE.replace("-22", "-1"));
    put("alone.bad.c", BEFORE);
    let pairs = folder(&place).expect("pairs");
    assert_eq!(pairs.len(), 2);
    let options = ImportOptions {
        licence: "MIT",
        compiler: Path::new("cc"),
        jobs: NonZeroUsize::MIN,
        repository: None,
        time: None,
        progress: &|_, _| {},
    };
    let imported = import(&pairs, &options).expect("imported");
    assert_eq!(imported.records.len(), 1, "{:?}", imported.not_taken);
    assert_eq!(imported.not_taken.len(), 1);

    for name in ["pairs.jsonl", "pairs.jsonl.gz"] {
        let path = place.join(name);
        let mut writer = Writer::create(&path).expect("a file");
        imported
            .records
            .iter()
            .for_each(|r| writer.write(r).expect("written"));
        assert!(!path.exists(), "nothing half-written has the name");
        writer.finish().expect("finished");
        let mut back = Vec::new();
        let mut take = |_, record| {
            back.push(record);
            Ok(())
        };
        read(&path, &mut take).expect("read");
        assert_eq!(lines(&back), lines(&imported.records));
        let checked = check(&[path], None, NonZeroUsize::MIN, Path::new("cc"), &|_, _| {}).expect("a corpus");
        assert!(checked.wrong.is_empty(), "{:?}", checked.wrong);
    }

    // Claims that are not so are found.
    let mut record = imported.records[0].clone();
    record.before = record.before.replace("i > 8", "i > 7");
    record.after = record.after.replace("i > 8", "i > 7");
    assert!(!form(&record).is_empty());
    let path = place.join("wrong.jsonl");
    let mut writer = Writer::create(&path).expect("a file");
    writer.write(&record).expect("written");
    writer.finish().expect("finished");
    let checked = check(&[path], None, NonZeroUsize::MIN, Path::new("cc"), &|_, _| {}).expect("a corpus");
    assert!(
        checked.wrong.iter().any(|w| w.what.contains("before-proved")),
        "{:?}",
        checked.wrong
    );
}

#[test]
fn what_is_no_corpus_is_said() {
    let place = place("wrong");
    let cases = [
        ("empty.jsonl", "", "holds no record"),
        ("text.jsonl", "int main;\n", "text.jsonl:1: not a record"),
        (
            "schema.jsonl",
            "{\"schema\":\"verify-fix/1\"}\n",
            "has schema \"verify-fix/1\"",
        ),
        (
            "short.jsonl",
            "{\"schema\":\"verify-fix-corpus/1\"}\n",
            "not a record",
        ),
        ("broken.jsonl.gz", "no gzip", "cannot read"),
    ];
    for (name, text, said) in cases {
        let path = place.join(name);
        std::fs::write(&path, text).expect("written");
        let error = read(&path, &mut |_, _| Ok(())).expect_err("refused").to_string();
        assert!(error.contains(said), "{error}");
    }
    assert!(read(&place.join("missing.jsonl"), &mut |_, _| Ok(())).is_err());
    assert!(matches!(folder(&place), Err(CorpusError::NoPairs { .. })));
    assert!(Writer::create(&place).is_err());
}
