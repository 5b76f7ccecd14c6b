//! Two desks at work, what each moment of it promised, and whether an image of the disk keeps the promises.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use deskwire_api_types::{Audience, CommentRequest, FileInfo, FileQuery, FileState, LinkState, ThreadEntry};
use deskwire_client::Error;
use deskwire_tests::{
    desk::Desk,
    links::{accept, find, link, link_with, offer},
    random::Random,
    world::World,
};

/// The desk that is watched.
pub(super) const WATCHED: &str = "Kassa";
const PARTNER: &str = "Acme";

/// What somebody was told, and when.
#[derive(Debug, Clone)]
pub(super) enum Promise {
    /// A caller of the watched desk: this comment is kept.
    Comment(String),
    /// A caller of the watched desk: the file with this id and hash is kept.
    File(String, String),
    /// The partner, by a receipt: so many of its messages are kept.
    Receipt(u64),
    /// The partner, by the messages themselves: the watched desk has said so many.
    Said(u64),
}

/// All promises with their moments, microseconds since 1970.
pub(super) type Promises = Arc<Mutex<Vec<(u64, Promise)>>>;

/// What happened.
pub(super) struct Story {
    pub(super) promises: Vec<(u64, Promise)>,
    /// The ticket of the watched desk.
    pub(super) ticket: String,
}

pub(super) fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// Links the two desks and lets both talk, so many comments each, a file among them. Both run at the end.
pub(super) async fn play(world: &World, watched: &mut Desk, comments: usize) -> (Desk, Story) {
    let mut random = world.random();
    let partner = Desk::new(world, PARTNER).await;
    link(watched, &partner, Default::default()).await;
    let (_, delegation) = offer(&partner, WATCHED, "Cut off").await;
    let ticket = accept(watched, &delegation.id).await.own.ticket;
    let theirs = partner.client().delegation(&delegation.id).await.unwrap().own.ticket;
    let promises = Promises::default();
    let talk = async {
        let one = talk(watched, &ticket, comments, Some(&promises), random.fork());
        let other = talk(&partner, &theirs, comments, None, random.fork());
        tokio::join!(one, other)
    };
    tokio::select! {
        _ = talk => {}
        () = watch(&partner, &promises) => unreachable!("it watches for ever"),
    }
    let mut promises = promises.lock().unwrap().clone();
    promises.sort_by_key(|(at, _)| *at);
    assert!(promises.len() > comments, "too little was promised to prove anything");
    (partner, Story { promises, ticket })
}

