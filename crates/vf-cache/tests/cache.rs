//! A cache over its life: kept, found, damaged, shared, killed, full.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use vf_cache::{Cache, DEFAULT_BYTES, Key, Tool, Usage};

/// Set in the processes that this test starts of itself.
const FOLDER: &str = "VF_CACHE_TEST_FOLDER";
/// Distinct answers that the writers write.
const KEYS: u32 = 40;

fn open(folder: &Path) -> Cache {
    Cache::open(folder, Tool::named("test"), DEFAULT_BYTES).expect("a folder that can be written to")
}

fn key(cache: &Cache, number: u32) -> Key {
    cache.key("test").part("number", &number.to_le_bytes()).finish()
}

/// The only answer that there may ever be under a key; large, so that writing it takes a while.
fn answer(number: u32) -> Vec<u8> {
    number.to_le_bytes().repeat(50_000)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn what_is_put_is_got_and_another_tool_finds_nothing() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let cache = open(folder.path());
    assert_eq!(cache.get(&key(&cache, 1)), None);
    assert!(cache.put(&key(&cache, 1), b"one"));
    assert!(cache.put(&key(&cache, 2), b""));
    assert!(cache.put_value(&key(&cache, 3), &vec![1u8, 2]));
    let again = open(folder.path());
    assert_eq!(again.get(&key(&again, 1)).as_deref(), Some(&b"one"[..]));
    assert_eq!(again.get(&key(&again, 2)).as_deref(), Some(&b""[..]));
    assert_eq!(again.get_value(&key(&again, 3)), Some(vec![1u8, 2]));
    assert_eq!(again.get_value::<String>(&key(&again, 3)), None);
    let changed = Cache::open(folder.path(), Tool::named("changed"), DEFAULT_BYTES).expect("the same folder");
    assert_eq!(changed.get(&key(&changed, 1)), None);
    let usage = Usage {
        found: 0,
        missed: 1,
        kept: 3,
    };
    assert_eq!(cache.usage(), usage);
}

#[test]
fn damage_is_a_miss_and_is_repaired() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let cache = open(folder.path());
    let key = key(&cache, 1);
    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes.clear(),
        |bytes| bytes.truncate(20),
        |bytes| bytes[60] ^= 1,
        |bytes| bytes.extend_from_slice(b"more"),
    ];
    for damage in damages {
        assert!(cache.put(&key, &answer(1)));
        let [file] = &files(folder.path())[..] else {
            panic!("one entry")
        };
        let mut bytes = std::fs::read(file).expect("file");
        damage(&mut bytes);
        std::fs::write(file, bytes).expect("file");
        assert_eq!(cache.get(&key), None);
        assert!(files(folder.path()).is_empty(), "what is damaged goes");
    }
    // An entry under another one's name.
    assert!(cache.put(&key, &answer(1)));
    let from = files(folder.path()).remove(0);
    let other = self::key(&cache, 2);
    assert!(cache.put(&other, &answer(2)));
    let to = files(folder.path())
        .into_iter()
        .find(|f| *f != from)
        .expect("the other entry");
    std::fs::copy(from, to).expect("files");
    assert_eq!(cache.get(&other), None);
}

#[test]
fn a_folder_that_cannot_be_written_to_is_an_error() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("file");
    let error = Cache::open(&file, Tool::named("test"), DEFAULT_BYTES).expect_err("a file is no folder");
    assert!(error.to_string().contains("another folder"), "{error}");
}

#[test]
fn the_oldest_go_first() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let small = Cache::open(folder.path(), Tool::named("test"), 1_000_000).expect("a folder");
    for number in 0..3 {
        assert!(small.put(&key(&small, number), &answer(number)));
    }
    // What is used counts as new. (File times are set, so that the test does not wait for the clock.)
    let hour = std::time::Duration::from_secs(3600);
    for file in files(folder.path()) {
        let file = std::fs::File::options().append(true).open(file).expect("file");
        file.set_modified(std::time::SystemTime::now() - hour)
            .expect("time");
    }
    assert!(small.get(&key(&small, 0)).is_some());
    for number in 3..6 {
        assert!(small.put(&key(&small, number), &answer(number)));
    }
    let size: u64 = files(folder.path())
        .iter()
        .map(|f| f.metadata().expect("file").len())
        .sum();
    assert!(size <= 1_000_000, "{size} bytes");
    assert!(small.get(&key(&small, 0)).is_some(), "was used");
    assert!(small.get(&key(&small, 5)).is_some(), "is the newest");
    assert_eq!(small.get(&key(&small, 1)), None);
}

/// Not a test of its own: what the processes do that the tests below start.
#[test]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let cache = open(Path::new(&folder));
    let mut out = std::io::stdout();
    for number in (0..KEYS).cycle() {
        if cache
            .get(&key(&cache, number))
            .is_some_and(|found| found != answer(number))
        {
            std::process::exit(9);
        }
        cache.put(&key(&cache, number), &answer(number));
        let told = out.write_all(b"wrote\n").and_then(|()| out.flush());
        if told.is_err() {
            return;
        }
    }
}

fn start(folder: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["writer", "--exact", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test starts again")
}

/// Reads until the writer has written so many entries.
fn wait_for(child: &mut std::process::Child, entries: usize) {
    use std::io::BufRead;
    let out = child.stdout.as_mut().expect("piped");
    let lines = std::io::BufReader::new(out).lines();
    let wrote = lines.map_while(Result::ok).filter(|line| line.contains("wrote"));
    assert_eq!(wrote.take(entries).count(), entries, "the writer ended");
}

#[test]
fn killed_at_any_time_it_holds_whole_answers_only() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let mut found = 0;
    for round in 0..12 {
        let mut child = start(folder.path());
        wait_for(&mut child, 1 + round % 5);
        child.kill().expect("a running process");
        child.wait().expect("a killed process");
        let entries = || {
            let files = files(folder.path()).into_iter();
            files
                .filter(|f| !f.to_string_lossy().contains("unfinished"))
                .count()
        };
        let (written, cache) = (entries(), open(folder.path()));
        for number in 0..KEYS {
            if let Some(bytes) = cache.get(&key(&cache, number)) {
                assert_eq!(bytes, answer(number), "round {round}");
                found += 1;
            }
        }
        assert_eq!(entries(), written, "a damaged entry was removed in round {round}");
    }
    assert!(found > 12, "only {found} answers were found");
}

#[test]
fn two_processes_share_a_folder() {
    let folder = tempfile::tempdir().expect("temporary directory");
    let mut children = [start(folder.path()), start(folder.path())];
    for child in &mut children {
        wait_for(child, KEYS as usize / 2);
    }
    for child in &mut children {
        assert!(
            child.try_wait().expect("a process").is_none(),
            "a writer read a wrong answer"
        );
        child.kill().expect("a running process");
        child.wait().expect("a killed process");
    }
    let cache = open(folder.path());
    let whole = (0..KEYS).filter(|number| {
        let found = cache.get(&key(&cache, *number));
        found.is_some_and(|bytes| bytes == answer(*number))
    });
    assert!(whole.count() >= KEYS as usize / 2);
}
