//! `deskwire key show`: the keys of this desk, as its folder holds them.

use deskwire_daemon::{Folder, own_key_log};
use serde_json::json;

use crate::{context::Context, failure::Done, render::Fields, verb::init::not_started};

/// Show who this desk is and which key it signs with; needs no daemon.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

const EXAMPLES: &str = "\
Examples:
  deskwire key show --data acme
  deskwire key show --data acme --json

A desk keeps its id through every change of its key. It can have 64 keys one after the other.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let log = own_key_log(&Folder::new(context.data())).map_err(not_started)?;
        let ids: Vec<String> = log.keys().iter().map(|key| key.id().to_string()).collect();
        let document = json!({
            "desk": log.desk().to_string(),
            "desk_hex": log.desk().to_hex(),
            "key_id": log.current().id().to_string(),
            "keys": ids,
            "head": log.head().to_hex(),
            "next": log.next().to_hex(),
        });
        context.out.document(&document, |style| {
            Fields::default()
                .put("desk id", style.bold(&log.desk().to_string()))
                .put("signs with", log.current().id().to_string())
                .put("keys so far", format!("{} of 64", ids.len()))
                .put("key log", log.head().to_hex())
                .put("next key", format!("commits to {}", log.next().to_hex()))
                .render(style)
        })
    }
}
