//! Reading and showing proof files. No daemon, no folder, no network: the file and public keys alone.

use std::{fs::File, io::Read as _, path::Path};

use deskwire_machine::proof::{Listing, Report, Verifier, Weight};
use deskwire_proto::{
    proof::{About, Item, TakeError},
    time::Timestamp,
};
use serde_json::{Value, json};

use crate::{
    failure::{self, Failure},
    render::{Style, Table, short},
};

/// Bytes read at once; an item has to fit.
const PIECE: usize = Item::MOST + (64 << 10);

/// Verifies a proof file.
pub(crate) fn verify(path: &Path) -> Result<Report, Failure> {
    let mut verifier = Verifier::new();
    if let Some(words) = read(path, &mut |item, bytes| verifier.take(item, bytes))? {
        verifier.broken(words);
    }
    Ok(verifier.finish())
}

/// What a proof file is about and tells of each message; it has to hold.
pub(crate) fn listing(path: &Path) -> Result<(Option<About>, Listing), Failure> {
    let report = verify(path)?;
    if !report.holds() {
        let detail = format!("{} does not hold: nothing can be compared with it.", path.display());
        let next = "See what is wrong with `deskwire verify --file`, and ask for another one.";
        return Err(failure::refused("verify-failed", "The file does not verify", detail, next));
    }
    let mut listing = Listing::default();
    read(path, &mut |item, _| listing.take(&item))?;
    Ok((report.about, listing))
}

/// Whether two files can be compared: they are of one link, and of one case where both are of a single one.
pub(crate) fn same_case(path: &Path, ours: Option<&About>, theirs: Option<&About>) -> Result<(), Failure> {
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return Ok(()) };
    let about = |one: &About| match one.delegation {
        Some(delegation) => {
            format!("the delegation {} of the link {}", short_of(&delegation), short_of(&one.link))
        }
        None => format!("the link {}", short_of(&one.link)),
    };
    if ours.link != theirs.link {
        let detail = format!(
            "{} is about {}; this case is on the link {}.",
            path.display(),
            about(theirs),
            short_of(&ours.link)
        );
        let next = "Ask the partner for a file of this case, or of the whole link.";
        return Err(failure::refused("another-link", "The file is of another link", detail, next));
    }
    if let (Some(here), Some(there)) = (ours.delegation, theirs.delegation)
        && here != there
    {
        let detail =
            format!("{} is about {}; this case is {}.", path.display(), about(theirs), short_of(&here));
        let next = "Ask the partner for a file of this case, or of the whole link.";
        return Err(failure::refused("another-case", "The file is of another case", detail, next));
    }
    Ok(())
}

fn short_of(id: &impl ToString) -> String {
    short(&id.to_string()).to_owned()
}

/// Hands out the items of a file with their bytes; what is wrong with the bytes where that ends early.
fn read(path: &Path, take: &mut dyn FnMut(Item, &[u8])) -> Result<Option<&'static str>, Failure> {
    let unreadable = |error: std::io::Error| failure::local(&path.display().to_string(), &error);
    let mut file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::with_capacity(PIECE);
    loop {
        let room = (PIECE - bytes.len()) as u64;
        let got = file.by_ref().take(room).read_to_end(&mut bytes).map_err(unreadable)?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            match Item::take(rest) {
                Ok((item, behind)) => {
                    take(item, &rest[..rest.len() - behind.len()]);
                    rest = behind;
                }
                Err(TakeError::Cut) => break,
                Err(TakeError::Bad(code)) => return Ok(Some(code.as_str())),
            }
        }
        let taken = bytes.len() - rest.len();
        if got == 0 {
            return Ok((taken < bytes.len()).then_some("the file ends inside an item"));
        }
        bytes.drain(..taken);
    }
}

/// The report as a document.
pub(crate) fn document(report: &Report) -> Value {
    let streams: Vec<_> = report
        .streams
        .iter()
        .map(|stream| {
            json!({
                "author": stream.author.to_string(),
                "messages": stream.messages,
                "left_out": stream.left_out,
                "texts": stream.texts,
                "texts_missing": stream.texts_missing,
                "receipts": stream.receipts,
                "length": stream.length,
                "head": stream.head.map(|head| head.to_string()),
                "received": stream.received,
                "disowned": stream.disowned,
            })
        })
        .collect();
    let cases: Vec<_> = report
        .cases
        .iter()
        .map(|case| {
            json!({
                "delegation": case.id.to_string(),
                "principal": case.principal.to_string(),
                "state": case.state.name(),
                "provisional": case.provisional,
                "left_out": case.left_out,
                "events": case.events,
                "without_effect": case.without_effect,
            })
        })
        .collect();
    let findings: Vec<_> = report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "code": finding.code,
                "words": finding.words,
                "broken": finding.weight == Weight::Broken,
                "author": finding.author.map(|author| author.to_string()),
                "seq": finding.seq,
            })
        })
        .collect();
    let about = report.about.as_ref().map(|about| {
        json!({
            "link": about.link.to_string(),
            "made": time(about.made),
            "inviter": about.inviter.to_string(),
            "accepter": about.accepter.to_string(),
            "delegation": about.delegation.map(|id| id.to_string()),
        })
    });
    json!({ "ok": report.holds(), "about": about, "streams": streams, "delegations": cases, "findings": findings })
}

