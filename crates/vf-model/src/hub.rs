//! Models in the cache of the Hugging Face tools: `models--ORG--NAME` with `refs/main`, which names one of the
//! folders in `snapshots`, whose files are links into `blobs`
//! (<https://huggingface.co/docs/huggingface_hub/guides/manage-cache>).

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::ModelError;

/// Reads a variable of the environment.
type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The folder that holds a model's files: `name` itself if it is one, the snapshot in it if it is a folder of the
/// cache, and otherwise the snapshot that the cache has for a model of this name (`org/name`, `org/name@revision`).
/// Nothing is fetched.
pub fn locate(name: &Path) -> Result<PathBuf, ModelError> {
    locate_with(name, &|variable| std::env::var_os(variable))
}

fn locate_with(path: &Path, variables: Variables<'_>) -> Result<PathBuf, ModelError> {
    if path.is_dir() {
        if path.join("config.json").exists() || !path.join("snapshots").is_dir() {
            return Ok(path.to_path_buf());
        }
        return snapshot(path, None);
    }
    let missing = || ModelError::FolderMissing {
        path: path.to_path_buf(),
    };
    // A path that is there is something else, which its reader tells.
    if path.exists() {
        return Ok(path.to_path_buf());
    }
    let Some((name, (repository, revision))) = path.to_str().and_then(|n| Some((n, repository(n)?))) else {
        return Err(missing());
    };
    let Some(cache) = cache(variables) else {
        return Err(missing());
    };
    let folder = cache.join(format!("models--{}", repository.replace('/', "--")));
    if !folder.is_dir() {
        if !repository.contains('/') {
            return Err(missing());
        }
        return Err(ModelError::NotInCache {
            name: name.to_owned(),
            cache,
        });
    }
    snapshot(&folder, revision)
}

/// Splits `org/name@revision`; `None` for what no repository is called.
fn repository(name: &str) -> Option<(&str, Option<&str>)> {
    let (repository, revision) = match name.split_once('@') {
        Some((repository, revision)) => (repository, Some(revision)),
        None => (name, None),
    };
    let parts: Vec<&str> = repository.split('/').collect();
    (parts.len() <= 2 && parts.iter().all(|p| plain(p))).then_some((repository, revision))
}

/// A name that is no path.
fn plain(name: &str) -> bool {
    let usual = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && name.chars().all(usual) && !name.starts_with('.') && !name.contains("--")
}

