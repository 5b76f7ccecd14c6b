//! `deskwire tls rotate`: a new TLS key, announced first and used after.

use deskwire_daemon::{Folder, TlsStep, load, rotate_tls};
use serde_json::json;

use crate::{context::Context, failure::Done, verb::init::not_started};

/// Take the next step to a new TLS key: the first run makes and announces it, the second one uses it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

const EXAMPLES: &str = "\
Examples:
  deskwire tls rotate --data acme
  deskwire tls rotate --data acme --json

Restart the desk after each of the two runs. Partners pin the key, so they have to hear of the new one before they meet it;
between the runs wait until `deskwire queue list` is empty.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let folder = Folder::new(context.data());
        let config = load(&folder, Vec::new()).map_err(not_started)?;
        let step = rotate_tls(&folder, &config).map_err(not_started)?;
        let (done, key) = match step {
            TlsStep::Made(key) => ("made", key),
            TlsStep::Used(key) => ("used", key),
        };
        context.out.document(&json!({ "step": done, "tls_spki": key.to_hex() }), |_| match step {
            TlsStep::Made(_) => "The next TLS key is made. Restart the desk: it tells its partners. When `deskwire queue list` is empty, \
                                 run this again.\n"
                .to_owned(),
            TlsStep::Used(_) => "The new TLS key is used from the next start of the desk on.\n".to_owned(),
        })
    }
}