/// Somebody who writes one comment after the other, and attaches a file.
async fn talk(desk: &Desk, ticket: &str, comments: usize, promises: Option<&Promises>, mut random: Random) {
    for number in 0..comments {
        let body = format!("{} {number:04}", desk.name);
        let request = CommentRequest { body: body.clone(), audience: Audience::Thread };
        desk.client().comment(ticket, &request).await.unwrap();
        if let Some(promises) = promises {
            promises.lock().unwrap().push((now(), Promise::Comment(body)));
        }
        if number == comments / 2 {
            let path = desk.folder.with_extension("part");
            fs::write(&path, random.bytes(200_000)).unwrap();
            let query = FileQuery { name: "part.bin".into(), media: None, audience: Some("thread".into()) };
            let file = desk.client().attach(ticket, &query, &path).await.unwrap();
            if let Some(promises) = promises {
                promises.lock().unwrap().push((now(), Promise::File(file.id, file.sha256)));
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(random.below(6))).await;
    }
}

/// Notes again and again what the partner holds of the watched desk.
async fn watch(partner: &Desk, promises: &Promises) {
    let (mut receipts, mut said) = (0, 0);
    loop {
        let link = link_with(partner, WATCHED).await;
        let mut news = Vec::new();
        if link.out.acknowledged > receipts {
            receipts = link.out.acknowledged;
            news.push(Promise::Receipt(receipts));
        }
        if link.incoming.length > said {
            said = link.incoming.length;
            news.push(Promise::Said(said));
        }
        let at = now();
        promises.lock().unwrap().extend(news.into_iter().map(|promise| (at, promise)));
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
}

/// Whether a started image keeps what was promised before a moment: the first broken promise, or with which codes the desk
/// refuses to give out files that it has.
pub(super) async fn kept(desk: &Desk, story: &Story, before: u64) -> Result<Vec<String>, String> {
    let promised: Vec<_> =
        story.promises.iter().take_while(|(at, _)| *at < before).map(|(_, promise)| promise).collect();
    let Some(link) = find(desk, PARTNER).await.map_err(|error| format!("{error:?}"))? else {
        return if promised.is_empty() { Ok(Vec::new()) } else { Err("the link is gone".into()) };
    };
    let (comments, files) = thread(desk, &story.ticket).await.map_err(|error| format!("{error:?}"))?;
    for promise in promised {
        let kept = match promise {
            Promise::Comment(body) => comments.contains(body),
            Promise::File(id, sha256) => files
                .iter()
                .any(|file| file.id == *id && file.sha256 == *sha256 && file.state == FileState::Here),
            Promise::Receipt(upto) => link.incoming.length >= *upto,
            Promise::Said(length) => link.out.length >= *length,
        };
        if !kept {
            return Err(format!(
                "{promise:?} is not kept: it holds {} and has said {}",
                link.incoming.length, link.out.length
            ));
        }
    }
    let mut refused = Vec::new();
    for file in files.iter().filter(|file| file.state == FileState::Here) {
        refused.extend(reads(desk, file).await?);
    }
    let in_order = |name: &str| comments.iter().filter(|body| body.starts_with(name)).is_sorted();
    let mut once = comments.clone();
    once.sort_unstable();
    once.dedup();
    match once.len() == comments.len() && in_order(WATCHED) && in_order(PARTNER) {
        true if link.state == LinkState::Active || comments.is_empty() => Ok(refused),
        true => Err(format!("the link is {:?}", link.state)),
        false => Err("comments are doubled or out of order".into()),
    }
}

/// Reads a file; with which code the desk refuses that, if it does.
async fn reads(desk: &Desk, file: &FileInfo) -> Result<Option<String>, String> {
    let mut download = match desk.client().file_content(&file.id).await {
        Ok(download) => download,
        Err(Error::Refused(problem)) => return Ok(Some(problem.code)),
        Err(error) => return Err(format!("{error:?}")),
    };
    while download.piece().await.map_err(|error| format!("{error:?}"))?.is_some() {}
    if download.sha256() == file.sha256 { Ok(None) } else { Err(format!("{} has other bytes", file.name)) }
}

/// The comments and the files of a ticket; none where there is no such ticket.
async fn thread(desk: &Desk, ticket: &str) -> Result<(Vec<String>, Vec<FileInfo>), Error> {
    let thread = match desk.client().ticket(ticket).await {
        Ok(found) => found.thread,
        Err(Error::Refused(problem)) if problem.status == 404 => Vec::new(),
        Err(error) => return Err(error),
    };
    let (mut comments, mut files) = (Vec::new(), Vec::new());
    for entry in thread {
        match entry {
            ThreadEntry::Comment(comment) => comments.extend(comment.body),
            ThreadEntry::File(file) => files.push(file),
            ThreadEntry::Event(_) => {}
        }
    }
    Ok((comments, files))
}

/// Copies a folder without the entries that are left out at its top.
pub(super) fn copy(from: &Path, to: &Path, without: &[&str]) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if without.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target, &[])?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Lets a view look as after a restart of the machine: the kernel that wrote it is not the one that runs.
pub(super) fn rebooted(folder: &Path) {
    let path = folder.join("store/view.state");
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    if let Ok(state) = fs::read(&path) {
        let text =
            String::from_utf8_lossy(&state).replace(boot.trim(), "00000000-0000-4000-8000-000000000000");
        fs::write(path, text).unwrap();
    }
}
