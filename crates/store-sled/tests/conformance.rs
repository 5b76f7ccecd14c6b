//! The embedded backend keeps what every backend promises.

use std::fs;

use deskwire_store::conformance::Harness;
use deskwire_store::{Opened, Result};
use deskwire_store_sled::Options;
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Harness for Folder {
    fn open(&self, schema: u32) -> Result<Opened> {
        let mut options = Options::new(schema);
        options.journal.segment_bytes = 16 << 10;
        options.journal.reserve_bytes = 8 << 10;
        options.reserve_bytes = 64 << 10;
        deskwire_store_sled::open(self.0.path(), options)
    }

    fn kill(&self) {}

    /// The machine was started again since the view was opened.
    fn power_cut(&self) {
        let marker = self.0.path().join("view.state");
        let text = fs::read_to_string(&marker).unwrap();
        let kept = text.lines().filter(|line| !line.starts_with("boot"));
        let text = kept.chain(["boot another"]).collect::<Vec<_>>().join("\n");
        fs::write(marker, text).unwrap();
    }
}

deskwire_store::conformance_tests!(Folder::new());
