//! `deskwire key export`: the key log, for anybody to carry.

use std::path::PathBuf;

use deskwire_daemon::{Folder, own_key_log};
use serde_json::json;

use crate::{
    context::Context,
    failure::{self, Done},
    render,
    verb::init::not_started,
};

/// Write this desk's key log as text; it is public and proves itself, whoever carries it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Write it to this file instead of showing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Show it as a QR code as well.
    #[arg(long)]
    qr: bool,
}

const EXAMPLES: &str = "\
Examples:
  deskwire key export --data acme --out /media/stick/acme.keylog
  deskwire key export --data acme --qr

Partners take it with `deskwire key import`, and so shut out whoever has an older key before this desk comes by itself.
It is also what `deskwire key rotate --offline` needs on another machine.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let log = own_key_log(&Folder::new(context.data())).map_err(not_started)?;
        let text = log.to_string();
        if let Some(path) = &self.out {
            std::fs::write(path, format!("{text}\n"))
                .map_err(|error| failure::local(&path.display().to_string(), &error))?;
        }
        let document = json!({
            "desk": log.desk().to_string(),
            "keys": log.keys().len(),
            "key_log": text,
            "file": self.out,
        });
        context.out.document(&document, |_| {
            let mut shown = match &self.out {
                Some(path) => format!("The key log is in {}.\n", path.display()),
                None => format!("{text}\n"),
            };
            if self.qr {
                match render::qr(&text) {
                    code if code.is_empty() => {
                        shown.push_str("It is too long for a QR code; carry it as a file.\n")
                    }
                    code => shown.push_str(&code),
                }
            }
            shown
        })
    }
}
