//! Reading the folder of vectors, but for those of proof files: `deskwire-machine` verifies them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::file::{Vector, folder};

/// `group/name` and the vector, sorted by name.
pub(crate) fn load_all() -> Vec<(String, Vector)> {
    let mut all = Vec::new();
    for group in read_dir(&folder()).into_iter().filter(|path| path.is_dir() && !path.ends_with("proof")) {
        for path in
            read_dir(&group).into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        {
            let text = fs::read_to_string(&path).expect("a vector is readable");
            let vector =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            all.push((format!("{}/{}", stem(&group), stem(&path)), vector));
        }
    }
    all.sort_by(|one: &(String, Vector), other| one.0.cmp(&other.0));
    assert!(!all.is_empty(), "there are no vectors in {}", folder().display());
    all
}

fn read_dir(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry of a folder").path()).collect()
}

fn stem(path: &Path) -> String {
    let name = path.file_name().expect("a name").to_string_lossy();
    name.strip_suffix(".json").unwrap_or(&name).to_owned()
}

impl Vector {
    pub(crate) fn is_good(&self) -> bool {
        self.expect == "ok"
    }

    /// Says that this rule is written in the section and not in the CDDL.
    pub(crate) fn beyond_cddl(&self) -> bool {
        self.context_text("cddl") == Some("accepts")
    }

    /// Says that the bytes hold members which a reader may drop when it encodes again.
    pub(crate) fn holds_unknown(&self) -> bool {
        self.context_text("again") == Some("differs")
    }
}