/// The report as text.
pub(crate) fn show(report: &Report, style: Style) -> String {
    let mut text = String::new();
    if let Some(about) = &report.about {
        text.push_str(&format!(
            "Link {} of\n  {} (inviter)\n  {}\n",
            about.link, about.inviter, about.accepter
        ));
        text.push_str(&format!("Written {}\n\n", time(about.made)));
    }
    let mut streams =
        Table::new(&["STREAM OF", "MESSAGES", "TEXTS", "GONE", "LEFT OUT", "RECEIVED UP TO"], style);
    for stream in &report.streams {
        streams.row([
            short(&stream.author.to_string()).to_owned(),
            stream.messages.to_string(),
            stream.texts.to_string(),
            stream.texts_missing.to_string(),
            stream.left_out.to_string(),
            format!("{} of {}", stream.received, stream.length),
        ]);
    }
    text.push_str(&streams.render("No streams."));
    let mut cases = Table::new(&["DELEGATION", "PRINCIPAL", "STATE", "EVENTS"], style);
    for case in &report.cases {
        let provisional = match (case.left_out, case.provisional) {
            (1.., _) => " (as far as the file shows)",
            (0, true) => " (provisional)",
            (0, false) => "",
        };
        cases.row([
            short(&case.id.to_string()).to_owned(),
            short(&case.principal.to_string()).to_owned(),
            format!("{}{provisional}", case.state.name()),
            case.events.to_string(),
        ]);
    }
    text.push('\n');
    text.push_str(&cases.render("No delegations."));
    let left_out: u64 = report.streams.iter().map(|stream| stream.left_out).sum();
    if left_out > 0 {
        let (what, could) = match left_out {
            1 => (
                "1 message is left out: nobody can tell from this file what it says.".to_owned(),
                "It could be one",
            ),
            more => (
                format!("{more} messages are left out: nobody can tell from this file what they say."),
                "There could be one among them",
            ),
        };
        text.push_str(&format!(
            "{} {what} {could} that changes the state; a file written without --leave-out-others shows it.\n",
            style.yellow("-")
        ));
    }
    for finding in &report.findings {
        let author =
            finding.author.map(|author| format!("{} ", short(&author.to_string()))).unwrap_or_default();
        let seq = finding.seq.map(|seq| format!("#{seq}: ")).unwrap_or_default();
        let mark = if finding.weight == Weight::Broken { style.red("!") } else { style.yellow("-") };
        text.push_str(&format!("{mark} {author}{seq}{} ({})\n", finding.words, finding.code));
    }
    let verdict = if report.holds() {
        style.green("Everything in the file holds: keys, linking, signatures, chains, receipts.")
    } else {
        style.red("The file does not hold.")
    };
    format!("{text}{verdict}\n")
}

fn time(at: Timestamp) -> deskwire_api_types::Time {
    deskwire_api_types::Time::from_millis(i64::try_from(at.0).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    //! Two files of different cases always differ: whoever is told so looks for a quarrel that is none.
    use deskwire_proto::id::{DelegationId, DeskId, LinkId};

    use super::*;

    fn about(link: u8, delegation: Option<u8>) -> About {
        About {
            link: LinkId::new([link; LinkId::SIZE]),
            made: Timestamp(0),
            inviter: DeskId::new([1; DeskId::SIZE]),
            accepter: DeskId::new([2; DeskId::SIZE]),
            delegation: delegation.map(|id| DelegationId::new([id; DelegationId::SIZE])),
        }
    }

    #[test]
    fn a_file_of_another_link_or_case_is_refused() {
        let ours = about(1, Some(1));
        let code = |theirs: About| {
            let same = same_case(Path::new("theirs"), Some(&ours), Some(&theirs));
            match same {
                Err(Failure::Refused(problem)) => Some(problem.code.clone()),
                _ => None,
            }
        };
        assert_eq!(code(about(2, Some(1))).as_deref(), Some("another-link"));
        assert_eq!(code(about(2, None)).as_deref(), Some("another-link"));
        assert_eq!(code(about(1, Some(2))).as_deref(), Some("another-case"));
        assert_eq!(code(about(1, Some(1))), None);
        assert_eq!(code(about(1, None)), None, "a file of the whole link");
    }
}
