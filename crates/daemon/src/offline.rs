//! What can be done with a desk's store while the desk does not run, even when it cannot start: check and rebuild.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use deskwire_engine::refold;
use deskwire_store::journal::{Problem, ProblemKind, SegmentReport, cut_off, survey};
use deskwire_store::table::SCHEMA;
use deskwire_store::{BlobId, Blobs, Damage, DiskBlobs, Error, Unfit};
use deskwire_store_sled::{Offline, Options};

use crate::error::StartError;
use crate::folder::Folder;
use crate::material::Material;
use crate::serve::load;

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct Checked {
    /// The segments of the journal.
    pub segments: Vec<SegmentReport>,
    /// Files whose bytes were read.
    pub files: u64,
    /// Snapshots: the group of each, and why it cannot be used.
    pub snapshots: Vec<(u64, Option<String>)>,
    /// Why the next start rebuilds the view, if it does.
    pub view: Option<String>,
    /// What is wrong with the store, the worst first.
    pub findings: Vec<Found>,
    /// What else would keep the desk from starting: settings, keys, tokens.
    pub unready: Vec<Found>,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Stable, kebab-case.
    pub code: &'static str,
    /// Whether the desk does not start, or something is lost; otherwise it mends itself.
    pub severe: bool,
    /// Where, what, and what to do.
    pub words: String,
}

/// What a rebuild does with the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Begins at the newest usable snapshot.
    Snapshot,
    /// Folds the whole journal; the snapshots are deleted.
    Nothing,
}

/// What was rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rebuilt {
    /// Groups of the journal.
    pub groups: u64,
    /// Groups that were folded; the others were in a snapshot.
    pub folded: u64,
}

/// What a salvage does, or would do.
#[derive(Debug, Clone)]
pub struct Salvage {
    /// The damage at which the journal is cut off.
    pub damage: Problem,
    /// Groups behind it that can still be read, and are set aside with the rest.
    pub readable: u64,
    /// Entries in those.
    pub entries: u64,
    /// The folder, in the store, in which everything from the damage on is kept.
    pub aside: String,
}

/// Looks at everything in a desk's store, and at what else a start needs; changes nothing.
///
/// # Errors
/// [`StartError`] when nothing can be looked at: a desk runs, there is no store, or it is of a newer program.
pub fn check(folder: &Folder) -> Result<Checked, StartError> {
    let offline = open(folder)?;
    let mut done = Checked::default();
    for (path, error) in offline.forbidden() {
        let words = format!(
            "{} cannot be used: {error}. Give it back to the user that deskwire runs as.",
            path.display()
        );
        done.findings.push(Found { code: "no-permission", severe: true, words });
    }
    check_journal(&offline, &mut done);
    check_files(&offline, &mut done);
    check_snapshots(&offline, &mut done);
    check_losses(&offline, &mut done);
    match offline.view_state(SCHEMA) {
        Ok(reason) => done.view = reason.map(|reason| reason.to_string()),
        Err(error) => done.findings.push(failed("view-unreadable", &error)),
    }
    done.findings.sort_by_key(|found| !found.severe);
    done.unready = unready(folder);
    Ok(done)
}

fn unready(folder: &Folder) -> Vec<Found> {
    let faults =
        load(folder, Vec::new()).map_or_else(|error| vec![error], |config| Material::faults(folder, &config));
    let found = |error: StartError| {
        let words = format!("{} {}", error.words, error.next).trim_end().to_owned();
        Found { code: error.code, severe: true, words }
    };
    faults.into_iter().map(found).collect()
}

fn check_journal(offline: &Offline, done: &mut Checked) {
    let found = match survey(offline.disk().as_ref()) {
        Ok(found) => found,
        Err(error) => return done.findings.push(failed("journal-unreadable", &error)),
    };
    if found.segments.is_empty() {
        let words = "The journal is gone: restore a backup.".into();
        done.findings.push(Found { code: "journal-missing", severe: true, words });
    }
    if let Some(first) = found.segments.first().filter(|first| first.number > 1) {
        done.findings.push(missing(first.number - 1));
    }
    for (one, next) in found.segments.iter().zip(found.segments.iter().skip(1)) {
        if next.number != one.number + 1 {
            done.findings.push(missing(one.number + 1));
        }
    }
    done.findings.extend(found.problems.iter().map(of_problem));
    done.segments = found.segments;
}

