//! `view.state`: what says, outside sled, whether the view can be trusted.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use deskwire_store::{Error, RebuildReason, Result};

use crate::disk::sync_folder;
use crate::folder::write_durably;
use crate::sum::sum_of;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The file beside the view.
pub(crate) struct Marker {
    path: PathBuf,
}

/// What the marker says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    schema: u32,
    /// The checksum of the view's files, after a clean stop.
    clean: Option<u32>,
    boot: String,
}

impl Marker {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { path: folder.join("view.state") }
    }

    /// Why the view in a folder must not be used, if the marker gives a reason.
    pub(crate) fn judge(&self, schema: u32, view: &Path) -> Result<Option<RebuildReason>> {
        // A damaged marker costs a rebuild and not the start, whatever bytes it has become.
        let text = match fs::read(&self.path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(RebuildReason::Missing)),
            Err(error) => return Err(Error::io(format!("read {}", self.path.display()), error)),
        };
        let unreadable = |reason: &str| Ok(Some(RebuildReason::Unreadable(reason.into())));
        let Some(state) = State::parse(&text) else {
            return unreadable("its file `view.state` makes no sense");
        };
        if state.schema != schema {
            return Ok(Some(RebuildReason::Schema { found: state.schema, wanted: schema }));
        }
        match state.clean {
            _ if !view.exists() => Ok(Some(RebuildReason::Missing)),
            None if is_this_boot(&state.boot) => Ok(None),
            None => Ok(Some(RebuildReason::PowerCut)),
            Some(sum) => match sum_of(view) {
                Ok(found) if found == sum => Ok(None),
                Ok(_) => unreadable("its files changed since the clean stop"),
                Err(error) => unreadable(&format!("its files cannot be read: {error}")),
            },
        }
    }

    /// Says that the view is in use: it is good for as long as the machine runs.
    pub(crate) fn write_in_use(&self, schema: u32) -> Result<()> {
        self.write(&State { schema, clean: None, boot: boot_id().unwrap_or_else(|| "unknown".into()) })
    }

    /// Says that the view is durable as a whole, and what its files sum up to.
    pub(crate) fn write_clean(&self, schema: u32, sum: u32) -> Result<()> {
        self.write(&State { schema, clean: Some(sum), boot: boot_id().unwrap_or_else(|| "unknown".into()) })
    }

    /// Says nothing, durably: the view must not be trusted any more.
    pub(crate) fn remove(&self) -> Result<()> {
        let remove = || match fs::remove_file(&self.path) {
            Ok(()) => sync_folder(self.path.parent().unwrap_or(&self.path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        remove().map_err(|error| Error::io(format!("delete {}", self.path.display()), error))
    }

    fn write(&self, state: &State) -> Result<()> {
        write_durably(&self.path, &state.to_text())
    }
}

impl State {
    fn to_text(&self) -> String {
        let clean = self.clean.map_or("no".into(), |sum| format!("{sum:08x}"));
        format!("schema {}\nclean {clean}\nboot {}\n", self.schema, self.boot)
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |name| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Some(Self {
            schema: field("schema")?.parse().ok()?,
            clean: match field("clean")? {
                "no" => None,
                sum => Some(u32::from_str_radix(sum, 16).ok()?),
            },
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
