//! `view.state`: what says, outside sled, whether the view can be trusted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use deskwire_store::{Error, RebuildReason, Result};

use crate::folder::write_durably;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The file beside the view.
pub(crate) struct Marker {
    path: PathBuf,
}

/// What the marker says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    schema: u32,
    clean: bool,
    boot: String,
}

impl Marker {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { path: folder.join("view.state") }
    }

    /// Why the view must not be used, if the marker gives a reason.
    pub(crate) fn judge(&self, schema: u32) -> Result<Option<RebuildReason>> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(RebuildReason::Missing)),
            Err(error) => return Err(Error::io(format!("read {}", self.path.display()), error)),
        };
        Ok(match State::parse(&text) {
            None => Some(RebuildReason::Unreadable("its file `view.state` makes no sense".into())),
            Some(state) if state.schema != schema => {
                Some(RebuildReason::Schema { found: state.schema, wanted: schema })
            }
            Some(state) if !state.clean && !is_this_boot(&state.boot) => Some(RebuildReason::PowerCut),
            Some(_) => None,
        })
    }

    /// Says that the view is in use: it is good for as long as the machine runs.
    pub(crate) fn write_in_use(&self, schema: u32) -> Result<()> {
        self.write(&State { schema, clean: false, boot: boot_id().unwrap_or_else(|| "unknown".into()) })
    }

    /// Says that the view is durable as a whole.
    pub(crate) fn write_clean(&self, schema: u32) -> Result<()> {
        self.write(&State { schema, clean: true, boot: boot_id().unwrap_or_else(|| "unknown".into()) })
    }

    /// Says nothing: the view must not be trusted any more.
    pub(crate) fn remove(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io(format!("delete {}", self.path.display()), error))
            }
            _ => Ok(()),
        }
    }

    fn write(&self, state: &State) -> Result<()> {
        write_durably(&self.path, &state.to_text())
    }
}

impl State {
    fn to_text(&self) -> String {
        format!("schema {}\nclean {}\nboot {}\n", self.schema, self.clean, self.boot)
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |name| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Some(Self {
            schema: field("schema")?.parse().ok()?,
            clean: field("clean")?.parse().ok()?,
            boot: field("boot")?.to_owned(),
        })
    }
}

fn is_this_boot(boot: &str) -> bool {
    boot_id().is_some_and(|now| now == boot)
}

/// What the kernel calls the time since the machine was started.
fn boot_id() -> Option<String> {
    fs::read_to_string(BOOT_ID).ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