fn missing(segment: u64) -> Found {
    let words = format!("Segment {segment} of the journal is missing: restore a backup.");
    Found { code: "journal-segment-missing", severe: true, words }
}

/// Tells what is proven to be lost of the journal: by what an earlier start found, and by a snapshot that has more.
fn check_losses(offline: &Offline, done: &mut Checked) {
    match offline.loss() {
        Ok(None) => {}
        Ok(Some((path, words))) => {
            let words = format!("{words} Delete {} when this is dealt with.", path.display());
            done.findings.push(Found { code: "journal-groups-lost", severe: true, words });
        }
        Err(error) => done.findings.push(failed("journal-loss-unreadable", &error)),
    }
    let whole = !done.findings.iter().any(|found| found.severe && found.code.starts_with("journal-"));
    let last: u64 = done.segments.iter().map(|segment| segment.groups).sum();
    if let Some((group, _)) =
        done.snapshots.iter().find(|(group, unusable)| unusable.is_none() && *group > last)
        && whole
    {
        let words = format!(
            "The journal ends with group {last}, but the snapshot of group {group} had more: what came between is gone. Restore a newer backup."
        );
        done.findings.push(Found { code: "journal-groups-lost", severe: true, words });
    }
}

fn of_problem(problem: &Problem) -> Found {
    let place = format!("segment {}, offset {}, group {}", problem.segment, problem.offset, problem.group);
    match &problem.kind {
        ProblemKind::Bits(bits) => Found {
            code: "journal-bit-flipped",
            severe: false,
            words: format!(
                "A bit flipped at {place} ({} to correct): the next start corrects it.",
                bits.len()
            ),
        },
        ProblemKind::Torn => Found {
            code: "journal-torn-tail",
            severe: false,
            words: format!(
                "The last write, at {place}, was not completed; nobody was told that it was, and the next start cuts it off."
            ),
        },
        ProblemKind::Damage => {
            let again = match problem.readable_again {
                Some((group, offset)) => {
                    format!("from group {group} at offset {offset} on it can be read again")
                }
                None => "nothing behind it in this segment can be read".into(),
            };
            Found {
                code: "journal-damaged",
                severe: true,
                words: format!(
                    "The journal is damaged at {place}: {}; {again}. Restore a backup, or go on without what comes from there with `deskwire rebuild --salvage`.",
                    problem.reason
                ),
            }
        }
    }
}

fn check_files(offline: &Offline, done: &mut Checked) {
    let listed = DiskBlobs::open(offline.disk().clone()).and_then(|blobs| {
        let ids: BTreeSet<_> = blobs.list()?.into_iter().collect();
        Ok((blobs, ids))
    });
    let (blobs, ids) = match listed {
        Ok(listed) => listed,
        Err(error) => return done.findings.push(failed("files-unreadable", &error)),
    };
    for id in ids {
        done.files += 1;
        match hash(&blobs, &id) {
            Ok(found) if found.is_none_or(|found| found == id) => {}
            Ok(_) => done.findings.push(Found {
                code: "file-damaged",
                severe: true,
                words: format!("The file with SHA-256 {id} is damaged. The running desk fetches it again if a partner sent it and can be asked; else bring it back from a backup, or attach it again."),
            }),
            Err(error) => done.findings.push(failed("file-unreadable", &error)),
        }
    }
}

/// What a file hashes to; nothing when it is gone.
fn hash(blobs: &DiskBlobs, id: &BlobId) -> Result<Option<BlobId>, Error> {
    blobs.open(id)?.map_or(Ok(None), |file| file.hash(&mut |_| ControlFlow::Continue(())))
}

fn check_snapshots(offline: &Offline, done: &mut Checked) {
    let snapshots = offline.snapshots();
    let groups = match snapshots.groups() {
        Ok(groups) => groups,
        Err(error) => return done.findings.push(failed("snapshots-unreadable", &error)),
    };
    for group in groups {
        let unusable = match snapshots.open(group, SCHEMA) {
            Ok(snapshot) => snapshot.verify(|_| ControlFlow::Continue(())).err().map(|error| {
                let damaged = matches!(error, Error::SnapshotDamaged { .. });
                (error.to_string(), if damaged { Unfit::Damaged } else { Unfit::Unread })
            }),
            Err(unusable) => Some((unusable.reason, unusable.kind)),
        };
        let told = |code, words| Found { code, severe: false, words };
        match &unusable {
            Some((reason, Unfit::Damaged)) => done.findings.push(told(
                "snapshot-damaged",
                format!("The snapshot of group {group} is damaged: {reason}. It is passed over, and another is made."),
            )),
            Some((reason, Unfit::Unread)) => done.findings.push(told(
                "snapshot-unreadable",
                format!("The snapshot of group {group} could not be read: {reason}. Look at the disk and at the limits of the process."),
            )),
            Some((_, Unfit::Version)) | None => {}
        }
        done.snapshots.push((group, unusable.map(|(reason, _)| reason)));
    }
}

