//! Fourth part: questions and answers through the whole chain, a photo, and a large file.

use std::{io::Write as _, path::Path, time::Instant};

use deskwire_api_types::{Audience, FileQuery, FileState};
use serde::Serialize;

use super::{Cast, Player, Told, Transcript, let_onward, say};
use crate::{
    desks::{self, noise},
    failure::{self, Failure},
    render::{bytes, short},
    verb::demo::props,
};

/// The large file: its name, its size in bytes.
const LOG: (&str, usize) = ("register-3.log", 20 << 20);
/// The photo.
const PHOTO: (&str, usize) = ("burnt-part.jpg", 400 << 10);

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
    let Cast { shop, acme, kassa, petrov } = cast;
    script.title("Questions, answers, a photo, and a log of 20 MiB");
    let [at_shop, at_acme, at_kassa, at_petrov] = &told.tickets.clone();
    let one = |id: &String| Audience::Delegations { ids: vec![id.clone()] };
    let (lower, visit) = (one(&told.lower), one(&told.visit));
    say(kassa, at_kassa, props::SEND_LOG, lower.clone(), &[(acme, at_acme)], script).await?;
    say(acme, at_acme, props::LOG_ATTACHED, lower.clone(), &[(kassa, at_kassa)], script).await?;
    told.file = send((acme, at_acme), (kassa, at_kassa), LOG, &lower, root, script).await?;
    say(kassa, at_kassa, props::TAKE_PART, visit, &[(petrov, at_petrov)], script).await?;

    let below = [(shop, at_shop.as_str()), (kassa, at_kassa), (petrov, at_petrov)];
    say(acme, at_acme, props::LEAVE_ON, Audience::Thread, &below, script).await?;
    say(petrov, at_petrov, props::AT_DOOR, Audience::Thread, &[(kassa, at_kassa), (acme, at_acme)], script)
        .await?;
    let_onward(acme, at_acme, 1).await?;
    desks::comment_arrives(&shop.client, at_shop, props::AT_DOOR).await?;
    script.sent(acme.short, "Igor looks, and lets it go onward: “a partner” wrote it", &["Shop"]);
    let above = [(acme, at_acme.as_str()), (kassa, at_kassa), (petrov, at_petrov)];
    say(shop, at_shop, props::RING_TWICE, Audience::Thread, &above, script).await?;

    let onward = async {
        desks::file_arrives(&acme.client, at_acme, PHOTO.0).await?;
        let_onward(acme, at_acme, 1).await
    };
    let thread = Audience::Thread;
    let sent = send((petrov, at_petrov), (shop, at_shop), PHOTO, &thread, root, script);
    (told.photo, ()) = tokio::try_join!(sent, onward)?;
    Ok(())
}

/// Sends a file of noise, and waits until all of it is there.
async fn send(
    (from, ticket): (&Player, &str),
    (to, their_ticket): (&Player, &str),
    (name, size): (&'static str, usize),
    audience: &Audience,
    root: &Path,
    script: &Transcript,
) -> Result<SentFile, Failure> {
    let path = root.join(name);
    write_noise(&path, size)?;
    let query = FileQuery { name: name.into(), media: None, audience: Some(audience.to_string()) };
    let begun = Instant::now();
    let sent = from.client.attach(ticket, &query, &path).await?;
    // The daemon has its own copy; what is left behind with --keep is desks alone.
    let _ = std::fs::remove_file(&path);
    let words = format!("{} attaches {name}, {}", super::first_name(from), bytes(sent.size));
    script.sent(from.short, &words, &[to.short]);
    let got = desks::file_arrives(&to.client, their_ticket, name).await?;
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

fn write_noise(path: &Path, size: usize) -> Result<(), Failure> {
    let write = || {
        let mut file = std::fs::File::create(path)?;
        file.write_all(&noise::bytes(u64::from(std::process::id()), size))
    };
    write().map_err(|error| failure::local(&path.display().to_string(), &error))
}
