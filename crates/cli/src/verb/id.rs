//! `deskwire id`: this desk's id, or the check of one that somebody typed.

use deskwire_proto::id::DeskId;
use serde_json::json;

use crate::{
    context::Context,
    failure::{self, Done},
    render::Fields,
};

/// Show this desk's id, or check one that was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Check this id instead; needs no daemon.
    #[arg(long, value_name = "ID")]
    check: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire id --data acme
  deskwire id --check 'the id as it was read to you'";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        if let Some(text) = self.check {
            return check(context, &text);
        }
        let desk = context.talk(async |client| client.desk().await)?;
        context.out.document(&desk, |style| {
            let fields = Fields::default()
                .put("desk id", style.bold(&desk.id))
                .put("name", &desk.name)
                .put("endpoints", or(&desk.endpoints, "none: this desk goes to its partners"))
                .put("listens on", or(&desk.listen, "nothing: partners cannot reach it"))
                .put("API", &desk.api)
                .put("key id", &desk.key_id)
                .put("TLS key", &desk.tls_spki)
                .put("version", &desk.version)
                .put("links", desk.links.to_string());
            fields.render(style)
        })
    }
}

/// One a line, or what it means that there are none.
fn or(addresses: &[String], none: &str) -> String {
    if addresses.is_empty() { none.to_owned() } else { addresses.join("\n") }
}

fn check(context: &Context, text: &str) -> Done {
    let id: DeskId = text.parse().map_err(|error| {
        let detail = format!("This is not a desk id: {error}.");
        failure::refused(
            "desk-id-wrong",
            "Not a desk id",
            detail,
            "Compare it group by group with the partner.",
        )
    })?;
    let document = json!({ "id": id.to_string(), "id_hex": id.to_hex() });
    context.out.document(&document, |_| format!("{id}\nIts check characters fit.\n"))
}
