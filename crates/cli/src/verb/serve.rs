//! `deskwire serve`: runs a desk's daemon.

use std::sync::LazyLock;

use clap::{Arg, ArgMatches, Command, FromArgMatches};
use deskwire_daemon::config::{Shape, settings};
use deskwire_daemon::{Folder, Serving, serve};
use serde_json::{Value, json};

use super::init::not_started;
use crate::{context::Context, failure::Done, render::Style};

/// Run a desk: take what partners send, deliver what is to be sent, and answer the other verbs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Settings,
}

const EXAMPLES: &str = "\
Examples:
  deskwire serve --data acme
  deskwire serve --data acme --log-level debug
  deskwire serve --data acme --peer-listen 0.0.0.0:8441 --log-format json

It runs until it is interrupted (Ctrl-C) or asked to end (SIGTERM). The log goes to standard error.
Every setting is explained in deskwire.toml in the desk's folder.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let ready = |serving: &Serving| {
            // A daemon whose starter has closed its output runs on.
            let _ = context.out.document(&document(serving), |style| line(serving, style));
        };
        serve(&Folder::new(context.data()), self.settings.0, ready).map_err(not_started)
    }
}

fn document(serving: &Serving) -> Value {
    let endpoints: Vec<String> = serving.endpoints.iter().map(ToString::to_string).collect();
    json!({
        "id": serving.desk.to_string(),
        "id_hex": serving.desk.to_hex(),
        "name": serving.name.as_str(),
        "listen": serving.listen.to_string(),
        "endpoints": endpoints,
        "api": serving.api.to_string(),
        "pid": std::process::id(),
    })
}

fn line(serving: &Serving, style: Style) -> String {
    let Serving { desk, name, listen, api, .. } = serving;
    let name = style.bold(name.as_str());
    match listen.0 {
        Some(listen) => {
            format!("{name} is listening on {listen} (desk id {desk}); its API is at http://{api}\n")
        }
        None => format!("{name} goes to its partners (desk id {desk}); its API is at http://{api}\n"),
    }
}

/// Settings given as flags: names such as `peer.listen`, and what was given for them.
#[derive(Debug, Default)]
struct Settings(Vec<(String, String)>);

/// The flag of one setting.
struct Flag {
    setting: String,
    name: String,
    help: String,
    value: &'static str,
}

static FLAGS: LazyLock<Vec<Flag>> = LazyLock::new(|| {
    let flags = settings().map(|setting| {
        let (value, takes) = match setting.shape {
            Shape::Text => ("TEXT", format!("Takes {}.", (setting.takes)())),
            Shape::Number => ("NUMBER", format!("Takes {}.", (setting.takes)())),
            Shape::List => ("LIST", "Items have commas between them.".to_owned()),
        };
        let help = setting.help.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        Flag { setting: setting.name(), name: setting.flag(), help: format!("{help} {takes}"), value }
    });
    flags.collect()
});

impl clap::Args for Settings {
    fn augment_args(command: Command) -> Command {
        let args = FLAGS.iter().map(|flag| {
            Arg::new(flag.name.as_str())
                .long(flag.name.as_str())
                .value_name(flag.value)
                .help(flag.help.as_str())
                .help_heading("Settings for this start, instead of those in deskwire.toml")
        });
        command.args(args)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = FLAGS.iter().filter_map(|flag| {
            let value = matches.get_one::<String>(&flag.name)?;
            Some((flag.setting.clone(), value.clone()))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
