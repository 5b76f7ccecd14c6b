//! Recovery words: read from a file or from standard input, never from the command line; shown once.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::Path;

use deskwire_daemon::Recovery;
use deskwire_proto::words::Mnemonic;
use zeroize::Zeroizing;

use crate::{
    context::Context,
    failure::{self, Failure},
    render::Style,
};

/// Reads the words of a recovery file, or what is typed. Lines that begin with `#` are notes.
pub(super) fn read(context: &Context, file: Option<&Path>) -> Result<Mnemonic, Failure> {
    let text = match file {
        Some(path) if path != Path::new("-") => Zeroizing::new(
            std::fs::read_to_string(path)
                .map_err(|error| failure::local(&path.display().to_string(), &error))?,
        ),
        Some(_) | None => typed(context)?,
    };
    let phrase: Zeroizing<String> =
        Zeroizing::new(text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join(" "));
    Mnemonic::parse(&phrase).map_err(|error| {
        failure::refused(
            "recovery-words-unreadable",
            "Not the recovery words",
            format!("These are not 24 recovery words: {error}."),
            "Compare them with what was written down, word by word.",
        )
    })
}

fn typed(context: &Context) -> Result<Zeroizing<String>, Failure> {
    // More than any words have.
    const LIMIT: u64 = 4096;
    let mut text = Zeroizing::new(String::new());
    if io::stdin().is_terminal() {
        context.out.aside(|_| "Type the 24 recovery words, then Enter:\n".to_owned());
        io::stdin().read_line(&mut text)
    } else {
        io::stdin().lock().take(LIMIT).read_to_string(&mut text)
    }
    .map_err(|error| failure::local("standard input", &error))?;
    Ok(text)
}

/// Refuses to go on where new words would be shown to nobody.
pub(super) fn somewhere(context: &Context, file: Option<&Path>) -> Result<(), Failure> {
    if file.is_some() || (context.out.is_terminal() && !context.out.is_json()) {
        return Ok(());
    }
    Err(failure::usage(
        "new recovery words would be lost here: give --recovery-file FILE, on a stick that goes into the safe",
    ))
}

/// The new words, before anything rests on them.
pub(super) fn show(recovery: &Recovery, style: Style) -> String {
    match recovery {
        Recovery::File(path) => format!(
            "The new recovery key is in {} and nowhere else. Take that file away from this machine; the old words are spent.\n",
            path.display()
        ),
        Recovery::Words(words) => {
            let mut text = style.bold("The new recovery key, shown this once and stored nowhere:");
            text.push_str("\n\n");
            for (row, words) in words.words().chunks(4).enumerate() {
                for (column, word) in words.iter().enumerate() {
                    text.push_str(&format!("{:>3} {word:<10}", row * 4 + column + 1));
                }
                text.push('\n');
            }
            text.push_str("\nWrite these 24 words down on paper and keep them away from this machine. The old ones are spent.\n");
            text
        }
    }
}