fn failed(code: &'static str, error: &Error) -> Found {
    Found { code, severe: true, words: crate::error::sentence(&error.to_string()) }
}

/// Folds the view of a desk anew.
///
/// # Errors
/// [`StartError`]: a desk runs, the journal is damaged, there is no room.
pub fn rebuild(
    folder: &Folder,
    from: From,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Rebuilt, StartError> {
    {
        let offline = open(folder)?;
        if from == From::Nothing {
            check_first_segment(&offline)?;
            offline.snapshots().keep(0)?;
        }
        offline.forget_view()?;
    }
    let opened = deskwire_store_sled::open(&folder.store(), Options::new(SCHEMA))?;
    let groups = opened.reader.tail().group;
    let folded = refold(opened, &mut |done| progress(done, groups))?;
    Ok(Rebuilt { groups, folded })
}

/// Refuses to fold a journal from nothing that does not begin with its first segment: the snapshots may be all there is
/// of that.
fn check_first_segment(offline: &Offline) -> Result<(), StartError> {
    let names = offline.disk().list("journal").map_err(|error| Error::io("list the journal", error))?;
    let numbers = names.iter().filter_map(|name| name.strip_suffix(".seg")?.parse::<u64>().ok());
    match numbers.min() {
        Some(1) => Ok(()),
        first => {
            let segment = first.map_or(1, |first| first.saturating_sub(1));
            let reason = "the segment is missing, and the snapshots are kept".into();
            Err(Error::from(Damage { segment, offset: 0, reason }).into())
        }
    }
}

/// What a salvage would do; `None` when the journal is not damaged.
///
/// # Errors
/// [`StartError`] when nothing can be looked at.
pub fn plan_salvage(folder: &Folder) -> Result<Option<Salvage>, StartError> {
    plan(&open(folder)?)
}

/// Cuts a damaged journal off where the damage begins, so that the desk can go on: what comes before stays as it is,
/// everything from there on is set aside in a folder of the store. What partners have of it they send again.
///
/// # Errors
/// [`StartError`]: a desk runs, there is no room to set the damaged segment aside.
pub fn salvage(folder: &Folder) -> Result<Option<Salvage>, StartError> {
    let offline = open(folder)?;
    let Some(plan) = plan(&offline)? else { return Ok(None) };
    let snapshots = offline.snapshots();
    for group in snapshots.groups()?.into_iter().filter(|group| *group >= plan.damage.group) {
        snapshots.remove(group)?;
    }
    offline.forget_view()?;
    cut_off(offline.disk().as_ref(), &plan.damage, &plan.aside)?;
    Ok(Some(plan))
}

fn plan(offline: &Offline) -> Result<Option<Salvage>, StartError> {
    let found = survey(offline.disk().as_ref())?;
    let Some(damage) = found.first_damage().cloned() else { return Ok(None) };
    let (mut readable, mut entries) = (0, 0);
    for segment in found.segments.iter().filter(|segment| segment.number > damage.segment) {
        readable += segment.groups;
        entries += segment.entries;
    }
    let aside = (1..)
        .map(|number| format!("journal.damaged-{number}"))
        .find(|name| offline.disk().list(name).is_ok_and(|names| names.is_empty()))
        .unwrap_or_else(|| "journal.damaged".into());
    Ok(Some(Salvage { damage, readable, entries, aside }))
}

fn open(folder: &Folder) -> Result<Offline, StartError> {
    Offline::open(&folder.store()).map_err(|error| match error {
        Error::Locked { holder, .. } => StartError::new(
            "desk-running",
            format!("The desk in {} runs ({holder}).", folder.root().display()),
            "Stop it first; while it runs it looks after its store itself.",
        ),
        error => error.into(),
    })
}

#[cfg(test)]
mod tests;
