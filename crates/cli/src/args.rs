//! The command line as a whole: the verb and what holds for every verb.

use std::path::PathBuf;

use clap::{Args, Parser};

use crate::verb::Verb;

/// Email for tickets: hand a ticket to a partner's desk and follow it there.
#[derive(Debug, Parser)]
#[command(name = "deskwire", version, disable_help_subcommand = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// What holds for every verb.
    #[command(flatten)]
    pub(crate) global: Global,
}

const EXAMPLES: &str = "\
Examples:
  deskwire link list --data acme
  deskwire ticket new --data acme 'Cash register 3 is dead'
  deskwire ticket delegate --data acme ACME-1 kassa

Exit codes: 0 done, 1 refused, 2 wrong usage, 3 the daemon cannot be reached.
With --json one document goes to standard output: the answer of the API or, when
the exit code is not 0, a problem (RFC 9457) with a stable `code`; nothing else is printed.";

/// What holds for every verb.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The desk's folder.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "DESKWIRE_DATA",
        hide_env_values = true,
        default_value = "./deskwire"
    )]
    pub(crate) data: PathBuf,
    /// Address of the daemon's API, instead of the one in the folder.
    #[arg(long, global = true, value_name = "URL", env = "DESKWIRE_API", hide_env_values = true)]
    pub(crate) api: Option<String>,
    /// File with the API token, instead of the one in the folder.
    #[arg(long, global = true, value_name = "FILE", env = "DESKWIRE_TOKEN_FILE", hide_env_values = true)]
    pub(crate) token_file: Option<PathBuf>,
    /// Print one JSON document and nothing else.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The person who acts, when it is not the token's.
    #[arg(long = "as", global = true, value_name = "NAME")]
    pub(crate) acting: Option<String>,
    /// Idempotency key, to repeat a call that got no answer.
    #[arg(long, global = true, value_name = "KEY")]
    pub(crate) key: Option<String>,
}
