//! `deskwire statement compare`: where two desks come to different statements.

use std::path::PathBuf;

use deskwire_api_types::{StatementDetail, StatementLine};
use serde::Serialize;

use super::target::Target;
use crate::{
    context::Context,
    failure::{self, Done, Failure},
};

/// Compare a statement with the partner's JSON export of it, and show the first line that differs.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// The partner's export: `deskwire statement export --format json`.
    file: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  deskwire statement compare 51d0a3f2 from-kassa.json";

/// What the comparison came to.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Compared {
    same: bool,
    words: String,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let theirs = read(&self.file)?;
        let ours = context.talk(async |client| {
            let id = self.target.find(&client).await?;
            client.statement(&id).await
        })?;
        let compared = match difference(&ours, &theirs) {
            None => Compared { same: true, words: "Both desks come to the same statement.".to_owned() },
            Some(words) => Compared { same: false, words },
        };
        context.out.document(&compared, |_| format!("{}\n", compared.words))
    }
}

fn read(file: &std::path::Path) -> Result<StatementDetail, Failure> {
    let shown = file.display().to_string();
    let bytes = std::fs::read(file).map_err(|error| failure::local(&shown, &error))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| failure::usage(format!("{shown} is no export of a statement: {error}")))
}

/// The first thing in which two exports of one statement differ. Tickets and texts are each desk's own.
fn difference(ours: &StatementDetail, theirs: &StatementDetail) -> Option<String> {
    if ours.statement.id != theirs.statement.id {
        return Some(format!("The file is about another statement: {}.", theirs.statement.id));
    }
    if ours.cut != theirs.cut {
        return Some("The two desks count up to different places of the streams.".to_owned());
    }
    let (mut left, mut right) = (ours.lines.iter().peekable(), theirs.lines.iter().peekable());
    loop {
        match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some(one), None) => return Some(format!("The partner does not have the line {}.", told(one))),
            (None, Some(other)) => return Some(format!("This desk does not have the line {}.", told(other))),
            (Some(one), Some(other)) => match place(one).cmp(&place(other)) {
                std::cmp::Ordering::Less => {
                    return Some(format!("The partner does not have the line {}.", told(one)));
                }
                std::cmp::Ordering::Greater => {
                    return Some(format!("This desk does not have the line {}.", told(other)));
                }
                std::cmp::Ordering::Equal if counted(one) != counted(other) => {
                    return Some(format!(
                        "Here the line is {}, and at the partner {}.",
                        told(one),
                        told(other)
                    ));
                }
                std::cmp::Ordering::Equal => {}
            },
        }
        left.next();
        right.next();
    }
    (ours.totals != theirs.totals || ours.computed_hash != theirs.computed_hash)
        .then(|| "The lines are the same, and the totals or the hash are not.".to_owned())
}

fn place(line: &StatementLine) -> (&str, &str) {
    (&line.delegation, &line.work)
}

fn counted(line: &StatementLine) -> [&str; 9] {
    [
        &line.contractor,
        line.r#type.as_str(),
        &line.quantity,
        &line.unit,
        &line.price,
        &line.currency,
        &line.tax,
        &line.net,
        &line.tax_amount,
    ]
}

fn told(line: &StatementLine) -> String {
    format!(
        "{} of delegation {}: {} {} at {} {}, tax {} %, net {}, tax {}",
        line.work,
        line.delegation,
        line.quantity,
        line.unit,
        line.price,
        line.currency,
        line.tax,
        line.net,
        line.tax_amount
    )
}
