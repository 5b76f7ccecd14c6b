//! Files travel beside the messages, verified piece by piece, and go on where they stopped.

use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_engine::Engine;
use deskwire_engine::command::erase::{EndSegment, Erase, ErasureDone};
use deskwire_engine::command::file::AttachFile;
use deskwire_engine::command::keep::FetchAgain;
use deskwire_engine::custody::Erasure;
use deskwire_machine::chunks::{ChunkHasher, Hashed};
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::id::Hash;
use deskwire_proto::number::ChunkCount;
use deskwire_proto::text::FileName;
use deskwire_proto::transfer::{BlobHave, BlobPut, BlobRequest, Part, Upload};
use deskwire_store::local::{FileNo, TicketNumber};
use deskwire_store::row::{Audience, FileState};
use deskwire_store::table::{FILES, Rows};
use deskwire_store::{BlobId, Blobs};

use crate::carrier::{Answer, Carrier, post};
use crate::support::{Desk, LINK, hand_over, linked, new_ticket, now, person, until};

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

/// Under which name the file of a desk with this number is collected.
fn partial_key(no: u64, file: &Hashed) -> BlobId {
    let (no, size) = (no.to_be_bytes(), file.size.to_be_bytes());
    let parts =
        [b"deskwire partial file".as_slice(), &no, file.blob.as_bytes(), &size, file.chunks.as_bytes()];
    BlobId(*Hash::of_parts(&parts).as_bytes())
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
    let partial = blobs(&acme).begin(&partial_key(1, &hashed), hashed.size).unwrap();
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

/// Chunks of the files that are ended at every chunk.
const CHUNKS: usize = 12;

/// A file of its own for each chunk at which a crash ended it: what is here of it by then is the chunks before, and the
/// beginning of that one.
async fn goes_on_at_every_chunk(from: &Desk, to: &Desk) {
    for here in 0..=CHUNKS {
        let content = content((CHUNKS - 1) * MIB + 100 + here);
        let hashed = hashed(&content);
        let right = content.len().min(here * MIB);
        let partial = blobs(to).begin(&partial_key(here as u64 + 1, &hashed), hashed.size).unwrap();
        partial.write_at(&content[..content.len().min(right + 50)], 0).unwrap();
        let before = to.federation.numbers().bytes_fetched;
        given(from, to, &content).await;
        let fetched = to.federation.numbers().bytes_fetched - before;
        assert_eq!(fetched, (content.len() - right) as u64, "of {CHUNKS} chunks {here} were here");
        assert!(held(to, hashed.blob) == Some(content));
    }
}

/// Whoever is cut off again and again would never get a large file, or pay for it each time.
#[tokio::test]
async fn fault_75_a_file_that_is_fetched_goes_on_at_every_chunk() {
    let (shop, acme) = linked().await;
    goes_on_at_every_chunk(&shop, &acme).await;
}

/// As when it is fetched.
#[tokio::test]
async fn fault_75_a_file_that_is_brought_goes_on_at_every_chunk() {
    let (shop, acme) = linked_behind_a_router().await;
    goes_on_at_every_chunk(&acme, &shop).await;
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

/// The scrub finds bytes damaged and has them fetched again. Whoever reads meanwhile reads what he has opened to its end,
/// and afterwards the right bytes are there.
#[tokio::test]
async fn who_reads_a_file_while_it_is_fetched_again_reads_on() {
    let (shop, acme) = linked().await;
    let content = content(3 * MIB + 7);
    let (no, id) = given(&shop, &acme, &content).await;
    let before = blobs(&acme).open(&id).unwrap().unwrap();
    assert!(acme.custody.set_blob_aside(&id).is_ok() && held(&acme, Hash::new(id.0)).is_none());
    acme.run(FetchAgain(no)).await.unwrap();
    let mut bytes = vec![0; content.len()];
    let mut done = 0;
    while done < bytes.len() {
        let end = bytes.len().min(done + MIB);
        done += before.read_at(&mut bytes[done..end], done as u64).unwrap();
    }
    assert!(bytes == content, "what was opened is read to its end");
    // Twice is not fetched twice, and a file that is here is not lost by it.
    acme.run(FetchAgain(no)).await.unwrap();
    until("it is here again", || file_state(&acme, no) == FileState::Here).await;
    assert!(held(&acme, Hash::new(id.0)) == Some(content));
    assert_eq!(
        left_of(&acme, &id),
        [format!("blobs/{0:.2}/{1}/{2}", id.to_string(), &id.to_string()[2..4], id)]
    );
}

/// A file that is fetched again may be erased at any moment of that. Nothing of it is left then: neither the damaged bytes
/// that were set aside, nor what has come so far, nor the whole that a fetcher had just finished.
#[tokio::test]
async fn a_file_that_is_erased_while_it_is_fetched_again_leaves_nothing() {
    let (shop, acme) = linked().await;
    for round in 0..8 {
        let content = content(4 * MIB + round);
        let (no, id) = given(&shop, &acme, &content).await;
        acme.custody.set_blob_aside(&id).unwrap();
        assert_eq!(left_of(&acme, &id).len(), 1, "the damaged bytes are kept until others are here");
        acme.run(FetchAgain(no)).await.unwrap();
        // From before the first chunk to the moment at which it is here.
        let enough = round as u64 * MIB as u64;
        until("so much of it is here", || {
            file_state(&acme, no) == FileState::Here
                || acme.engine.reader().arrived(no) >= enough.min(4 * MIB as u64)
        })
        .await;
        acme.run(Erase { files: vec![no], ..Erase::default() }).await.unwrap();
        carry_out(&acme).await;
        // Files are fetched one after the other: when another one is here, the fetcher has left this one.
        given(&shop, &acme, format!("another one, {round}").as_bytes()).await;
        assert!(matches!(file_state(&acme, no), FileState::Failed(why) if why.code.as_str() == "erased"));
        assert_eq!(left_of(&acme, &id), Vec::<String>::new(), "round {round}");
        assert!(blobs(&acme).partials().unwrap().is_empty(), "round {round}");
    }
}

/// A file of a partner that has arrived: its number, and the name of its bytes.
async fn given(from: &Desk, to: &Desk, content: &[u8]) -> (FileNo, BlobId) {
    let blob = hashed(content).blob;
    let ticket = from.ticket("Printer").await;
    let file = attach(&from.engine, ticket, content).await;
    from.delegate(ticket, vec![file]).await;
    let found = || to.engine.reader().files_of_blob(&blob).unwrap().pop();
    until("the file is here", || found().is_some_and(|(_, row)| row.state == FileState::Here)).await;
    (found().unwrap().0, BlobId(*blob.as_bytes()))
}

fn file_state(desk: &Desk, no: FileNo) -> FileState {
    desk.engine.reader().rows().get(FILES, &no).unwrap().unwrap().state
}

/// Files on the disk that have the name of these bytes.
fn left_of(desk: &Desk, id: &BlobId) -> Vec<String> {
    let id = id.to_string();
    desk.names().into_iter().filter(|name| name.ends_with(&id)).collect()
}

async fn carry_out(desk: &Desk) {
    for _ in 0..4 {
        match desk.custody.erase_ordered(&mut |_| ControlFlow::Continue(())).unwrap() {
            Some(Erasure::SegmentOpen) => desk.run(EndSegment).await.unwrap(),
            Some(Erasure::Done(orders)) => {
                desk.run(ErasureDone(orders)).await.unwrap();
                return;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("the segment does not end");
}

/// A request for the chunk list of a file.
fn list_of(from: &Carrier, to: &Desk, blob: Hash, time: u64) -> Vec<u8> {
    let identity = from.engine.identity();
    let (link, time) = (to.link().unwrap().row.link, deskwire_proto::time::Timestamp(time));
    let (to, from) = (to.id(), identity.desk());
    let request = BlobRequest { v: V1, to, blob, from, link, part: Part::ChunkList, time };
    Signed::seal(request, identity.secret()).into_parts().0
}

/// A partner that is told the hashes of damaged bytes gives the file up for good. It waits while somebody may mend it, and is
/// told where nobody does.
#[tokio::test]
async fn a_file_that_the_disk_has_damaged_is_given_once_it_is_mended_and_told_if_it_is_not() {
    let (shop, acme) = linked().await;
    for mended in [true, false] {
        let content = content(MIB + usize::from(mended));
        let id = BlobId(*hashed(&content).blob.as_bytes());
        let ticket = shop.ticket("Printer").await;
        let file = attach(&shop.engine, ticket, &content).await;
        let (name, mut wrong) = (left_of(&shop, &id).remove(0), content.clone());
        wrong[5] ^= 1;
        shop.set_content(&name, wrong);
        shop.delegate(ticket, vec![file]).await;
        until("the care of the store is to look at it", || shop.engine.reader().is_doubted(&id)).await;
        if mended {
            shop.set_content(&name, content);
        }
        let found = || acme.engine.reader().files_of_blob(&Hash::new(id.0)).unwrap().pop();
        until("it is here or failed", || found().is_some_and(|(_, row)| row.state != FileState::Fetching))
            .await;
        match found().unwrap().1.state {
            FileState::Here => assert!(mended && !shop.engine.reader().is_doubted(&id)),
            FileState::Failed(why) => assert_eq!((mended, why.code.as_str()), (false, "blob-mismatch")),
            FileState::Fetching => unreachable!(),
        }
    }
}

/// As above, where the bytes come from another partner: to say that there is no such file would end it.
#[tokio::test]
async fn a_file_that_is_fetched_again_is_not_gone_for_others() {
    let (shop, acme) = linked().await;
    let content = content(3_000);
    let (no, id) = given(&acme, &shop, &content).await;
    let ticket = shop.ticket("Printer").await;
    let file = attach(&shop.engine, ticket, &content).await;
    shop.delegate(ticket, vec![file]).await;
    let blob = Hash::new(id.0);
    until("it is announced", || shop.engine.reader().granted(LINK, &blob).unwrap().is_some()).await;
    let acme = Carrier::new(acme.stop().await);
    assert_eq!(post(&shop, "blob", list_of(&acme, &shop, blob, now().0)).await.status, 200);
    shop.custody.set_blob_aside(&id).unwrap();
    assert_eq!(post(&shop, "blob", list_of(&acme, &shop, blob, now().0)).await.code(), "blob-unknown");
    shop.run(FetchAgain(no)).await.unwrap();
    let waits = post(&shop, "blob", list_of(&acme, &shop, blob, now().0)).await;
    assert_eq!((waits.status, waits.code().as_str()), (500, "internal"));
    acme.running.stop().unwrap();
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
    let ask = |blob, time| list_of(&acme, &shop, blob, time);
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

/// A desk behind a router, linked with one that can be reached.
async fn linked_behind_a_router() -> (Desk, Desk) {
    let (shop, acme) = (Desk::new("Shop", 1).await, Desk::hidden("Acme", 2).await);
    let invitation = shop.invite(true, None).await;
    acme.accept(&invitation).await.unwrap();
    until("both links are active", || shop.is_active() && acme.is_active()).await;
    (shop, acme)
}

/// Files go both ways although nobody can reach one of the desks: it fetches, and it brings.
#[tokio::test]
async fn a_desk_that_nobody_can_reach_fetches_files_and_brings_them() {
    let (shop, acme) = linked_behind_a_router().await;
    for size in [0, 5, 3 * MIB, 9 * MIB + 3] {
        let (down, up) = (content(size), content(size).into_iter().rev().collect::<Vec<u8>>());
        let ticket = shop.ticket("Printer").await;
        let file = attach(&shop.engine, ticket, &down).await;
        shop.delegate(ticket, vec![file]).await;
        let ticket = acme.ticket("Till").await;
        let file = attach(&acme.engine, ticket, &up).await;
        acme.delegate(ticket, vec![file]).await;
        until("both are there", || {
            held(&acme, hashed(&down).blob).is_some() && held(&shop, hashed(&up).blob).is_some()
        })
        .await;
        assert!(held(&acme, hashed(&down).blob) == Some(down), "{size} bytes fetched");
        assert!(held(&shop, hashed(&up).blob) == Some(up), "{size} bytes brought");
    }
    let all_here = |desk: &Desk| {
        let files = desk.engine.reader().rows().list(FILES, &(), 20).unwrap();
        files.len() == 8 && files.iter().all(|(_, row)| row.state == FileState::Here)
    };
    until("all are marked as here", || all_here(&acme) && all_here(&shop)).await;
    let left = || acme.engine.reader().to_bring(LINK, u64::MAX).unwrap().len();
    until("nothing is brought again", || left() == 0).await;
}

/// What was brought before a crash is not brought again.
#[tokio::test]
async fn bringing_goes_on_behind_the_pieces_that_are_right() {
    let (shop, acme) = linked_behind_a_router().await;
    let content = content(6 * MIB + 100);
    let hashed = hashed(&content);
    let partial = blobs(&shop).begin(&partial_key(1, &hashed), hashed.size).unwrap();
    partial.write_at(&content[..4 * MIB], 0).unwrap();
    partial.write_at(&[0xee; 10], 3 * MIB as u64 + 5).unwrap();
    let ticket = acme.ticket("Till").await;
    let file = attach(&acme.engine, ticket, &content).await;
    acme.delegate(ticket, vec![file]).await;
    until("the file is here", || state(&shop) == Some(FileState::Here)).await;
    assert!(held(&shop, hashed.blob) == Some(content));
    let brought = shop.federation.numbers().bytes_fetched;
    assert_eq!(brought, hashed.size - 3 * MIB as u64, "three of seven chunks were right");
}

/// A file announced while partners could reach the desk still comes after they no longer can.
#[tokio::test]
async fn a_file_announced_before_the_mode_changed_is_brought() {
    let (shop, acme) = linked().await;
    let shop = shop.stop().await;
    let ticket = acme.ticket("Till").await;
    let content = content(2 * MIB);
    let file = attach(&acme.engine, ticket, &content).await;
    acme.delegate(ticket, vec![file]).await;
    let acme = acme.stop().await.reachable(false).start().await;
    let shop = shop.start().await;
    until("the file is here", || state(&shop) == Some(FileState::Here)).await;
    assert!(held(&shop, hashed(&content).blob) == Some(content));
    drop(acme);
}

/// A holder that has lost a file says so, and nobody waits for ever.
#[tokio::test]
async fn a_file_that_is_gone_is_told_by_who_should_bring_it() {
    let (shop, acme) = linked_behind_a_router().await;
    let content = content(1_000);
    let ticket = acme.ticket("Till").await;
    let file = attach(&acme.engine, ticket, &content).await;
    blobs(&acme).remove(&BlobId(*hashed(&content).blob.as_bytes())).unwrap();
    acme.delegate(ticket, vec![file]).await;
    until("the ticket says so", || matches!(state(&shop), Some(FileState::Failed(_)))).await;
    let Some(FileState::Failed(why)) = state(&shop) else { unreachable!() };
    assert_eq!(why.code.as_str(), "blob-mismatch");
    until("it is not brought again", || acme.engine.reader().to_bring(LINK, u64::MAX).unwrap().is_empty())
        .await;
}

/// A desk behind a router whose requests the test carries, with a file that it has announced.
async fn announced(content: &[u8]) -> (Desk, Carrier) {
    let (shop, acme) = linked_behind_a_router().await;
    let acme = Carrier::new(acme.stop().await);
    let ticket = acme.engine.call(new_ticket("Till")).await.unwrap();
    let file = attach(&acme.engine, ticket, content).await;
    acme.engine.call(hand_over(ticket, vec![file])).await.unwrap();
    let session = acme.session(&shop).await;
    let batch = acme.batch(session, None).await;
    acme.take(&post(&shop, "batch", batch).await, &shop).await;
    assert_eq!(state(&shop), Some(FileState::Fetching));
    (shop, acme)
}

async fn put(shop: &Desk, acme: &Carrier, blob: Hash, part: Part, bytes: &[u8], claimed: &[u8]) -> Answer {
    let identity = acme.engine.identity();
    let link = shop.link().unwrap().row.link;
    let (to, from) = (shop.id(), identity.desk());
    let put = BlobPut { v: V1, to, blob, from, link, part, time: now(), bytes: Hash::of(claimed) };
    let upload = Upload::new(&Signed::seal(put, identity.secret()), bytes.to_vec());
    post(shop, "blob/put", upload.encode()).await
}

fn have(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    BlobHave::decode(&answer.body).unwrap().have
}

/// Who brings bytes that are not those it announced writes nothing, and who brings what it did not announce is refused.
#[tokio::test]
async fn only_what_was_announced_is_taken_and_only_in_order() {
    let content = content(2 * MIB + 7);
    let (shop, acme) = announced(&content).await;
    let file = hashed(&content);
    let chunks = |first, count| Part::Chunks { first, count: ChunkCount::new(count).unwrap() };
    let (first, list) = (&content[..MIB], file.list.as_slice());
    let bring = async |part, bytes: &[u8]| put(&shop, &acme, file.blob, part, bytes, bytes).await;
    let unknown = put(&shop, &acme, Hash::of(b"x"), Part::ChunkList, b"", b"").await;
    assert_eq!(unknown.code(), "blob-unknown");
    assert_eq!(have(&bring(chunks(0, 1), first).await), 0, "before the list nothing is held");
    assert_eq!(bring(Part::ChunkList, &[7; 96]).await.code(), "blob-mismatch");
    assert_eq!(have(&bring(Part::ChunkList, list).await), 0);
    assert_eq!(have(&bring(chunks(1, 1), &content[MIB..2 * MIB]).await), 0, "not the next one");
    let lie = put(&shop, &acme, file.blob, chunks(0, 1), first, b"other").await;
    assert_eq!(lie.code(), "blob-mismatch");
    assert_eq!(bring(chunks(0, 1), &vec![0; MIB]).await.code(), "blob-mismatch");
    assert_eq!(have(&bring(chunks(0, 2), &content[..2 * MIB]).await), 2);
    assert_eq!(shop.engine.reader().arrived(FileNo(1)), 2 * MIB as u64, "its progress is shown");
    assert_eq!(have(&bring(chunks(0, 1), first).await), 2, "it says where to go on");
    assert_eq!(have(&bring(chunks(2, 1), &content[2 * MIB..]).await), 3);
    assert_eq!(state(&shop), Some(FileState::Here));
    assert_eq!(have(&bring(Part::ChunkList, list).await), 3);
    assert!(held(&shop, file.blob) == Some(content.clone()));
    acme.running.stop().unwrap();
}

/// A file that is damaged where it comes from is told on the ticket, and not taken any more.
#[tokio::test]
async fn a_chunk_that_is_brought_wrong_twice_ends_the_file() {
    let content = content(MIB + 7);
    let (shop, acme) = announced(&content).await;
    let file = hashed(&content);
    let one = Part::Chunks { first: 0, count: ChunkCount::new(1).unwrap() };
    let bring = async |part, bytes: &[u8]| put(&shop, &acme, file.blob, part, bytes, bytes).await;
    assert_eq!(have(&bring(Part::ChunkList, &file.list).await), 0);
    for _ in 0..2 {
        assert_eq!(bring(one, &vec![1; MIB]).await.code(), "blob-mismatch");
    }
    assert!(matches!(state(&shop), Some(FileState::Failed(_))));
    assert_eq!(bring(Part::ChunkList, &file.list).await.code(), "blob-unknown");
    acme.running.stop().unwrap();
}
