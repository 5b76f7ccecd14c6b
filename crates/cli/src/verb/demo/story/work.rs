//! Third part: questions, answers, and a large file.

use std::{
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use deskwire_api_types::{Audience, FileQuery, FileState, ThreadEntry};
use deskwire_client::local::wait_for;
use serde::Serialize;

use super::{Cast, Player, Told, Transcript, say};
use crate::{
    desks::noise,
    failure::{self, Failure},
    render::{bytes, short},
    verb::demo::props,
};

/// Size of the file, bytes.
const SIZE: usize = 20 << 20;
/// Its name.
const NAME: &str = "register-3.log";
/// How long it may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A file that went from one desk to another.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct SentFile {
    /// Its id at the desk that got it.
    pub(crate) id: String,
    /// Size, bytes.
    pub(crate) size: u64,
    /// SHA-256 of the bytes that were sent.
    pub(crate) sha256: String,
    /// Seconds from the beginning of the upload until it was there, checked and synced.
    pub(crate) seconds: f64,
}

pub(super) async fn play(
    cast: &Cast,
    root: &Path,
    script: &Transcript,
    told: &mut Told,
) -> Result<(), Failure> {
    let Cast { shop, acme, kassa } = cast;
    script.title("Questions, answers, and a log of 20 MiB");
    let [at_shop, at_acme, at_kassa] = &told.tickets.clone();
    let only_kassa = Audience::Delegations { ids: vec![told.lower.clone()] };
    say(kassa, at_kassa, props::SEND_LOG, Audience::Thread, &[(acme, at_acme)], script).await?;
    say(acme, at_acme, props::LOG_ATTACHED, only_kassa.clone(), &[(kassa, at_kassa)], script).await?;
    told.file = send(acme, at_acme, kassa, at_kassa, &only_kassa, root, script).await?;
    let both = [(shop, at_shop.as_str()), (kassa, at_kassa.as_str())];
    say(acme, at_acme, props::LEAVE_ON, Audience::Thread, &both, script).await?;
    say(kassa, at_kassa, props::FIRMWARE, Audience::Thread, &[(acme, at_acme)], script).await
}

/// Sends a file of noise, and waits until all of it is there.
async fn send(
    from: &Player,
    ticket: &str,
    to: &Player,
    their_ticket: &str,
    audience: &Audience,
    root: &Path,
    script: &Transcript,
) -> Result<SentFile, Failure> {
    let path = root.join(NAME);
    write_noise(&path)?;
    let query = FileQuery { name: NAME.into(), media: None, audience: Some(audience.to_string()) };
    let begun = Instant::now();
    let sent = from.client.attach(ticket, &query, &path).await?;
    // The daemon has its own copy; what is left behind with --keep is desks alone.
    let _ = std::fs::remove_file(&path);
    script.sent(from.short, &format!("Igor attaches {NAME}, {}", bytes(sent.size)), &[to.short]);
    let got = wait_for("The file", LIMIT, async || {
        let thread = to.client.ticket(their_ticket).await?.thread;
        Ok(thread.into_iter().find_map(|entry| match entry {
            ThreadEntry::File(file) if file.name == NAME && file.state != FileState::Fetching => Some(file),
            ThreadEntry::Comment(_) | ThreadEntry::File(_) | ThreadEntry::Event(_) => None,
        }))
    })
    .await?;
    if let (FileState::Failed, Some(trouble)) = (got.state, got.trouble) {
        return Err(failure::refused(
            &trouble.code,
            "The file did not arrive",
            trouble.words,
            "Look into the logs.",
        ));
    }
    let seconds = begun.elapsed().as_secs_f64();
    let rate = sent.size as f64 / 1e6 / seconds;
    let words = format!(
        "has it, checked and synced, {seconds:.2} s after the upload began ({rate:.0} MB/s): SHA-256 {}…",
        short(&got.sha256)
    );
    script.did(to.short, &words);
    Ok(SentFile { id: got.id, size: sent.size, sha256: sent.sha256, seconds })
}

fn write_noise(path: &Path) -> Result<(), Failure> {
    let write = || {
        let mut file = std::fs::File::create(path)?;
        file.write_all(&noise::bytes(u64::from(std::process::id()), SIZE))
    };
    write().map_err(|error| failure::local(&path.display().to_string(), &error))
}
