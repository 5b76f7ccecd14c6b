//! `deskwire delegation agreement`: whether both desks see the same of a case.

use std::path::PathBuf;

use deskwire_api_types::{Agreement, OtherCases};
use deskwire_machine::proof::Difference;
use serde_json::json;

use super::target::Target;
use crate::{
    context::Context,
    failure::{self, Done, Failure},
    part::Part,
    proof,
    render::{Fields, Style, Table, short},
};

/// Show whether the partner sees the same, as far as it has said; with a file of the partner, item by item.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Tell the partner what this desk sees: its desk compares that and answers by itself within a minute.
    #[arg(long, conflicts_with = "file")]
    ask: bool,
    /// A proof file that the partner has written of this case or of the whole link: each message and answer is compared.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire delegation agreement ACME-12
  deskwire delegation agreement ACME-12 --ask
  deskwire delegation agreement ACME-12 --file from-kassa.deskwire-proof

The exit code is 1 when something differs.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        if let Some(file) = &self.file {
            return self.compare(context, file);
        }
        let agreement = context.talk(async |client| {
            let id = self.target.find(&client, None).await?;
            Ok(if self.ask { client.say_digest(&id).await? } else { client.agreement(&id).await? })
        })?;
        let bad = (agreement.same == Some(false)).then(|| differs(agreement.differs.len()));
        context.out.report(&agreement, bad, |style| show(&agreement, self.ask, style))
    }

    fn compare(&self, context: &Context, file: &std::path::Path) -> Done {
        let (about, theirs) = proof::listing(file)?;
        let folder = tempfile::tempdir().map_err(|error| failure::local("a temporary folder", &error))?;
        let path = folder.path().join("ours.deskwire-proof");
        context.talk(async |client| {
            let id = self.target.find(&client, None).await?;
            let mut download = client.export_delegation(&id, OtherCases::Signed).await?;
            let part = Part::create(&path)?;
            while let Some(piece) = download.piece().await? {
                part.write(&piece)?;
            }
            part.finish(&path)
        })?;
        let (case, ours) = proof::listing(&path)?;
        proof::same_case(file, case.as_ref(), about.as_ref())?;
        let found = ours.differences(&theirs);
        let document: Vec<_> = found.iter().map(document).collect();
        let report = json!({ "same": found.is_empty(), "differences": document });
        let bad = (!found.is_empty()).then(|| differs(found.len()));
        context.out.report(&report, bad, |style| differences(&found, style))
    }
}

fn differs(count: usize) -> Failure {
    let detail = format!("Both desks see the case differently in {count} places.");
    let next = "Talk to the partner: what is signed on both sides decides; `deskwire verify` checks what is stored here.";
    failure::refused("views-differ", "The desks do not agree", detail, next)
}

fn document(found: &Difference) -> serde_json::Value {
    json!({
        "author": found.author.to_string(),
        "seq": found.seq,
        "what": found.what,
        "here": found.here,
        "there": found.there,
    })
}

fn differences(found: &[Difference], style: Style) -> String {
    let mut table = Table::new(&["STREAM OF", "MESSAGE", "WHAT", "HERE", "THERE"], style);
    for one in found {
        table.row([
            short(&one.author.to_string()).to_owned(),
            one.seq.to_string(),
            one.what.to_owned(),
            one.here.clone(),
            one.there.clone(),
        ]);
    }
    table.render("Both desks hold the same messages with the same answers.")
}

fn show(agreement: &Agreement, asked: bool, style: Style) -> String {
    let Some(heard) = agreement.heard else {
        return if asked {
            "The partner was asked. Look again in a minute.\n".to_owned()
        } else {
            "The partner has not said yet what it sees: ask it with --ask.\n".to_owned()
        };
    };
    let verdict = if agreement.same == Some(true) {
        style.green("Both desks see the same.")
    } else {
        style.red(&format!("The partner sees another {}.", agreement.differs.join(" and ")))
    };
    let here = agreement.here.clone().unwrap_or_default();
    let fields = Fields::default()
        .put("said by the partner", heard.to_string())
        .put("state here", here.state)
        .put("comments and files", here.thread.len().to_string())
        .put("lines of work", here.work.len().to_string())
        .put("compared up to", format!("our message {}, theirs {}", here.ours, here.theirs));
    let again = if asked { "The partner was asked again; look once more in a minute.\n" } else { "" };
    format!("{}{verdict}\n{again}", fields.render(style))
}
