//! Files travel beside the messages, verified piece by piece, and go on where they stopped.

use std::sync::Arc;

use deskwire_engine::Engine;
use deskwire_engine::command::file::AttachFile;
use deskwire_machine::chunks::{ChunkHasher, Hashed};
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::id::Hash;
use deskwire_proto::text::FileName;
use deskwire_proto::transfer::{BlobRequest, Part};
use deskwire_store::local::{FileNo, TicketNumber};
use deskwire_store::row::{Audience, FileState};
use deskwire_store::table::{FILES, Rows};
use deskwire_store::{BlobId, Blobs};

use crate::carrier::{Carrier, post};
use crate::support::{Desk, LINK, linked, now, person, until};

const MIB: usize = 1024 * 1024;

/// A file whose every chunk is another.
fn content(size: usize) -> Vec<u8> {
    (0..size).map(|place| (place / 7 + place / MIB * 13) as u8).collect()
}

fn hashed(content: &[u8]) -> Hashed {
    let mut hasher = ChunkHasher::new();
    hasher.update(content);
    hasher.finish()
}

async fn attach(engine: &Engine, ticket: TicketNumber, content: &[u8]) -> FileNo {
    let hashed = hashed(content);
    engine.reader().blobs().import(&mut &content[..]).unwrap();
    let attach = AttachFile {
        ticket,
        name: FileName::new("photo.jpg").unwrap(),
        media: None,
        blob: hashed.blob,
        size: hashed.size,
        chunks: hashed.chunks,
        audience: Audience::Internal,
        by: person(),
    };
    engine.call(attach).await.unwrap().file
}

fn blobs(desk: &Desk) -> &Arc<dyn Blobs> {
    desk.engine.reader().blobs()
}

fn held(desk: &Desk, hash: Hash) -> Option<Vec<u8>> {
    let file = blobs(desk).open(&BlobId(*hash.as_bytes())).unwrap()?;
    let mut bytes = vec![0; usize::try_from(file.size()).unwrap()];
    let mut done = 0;
    while done < bytes.len() {
        done += file.read_at(&mut bytes[done..], done as u64).unwrap();
    }
    Some(bytes)
}

fn state(desk: &Desk) -> Option<FileState> {
    let files = desk.engine.reader().rows().list(FILES, &(), 10).unwrap();
    files.into_iter().next().map(|(_, row)| row.state)
}

/// A photo and a large dump both arrive as they were sent, the empty file too.
#[tokio::test]
async fn files_of_every_size_arrive_as_they_were() {
    let (shop, acme) = linked().await;
    for size in [0, 5, MIB, 9 * MIB + 3] {
        let content = content(size);
        let ticket = shop.ticket("Printer").await;
        let file = attach(&shop.engine, ticket, &content).await;
        shop.delegate(ticket, vec![file]).await;
        until("the file is here", || held(&acme, hashed(&content).blob).is_some()).await;
        assert!(held(&acme, hashed(&content).blob) == Some(content), "{size} bytes");
    }
    let all_here = || {
        let files = acme.engine.reader().rows().list(FILES, &(), 10).unwrap();
        files.len() == 4 && files.iter().all(|(_, row)| row.state == FileState::Here)
    };
    until("all are marked as here", all_here).await;
}

/// After a crash in the middle only what is missing may travel again, and damaged pieces are found.
#[tokio::test]
async fn a_transfer_resumes_with_the_pieces_that_are_right() {
    let (shop, acme) = linked().await;
    let content = content(6 * MIB + 100);
    let hashed = hashed(&content);
    let partial = blobs(&acme).begin(&BlobId(*hashed.blob.as_bytes()), hashed.size).unwrap();
    partial.write_at(&content[..4 * MIB], 0).unwrap();
    partial.write_at(&[0xee; 10], MIB as u64 + 5).unwrap();
    let ticket = shop.ticket("Printer").await;
    let file = attach(&shop.engine, ticket, &content).await;
    shop.delegate(ticket, vec![file]).await;
    until("the file is here", || state(&acme) == Some(FileState::Here)).await;
    assert!(held(&acme, hashed.blob) == Some(content));
    let fetched = acme.federation.numbers().bytes_fetched;
    assert_eq!(fetched, hashed.size - 3 * MIB as u64, "three of seven chunks were right");
}

/// A file that the holder has lost must not be tried for ever: the ticket says what happened.
#[tokio::test]
async fn a_file_that_is_gone_is_told_on_the_ticket() {
    let (shop, acme) = linked().await;
    let content = content(1_000);
    let ticket = shop.ticket("Printer").await;
    let file = attach(&shop.engine, ticket, &content).await;
    blobs(&shop).remove(&BlobId(*hashed(&content).blob.as_bytes())).unwrap();
    shop.delegate(ticket, vec![file]).await;
    until("the ticket says so", || matches!(state(&acme), Some(FileState::Failed(_)))).await;
    let Some(FileState::Failed(why)) = state(&acme) else { unreachable!() };
    assert_eq!(why.code.as_str(), "blob-unknown");
}

/// To know a hash is no right; an old request opens nothing.
#[tokio::test]
async fn only_announced_files_are_given_and_only_to_fresh_requests() {
    let (shop, acme) = linked().await;
    until("the sessions are open", || shop.has_welcomed() && acme.has_welcomed()).await;
    let link = shop.link().unwrap().row.link;
    let acme = Carrier::new(acme.stop().await);
    let ticket = shop.ticket("Printer").await;
    let secret = content(3_000);
    attach(&shop.engine, ticket, &secret).await;
    let ask = |blob: Hash, time: u64| {
        let identity = acme.engine.identity();
        let time = deskwire_proto::time::Timestamp(time);
        let (to, from) = (shop.id(), identity.desk());
        let request = BlobRequest { v: V1, to, blob, from, link, part: Part::ChunkList, time };
        Signed::seal(request, identity.secret()).into_parts().0
    };
    let time = now().0;
    let internal = post(&shop, "blob", ask(hashed(&secret).blob, time)).await;
    let missing = post(&shop, "blob", ask(Hash::of(b"nothing"), time)).await;
    assert_eq!((internal.status, internal.code().as_str()), (404, "blob-unknown"));
    assert_eq!(internal.body, missing.body, "the two cannot be told apart");
    let stale = post(&shop, "blob", ask(Hash::of(b"nothing"), time - 600_001)).await;
    assert_eq!(stale.code(), "stale-request");
    assert_eq!(stale.member("time"), time);
    let mut forged = ask(Hash::of(b"nothing"), time);
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(post(&shop, "blob", forged).await.code(), "bad-signature");
    assert_eq!(shop.engine.reader().partner(LINK).unwrap().unwrap().row.link, link);
    acme.running.stop().unwrap();
}