/// The cache's folder, as the Hugging Face tools choose it.
fn cache(variables: Variables<'_>) -> Option<PathBuf> {
    let set = |name: &str| variables(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(hub) = set("HF_HUB_CACHE").or_else(|| set("HUGGINGFACE_HUB_CACHE")) {
        return Some(hub);
    }
    let home = set("HF_HOME")
        .or_else(|| set("XDG_CACHE_HOME").map(|c| c.join("huggingface")))
        .or_else(|| set("HOME").map(|h| h.join(".cache").join("huggingface")))?;
    Some(home.join("hub"))
}

/// A snapshot in a model's folder of the cache.
fn snapshot(folder: &Path, revision: Option<&str>) -> Result<PathBuf, ModelError> {
    let broken = |why: String| ModelError::BrokenCache {
        folder: folder.to_path_buf(),
        why,
    };
    let snapshots = folder.join("snapshots");
    let wanted = revision.unwrap_or("main");
    let reference = folder.join("refs").join(wanted);
    if revision.is_some_and(|r| !plain(r)) {
        return Err(broken(format!("\"{wanted}\" is not the name of a revision")));
    }
    if reference.is_file() {
        let text = fs::read_to_string(&reference).map_err(|source| ModelError::Read {
            file: reference.clone(),
            source,
        })?;
        let hash = text.trim();
        // A name with a folder in it could point anywhere on the machine.
        if !plain(hash) {
            return Err(broken(format!("refs/{wanted} does not name a snapshot")));
        }
        let found = snapshots.join(hash);
        if !found.is_dir() {
            return Err(broken(format!(
                "refs/{wanted} names the snapshot {hash}, which is not there"
            )));
        }
        return Ok(found);
    }
    if revision.is_some() {
        let found = snapshots.join(wanted);
        if found.is_dir() {
            return Ok(found);
        }
        return Err(broken(format!("it has no revision {wanted}")));
    }
    // Without a reference, an only snapshot is the one.
    let entries = fs::read_dir(&snapshots).map_err(|source| ModelError::Read {
        file: snapshots.clone(),
        source,
    })?;
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.is_dir())
        .collect();
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => Err(broken("it has no snapshot".to_owned())),
        (Some(_), _) => Err(broken("it has several snapshots and no refs/main".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Cache(tempfile::TempDir);

    impl Cache {
        /// `hub/models--acme--coder` with one snapshot.
        fn new() -> Cache {
            let cache = Cache(tempfile::tempdir().expect("a folder"));
            fs::create_dir_all(cache.model().join("snapshots/0123abc")).expect("a folder");
            fs::create_dir_all(cache.model().join("refs")).expect("a folder");
            fs::write(cache.model().join("refs/main"), "0123abc\n").expect("a file");
            cache
        }

        fn model(&self) -> PathBuf {
            self.0.path().join("hub/models--acme--coder")
        }

        fn locate(&self, name: &str) -> Result<PathBuf, ModelError> {
            let home = self.0.path().as_os_str().to_owned();
            locate_with(Path::new(name), &|v| (v == "HF_HOME").then(|| home.clone()))
        }
    }

    #[test]
    fn a_name_leads_to_the_snapshot_that_main_is() {
        let cache = Cache::new();
        let snapshot = cache.model().join("snapshots/0123abc");
        for name in ["acme/coder", "acme/coder@main", "acme/coder@0123abc"] {
            assert_eq!(cache.locate(name).expect("a folder"), snapshot, "{name}");
        }
        let folder = cache.model().display().to_string();
        assert_eq!(cache.locate(&folder).expect("a folder"), snapshot);
        let itself = snapshot.display().to_string();
        assert_eq!(cache.locate(&itself).expect("a folder"), snapshot);
        fs::remove_file(cache.model().join("refs/main")).expect("a file");
        assert_eq!(cache.locate("acme/coder").expect("the only one"), snapshot);
    }

    #[test]
    fn what_is_not_there_is_said() {
        let cache = Cache::new();
        let message = |name: &str| cache.locate(name).expect_err("nothing there").to_string();
        assert!(message("acme/other").contains("acme/other"));
        assert!(message("acme/coder@v2").contains("no revision v2"));
        assert!(message("acme/coder@..").contains("not the name of a revision"));
        assert!(message("some/where/else").contains("some/where/else"));
        fs::write(cache.model().join("refs/main"), "../../..").expect("a file");
        assert!(message("acme/coder").contains("does not name a snapshot"));
        fs::write(cache.model().join("refs/main"), "fff").expect("a file");
        assert!(message("acme/coder").contains("not there"));
        fs::remove_file(cache.model().join("refs/main")).expect("a file");
        fs::create_dir(cache.model().join("snapshots/two")).expect("a folder");
        assert!(message("acme/coder").contains("several snapshots"));
    }

    #[test]
    fn the_environment_says_where_the_cache_is() {
        let with = |set: &[(&'static str, &'static str)]| {
            cache(&|v| {
                set.iter()
                    .find(|(name, _)| *name == v)
                    .map(|(_, value)| value.into())
            })
        };
        assert_eq!(with(&[("HOME", "/h")]), Some("/h/.cache/huggingface/hub".into()));
        assert_eq!(
            with(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]),
            Some("/x/huggingface/hub".into())
        );
        assert_eq!(
            with(&[("HF_HOME", "/f"), ("XDG_CACHE_HOME", "/x")]),
            Some("/f/hub".into())
        );
        assert_eq!(
            with(&[("HF_HUB_CACHE", "/c"), ("HF_HOME", "/f")]),
            Some("/c".into())
        );
        assert_eq!(with(&[("HF_HOME", "")]), None);
    }
}
