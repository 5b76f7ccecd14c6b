//! `deskwire init`: makes a desk.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use deskwire_api_types::Problem;
use deskwire_daemon::config::{List, Listen, Prefix};
use deskwire_daemon::{Made, NewDesk, Recovery, StartError, init};
use deskwire_proto::endpoint::Endpoint;
use deskwire_proto::text::Label;
use serde::Serialize;

use crate::{
    context::Context,
    failure::{self, Done, Failure},
    render::{Fields, Style},
};

/// Make a desk: its folder with keys, settings and an API token.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The name that partners see.
    #[arg(long, value_name = "NAME", value_parser = label)]
    name: Label,
    /// What stands before ticket numbers, such as ACME; derived from the name unless given.
    #[arg(long, value_name = "LETTERS", value_parser = prefix)]
    prefix: Option<Prefix>,
    /// Address and port on which partners are listened to; 0.0.0.0:8441 unless given.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// For a desk that nobody can reach, such as one behind a router: it listens to no partners, goes to them and fetches
    /// what they have for it. Its partners need an address. Later: `listen` under `[peer]` in the settings.
    #[arg(long, conflicts_with_all = ["listen", "endpoints"])]
    no_endpoint: bool,
    /// Public address of the desk, when it is not the one listened on; may be given up to four times.
    #[arg(long = "endpoint", value_name = "URL", value_parser = endpoint)]
    endpoints: Vec<Endpoint>,
    /// For whom the API token speaks: who acts unless --as names somebody else.
    #[arg(long, value_name = "NAME", value_parser = label, default_value = "Operator")]
    person: Label,
    /// Write the recovery key to this new file instead of showing it.
    #[arg(long, value_name = "FILE")]
    recovery_file: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire init --data acme --name 'Acme Service' --listen 127.0.0.1:8441
  deskwire init --data acme --name 'Acme Service' --endpoint https://desk.acme.example:8441
  deskwire init --data acme --name 'Acme Service' --no-endpoint
  deskwire init --data acme --name 'Acme Service' --recovery-file /media/stick/acme.recovery

The recovery key is shown once and stored nowhere. With --json it is `recovery_words`.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        if self.endpoints.len() > 4 {
            return Err(failure::usage(
                "a desk has at most four addresses: give --endpoint four times or less",
            ));
        }
        let new = NewDesk {
            folder: context.data().to_owned(),
            name: self.name,
            prefix: self.prefix,
            listen: if self.no_endpoint {
                Some(Listen(None))
            } else {
                self.listen.map(|address| Listen(Some(address)))
            },
            endpoints: List(self.endpoints),
            person: self.person,
            recovery_file: self.recovery_file,
        };
        let made = init(&new).map_err(not_started)?;
        context.out.document(&Document::of(&made, &new.folder), |style| show(&made, &new.folder, style))
    }
}

/// A refusal of the daemon's crate as every other one.
pub(super) fn not_started(error: StartError) -> Failure {
    let title = "The desk was not made or does not run";
    let problem = Problem::new(400, error.code, title, error.words);
    Failure::Refused(Box::new(if error.next.is_empty() { problem } else { problem.with_next(error.next) }))
}

/// What `--json` prints.
#[derive(Serialize)]
struct Document<'a> {
    id: String,
    id_hex: String,
    name: &'a str,
    prefix: &'a str,
    folder: &'a Path,
    /// `none` for a desk that goes to its partners.
    listen: String,
    endpoints: Vec<String>,
    /// 24 words; absent when they are in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_words: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_file: Option<&'a Path>,
}

impl<'a> Document<'a> {
    fn of(made: &'a Made, folder: &'a Path) -> Self {
        let (words, file) = match &made.recovery {
            Recovery::Words(words) => (Some(words.words().to_vec()), None),
            Recovery::File(path) => (None, Some(path.as_path())),
        };
        Self {
            id: made.desk.to_string(),
            id_hex: made.desk.to_hex(),
            name: made.config.desk.name.as_str(),
            prefix: made.config.desk.prefix.as_str(),
            folder,
            listen: made.config.peer.listen.to_string(),
            endpoints: made.endpoints.iter().map(ToString::to_string).collect(),
            recovery_words: words,
            recovery_file: file,
        }
    }
}

fn show(made: &Made, folder: &Path, style: Style) -> String {
    let config = &made.config;
    let folder = folder.display();
    let endpoints: Vec<String> = made.endpoints.iter().map(ToString::to_string).collect();
    let fields = Fields::default()
        .put("desk id", style.bold(&made.desk.to_string()))
        .put("tickets", format!("{0}-1, {0}-2, ...", config.desk.prefix.as_str()))
        .put("listens on", listens(config.peer.listen))
        .put(
            "endpoints",
            match (endpoints.is_empty(), config.peer.listen) {
                (false, _) => endpoints.join("\n"),
                (true, Listen(None)) => "none: it goes to its partners".to_owned(),
                (true, Listen(Some(_))) => "none yet".to_owned(),
            },
        )
        .put("settings", format!("{folder}/deskwire.toml"));
    let mut text = format!("{} has a desk in {folder}.\n\n{}\n", config.desk.name, fields.render(style));
    if config.peer.listen == Listen(None) {
        text.push_str("It accepts invitations of desks that have an address; it cannot invite.\n\n");
    } else if endpoints.is_empty() {
        text.push_str(&style.yellow("Partners cannot reach it yet: "));
        text.push_str("set endpoints under [peer] in the settings to its public address.\n\n");
    }
    text.push_str(&recovery(&made.recovery, style));
    text.push_str(&format!("\nStart it with:\n  deskwire serve --data {folder}\n"));
    text
}

fn listens(listen: Listen) -> String {
    listen.0.map_or_else(|| "nothing: partners cannot reach it".to_owned(), |address| address.to_string())
}

/// What to do with the recovery key.
fn recovery(recovery: &Recovery, style: Style) -> String {
    let purpose = "With it you replace a signing key that was lost or stolen; nobody else can, and without it nobody can.\n";
    match recovery {
        Recovery::File(path) => format!(
            "The recovery key is in {} and nowhere else. Take that file away from this machine and keep it safe.\n{purpose}",
            path.display()
        ),
        Recovery::Words(words) => {
            let mut text = style.bold("The recovery key, shown this once and stored nowhere:");
            text.push_str("\n\n");
            for (row, words) in words.words().chunks(4).enumerate() {
                let numbered = words
                    .iter()
                    .enumerate()
                    .map(|(column, word)| format!("{:>3} {word:<10}", row * 4 + column + 1));
                text.push_str(numbered.collect::<String>().trim_end());
                text.push('\n');
            }
            text.push_str("\nWrite these 24 words down on paper, in this order, and keep them away from this machine.\n");
            text.push_str(purpose);
            text
        }
    }
}

fn label(text: &str) -> Result<Label, String> {
    Label::new(text.trim()).map_err(|error| format!("a name {error}"))
}

fn prefix(text: &str) -> Result<Prefix, String> {
    text.to_ascii_uppercase().parse().map_err(|takes| format!("a prefix takes {takes}"))
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    text.parse().map_err(|error: deskwire_proto::endpoint::EndpointError| error.to_string())
}
