//! How much memory this process may still take.

use std::fs;
use std::path::{Path, PathBuf};

/// Bytes: what the machine has free, or what the limits of the process's control groups leave if that is less.
/// `None` where the system does not say (it is not Linux).
pub fn available() -> Option<u64> {
    let machine = machine(&fs::read_to_string("/proc/meminfo").ok()?)?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Some(group(&groups, Path::new("/sys/fs/cgroup")).map_or(machine, |g| g.min(machine)))
}

/// `MemAvailable` of `/proc/meminfo`: what can be had without swapping (proc_meminfo(5)).
fn machine(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|l| l.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// What the tightest limit on the way from the process's group (version 2, `0::/a/b`) up to the root leaves.
fn group(groups: &str, root: &Path) -> Option<u64> {
    let path = groups.lines().find_map(|l| l.strip_prefix("0::/"))?;
    // Names of groups come from the kernel, but a path that leads out is none of them.
    if Path::new(path)
        .components()
        .any(|c| !matches!(c, std::path::Component::Normal(_)))
    {
        return None;
    }
    let mut folder: PathBuf = root.join(path);
    let mut least: Option<u64> = None;
    loop {
        let number =
            |name: &str| -> Option<u64> { fs::read_to_string(folder.join(name)).ok()?.trim().parse().ok() };
        // "max" is no number: no limit.
        if let (Some(limit), Some(used)) = (number("memory.max"), number("memory.current")) {
            let left = limit.saturating_sub(used);
            least = Some(least.map_or(left, |l| l.min(left)));
        }
        if folder == root || !folder.pop() {
            return least;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_says_what_it_has() {
        let text = "MemTotal:       16384 kB\nMemFree:  1 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(machine(text), Some(2 << 20));
        assert_eq!(machine("MemTotal: 7 kB\n"), None);
        assert_eq!(machine("MemAvailable: many kB\n"), None);
    }

    #[test]
    fn the_tightest_group_decides() {
        let root = tempfile::tempdir().expect("a folder");
        let inner = root.path().join("a/b");
        fs::create_dir_all(&inner).expect("folders");
        let write = |folder: &Path, limit: &str, used: &str| {
            fs::write(folder.join("memory.max"), limit).expect("a file");
            fs::write(folder.join("memory.current"), used).expect("a file");
        };
        let left = || group("1:name=x:/z\n0::/a/b\n", root.path());
        assert_eq!(left(), None);
        write(&inner, "max\n", "5\n");
        assert_eq!(left(), None);
        write(&root.path().join("a"), "100\n", "30\n");
        assert_eq!(left(), Some(70));
        write(&inner, "50\n", "60\n");
        assert_eq!(left(), Some(0));
        assert_eq!(group("0::/../x\n", root.path()), None);
        assert_eq!(group("", root.path()), None);
    }
}
