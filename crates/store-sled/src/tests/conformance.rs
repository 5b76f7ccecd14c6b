//! The embedded backend keeps what every backend promises.

use std::fs;

use deskwire_store::conformance::Harness;
use deskwire_store::{Opened, Result};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Harness for Folder {
    fn open(&self, schema: u32) -> Result<Opened> {
        crate::open(self.0.path(), super::options(schema))
    }

    fn kill(&self) {}

    fn power_cut(&self) {
        super::view::restart_machine(self.0.path());
    }
}

deskwire_store::conformance_tests!(Folder::new());

/// The suite's power cuts must really reach the marker.
#[test]
fn a_simulated_restart_changes_the_boot_id() {
    let folder = Folder::new();
    drop(folder.open(1).unwrap());
    folder.power_cut();
    assert!(fs::read_to_string(folder.0.path().join("view.state")).unwrap().contains("boot another"));
}
