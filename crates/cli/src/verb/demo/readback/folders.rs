//! The same once more in the files themselves: journal, view, blobs and logs of each desk.

use std::path::{Path, PathBuf};

use super::{Checks, Hidden, props};
use crate::{
    failure::{self, Failure},
    render,
    verb::demo::{
        cast::{Cast, NAMES},
        search::{Found, search},
        story::Told,
    },
};

/// Where the desks lie and what must not lie there; known before they end, searched after.
pub(crate) struct Places {
    folders: [PathBuf; 4],
    logs: [PathBuf; 4],
    hidden: [Vec<Hidden>; 4],
}

impl Places {
    pub(crate) fn of(cast: &Cast, told: &Told) -> Self {
        Self {
            folders: cast.players().map(|player| player.desk.folder().to_owned()),
            logs: cast.players().map(|player| player.desk.log().to_owned()),
            hidden: cast.players().map(|player| Hidden::from(player.short, cast, told)),
        }
    }
}

/// Searches the folder of each desk for what it must not hold, and for what it must, so that the search is known to work.
pub(crate) fn check(places: &Places, checks: &mut Checks) -> Result<(), Failure> {
    for (desk, name) in NAMES.into_iter().enumerate() {
        let hidden = &places.hidden[desk];
        let owned = places.hidden.iter().flatten().filter(|hidden| hidden.owner == name);
        let all: Vec<_> = hidden.iter().chain(owned).collect();
        let (found, hits) = find_all(&places.folders[desk], &all)?;
        let leaked = all.iter().zip(&hits).take(hidden.len()).filter(|(_, hits)| !hits.is_empty());
        let leaked: Vec<_> =
            leaked.map(|(hidden, hits)| format!("{} stands in {hits:?}", hidden.what)).collect();
        let what = format!(
            "nor does any of that stand in its {} files: journal, view and blobs, {} searched",
            found.files,
            render::bytes(found.bytes)
        );
        checks.holds(name, what, leaked.is_empty() && found.files > 0, || leaked.join("\n"));
        let owned = all.iter().zip(&hits).skip(hidden.len());
        let overlooked: Vec<_> =
            owned.filter(|(_, hits)| hits.is_empty()).map(|(owned, _)| owned.what.as_str()).collect();
        let what = "the same search does find here what is at home here";
        checks.holds(name, what, overlooked.is_empty(), || format!("it overlooks {overlooked:?}"));
        log(name, &places.logs[desk], checks)?;
    }
    Ok(())
}

/// One search for all; for each the files that hold any of it, as they are called within the folder.
fn find_all(root: &Path, all: &[&Hidden]) -> Result<(Found, Vec<Vec<String>>), Failure> {
    let needles: Vec<_> = all.iter().map(|hidden| hidden.needles()).collect();
    let found = find(root, &needles.concat())?;
    let mut places = found.places.iter();
    let mut hits = Vec::with_capacity(all.len());
    for needles in &needles {
        let files = places.by_ref().take(needles.len()).flatten();
        let mut names: Vec<_> =
            files.map(|path| path.strip_prefix(root).unwrap_or(path).display().to_string()).collect();
        names.sort();
        names.dedup();
        hits.push(names);
    }
    Ok((found, hits))
}

/// No text of a ticket in the log.
fn log(name: &str, path: &Path, checks: &mut Checks) -> Result<(), Failure> {
    let wanted = props::texts();
    let wanted: Vec<_> = wanted.into_iter().map(|text| text.as_bytes().to_vec()).collect();
    let found = find(path, &wanted)?;
    let told = found.places.iter().zip(&wanted).filter(|(places, _)| !places.is_empty());
    let told: Vec<_> = told.map(|(_, text)| String::from_utf8_lossy(text)).collect();
    let what = format!("its log ({}) holds no text of a ticket", render::bytes(found.bytes));
    checks.holds(name, what, told.is_empty(), || format!("it holds {told:?}"));
    Ok(())
}

fn find(root: &Path, wanted: &[Vec<u8>]) -> Result<Found, Failure> {
    search(root, wanted).map_err(|error| failure::local(&root.display().to_string(), &error))
}
