//! The `deskwire` command line: the verbs, how they find the daemon, and what they print.

mod args;
mod context;
mod desks;
mod failure;
mod output;
mod parse;
mod part;
mod proof;
mod render;
mod verb;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{args::Cli, context::Context, output::Output};

/// Messages take many small pieces of memory on many threads; the allocator of the C library needs a tenth of a daemon's
/// time for them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => {
            let out = Output::of_process(cli.global.json);
            let done = Context::new(cli.global, out).and_then(|context| cli.verb.run(&context));
            match done {
                Ok(()) => ExitCode::SUCCESS,
                Err(failure) => {
                    out.failure(&failure);
                    ExitCode::from(failure::exit_code(&failure))
                }
            }
        }
        Err(error) => unparsed(&error),
    }
}

/// Help and version are asked for and no failure; everything else that does not parse is a usage error.
fn unparsed(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|arg| arg == "--json");
    if json && error.use_stderr() {
        let text = error.render().to_string();
        let words = text.trim().strip_prefix("error: ").unwrap_or(text.trim());
        Output::of_process(true).failure(&failure::usage(words));
    } else {
        // Nothing can be done about a closed terminal.
        let _ = error.print();
    }
    ExitCode::from(u8::from(error.use_stderr()) * failure::USAGE)
}

#[cfg(test)]
mod tests;
