//! `deskwire check`: looks at everything in a desk's store, also when the desk does not start.

use deskwire_daemon::{Checked, Folder, Found, check};
use serde_json::{Value, json};

use crate::{
    context::Context,
    failure::{self, Done},
    render::{Fields, Style},
};

/// Check a desk that does not run: journal, files, snapshots, rights, settings, keys. Changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

const EXAMPLES: &str = "\
Examples:
  deskwire check --data acme
  deskwire check --data acme --json

The exit code is 1 when the desk would not start or something is lost; the report is printed all the same. What is
found and not severe mends itself at the next start. While a desk runs it checks itself: `deskwire verify` asks it.";

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let checked = check(&Folder::new(context.data())).map_err(super::init::not_started)?;
        let severe = checked.findings.iter().filter(|found| found.severe).count();
        let bad = if severe > 0 {
            let detail = format!("Of what was found, {severe} would keep the desk from starting or is lost.");
            let next = "Keep a copy of the folder and do not delete anything; each finding says what to do.";
            Some(failure::refused("store-damaged", "The store is damaged", detail, next))
        } else if !checked.unready.is_empty() {
            let detail = format!(
                "The store is good; {} other findings keep the desk from starting.",
                checked.unready.len()
            );
            Some(failure::refused(
                "desk-unready",
                "The desk would not start",
                detail,
                "Each finding says what to do.",
            ))
        } else {
            None
        };
        context.out.report(&document(&checked), bad, |style| show(&checked, style))
    }
}

fn all(checked: &Checked) -> impl Iterator<Item = &Found> {
    checked.findings.iter().chain(&checked.unready)
}

fn document(checked: &Checked) -> Value {
    let segments: Vec<_> = checked
        .segments
        .iter()
        .map(|one| json!({ "number": one.number, "bytes": one.bytes, "groups": one.groups, "entries": one.entries }))
        .collect();
    let snapshots: Vec<_> = checked
        .snapshots
        .iter()
        .map(|(group, unusable)| json!({ "group": group, "unusable": unusable }))
        .collect();
    let findings: Vec<_> = all(checked)
        .map(|one| json!({ "code": one.code, "severe": one.severe, "words": one.words }))
        .collect();
    json!({
        "ok": findings.is_empty(),
        "segments": segments,
        "files": checked.files,
        "snapshots": snapshots,
        "view_rebuilt_because": checked.view,
        "findings": findings,
    })
}

fn show(checked: &Checked, style: Style) -> String {
    let groups: u64 = checked.segments.iter().map(|one| one.groups).sum();
    let bytes: u64 = checked.segments.iter().map(|one| one.bytes).sum();
    let usable = checked.snapshots.iter().filter(|(_, unusable)| unusable.is_none()).count();
    let view = checked.view.as_deref().unwrap_or("will be used as it is");
    let fields = Fields::default()
        .put("journal", format!("{} segments, {groups} groups, {bytes} bytes", checked.segments.len()))
        .put("files", checked.files.to_string())
        .put("snapshots", format!("{usable} of {} can be used", checked.snapshots.len()))
        .put("view", view);
    let mut text = fields.render(style);
    if all(checked).next().is_none() {
        text.push_str("\nNothing is wrong.\n");
    }
    for found in all(checked) {
        let code = if found.severe { style.red(found.code) } else { style.yellow(found.code) };
        text.push_str(&format!("\n{code}\n  {}\n", found.words));
    }
    text
}
