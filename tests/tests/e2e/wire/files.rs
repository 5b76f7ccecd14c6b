//! Files that a partner announces falsely, and files that it was never given.

use std::fs;
use std::sync::{Arc, Mutex};

use deskwire_api_types::{FileState, TermsOffer, ThreadEntry};
use deskwire_proto::{
    document::{Signed, V1},
    id::{DelegationId, Hash},
    message::{Body, common::Audience as Reach, file_add},
    number::{ChunkCount, FileSize},
    text::FileName,
    transfer::{BlobRequest, ChunkList, Part},
};
use deskwire_tests::{
    cli::assert_sentence,
    desk::Desk,
    https,
    links::{accept, link, link_with, offer, until},
    puppet::{Puppet, now},
    stub::{Heard, Reply, Stub},
    world::{World, address},
};

use super::an_offer;
use crate::files::file_is;

/// A file whose bytes are not what was announced must be shown as damaged, never as a file; and nobody gets what was not
/// announced to him.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_with_a_wrong_hash_is_told_on_the_ticket_and_no_other_is_given_away() {
    let world = World::new("a_file_with_a_wrong_hash");
    let mut random = world.random();
    let acme = Desk::new(&world, "Acme").await;
    let (at, tls) = (address(), https::new_identity());
    let mut puppet = super::linked(&acme, ("Puppet", at, tls.spki()), &mut random).await;

    let content = random.bytes(1_500_000);
    let list = list_of(&content);
    let bytes = content.clone();
    let _stub = Stub::https(at, &tls, move |heard| match part_of(heard) {
        None => Reply::problem(503, "busy"),
        Some(part) => {
            let mut answer = answer_to(part, &bytes);
            if matches!(part, Part::Chunks { .. }) {
                answer[0] ^= 1;
            }
            Reply::Answer(200, "application/octet-stream", answer)
        }
    })
    .await;

    let delegation = DelegationId::new(puppet.draw());
    let case = puppet.say(&an_offer(), Some(delegation));
    let wrong =
        announce(&mut puppet, delegation, "wrong.bin", Hash::of(&content), content.len() as u64, list.hash());
    let huge = announce(&mut puppet, delegation, "huge.bin", Hash::of(b"huge"), 1 << 40, list.hash());
    let longer = announce(&mut puppet, delegation, "longer.bin", Hash::of(b"longer"), 3 << 20, list.hash());
    let shorter = announce(&mut puppet, delegation, "shorter.bin", Hash::of(b"shorter"), 9, list.hash());
    puppet.open_session().await;
    let receipt = puppet.receipt(&puppet.push(vec![case, wrong, huge, longer, shorter]).await);
    let outcomes: Vec<_> = receipt.outcomes.iter().map(|it| (it.0, it.2.as_str().to_owned())).collect();
    assert_eq!(outcomes, [(3, "file-too-large".to_owned())], "{receipt:?}");

    let file = file_is(&acme, "wrong.bin", FileState::Failed).await;
    let trouble = file.trouble.clone().expect("why");
    assert_eq!(trouble.code, "blob-mismatch");
    assert_sentence(&trouble.words);
    let target = world.path("got");
    let got = acme.run(&["file", "get", &file.id, "-o", target.to_str().unwrap(), "--json"]).await;
    assert_eq!(got.code, 1, "{got:?}");
    assert!(!target.exists(), "a damaged file was given out");

    // Lengths that do not fit the bytes: told as well, as long as it lasts.
    for name in ["longer.bin", "shorter.bin"] {
        let trouble = until(&format!("The trouble with {name}"), async || {
            let thread = acme.client().ticket(&file.ticket).await?.thread;
            Ok(thread.into_iter().find_map(|entry| match entry {
                ThreadEntry::File(file) if file.name == name => file.trouble,
                ThreadEntry::File(_) | ThreadEntry::Comment(_) | ThreadEntry::Event(_) => None,
            }))
        })
        .await;
        assert_sentence(&trouble.words);
    }

    // Acme's own files: one on this very ticket, but internal.
    let secret = world.path("secret");
    fs::write(&secret, "internal bytes").unwrap();
    let ticket = file.ticket.as_str();
    acme.json(&["ticket", "attach", ticket, secret.to_str().unwrap()]).await;
    let known = ask(&puppet, Hash::of(b"internal bytes")).await;
    let unknown = ask(&puppet, Hash::of(b"never heard of")).await;
    assert_eq!((known.0, known.1.as_str()), (404, "blob-unknown"));
    assert_eq!(known, unknown, "the answer tells that the file is there");

    // One that another partner has, who was given it.
    let kassa = Desk::new(&world, "Kassa").await;
    link(&acme, &kassa, TermsOffer::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "For Kassa alone").await;
    accept(&kassa, &delegation.id).await;
    let theirs = world.path("theirs");
    fs::write(&theirs, "bytes for Kassa").unwrap();
    acme.json(&["ticket", "attach", &ticket, theirs.to_str().unwrap(), "--to", "kassa"]).await;
    file_is(&kassa, "theirs", FileState::Here).await;
    assert_eq!(ask(&puppet, Hash::of(b"bytes for Kassa")).await, unknown);
    assert!(link_with(&acme, "Puppet").await.last_error.is_none_or(|trouble| trouble.code == "busy"));
}

/// What came wrong once is asked for once more, and nothing else is: neither is a large file lost for one chunk, nor brought
/// twice. What is wrong for good ends the file, and leaves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_68_only_the_chunks_that_came_wrong_are_asked_for_once_more() {
    const WRONG: [u64; 3] = [0, 5, 11];
    let world = World::new("chunks_that_came_wrong");
    let mut random = world.random();
    let acme = Desk::new(&world, "Acme").await;
    let (at, tls) = (address(), https::new_identity());
    let mut puppet = super::linked(&acme, ("Puppet", at, tls.spki()), &mut random).await;
    let files = [random.bytes((11 << 20) + 99), random.bytes((11 << 20) + 99)];
    let asked = Arc::new(Mutex::new([[0_u32; 12]; 2]));
    let (served, counted) = (files.clone(), Arc::clone(&asked));
    let _stub = Stub::https(at, &tls, move |heard| {
        let Some((blob, part)) = request_of(heard) else { return Reply::problem(503, "busy") };
        let file = served.iter().position(|content| Hash::of(content) == blob).unwrap();
        let mut answer = answer_to(part, &served[file]);
        if let Part::Chunks { first, count } = part {
            for (place, chunk) in (first..first + count.get()).enumerate() {
                let times = &mut counted.lock().unwrap()[file][chunk as usize];
                *times += 1;
                if WRONG.contains(&chunk) && (file == 1 || *times == 1) {
                    answer[place << 20] ^= 1;
                }
            }
        }
        Reply::Answer(200, "application/octet-stream", answer)
    })
    .await;

    let delegation = DelegationId::new(puppet.draw());
    let mut messages = vec![puppet.say(&an_offer(), Some(delegation))];
    for (name, content) in ["once.bin", "always.bin"].into_iter().zip(&files) {
        let (blob, size, chunks) = (Hash::of(content), content.len() as u64, list_of(content).hash());
        messages.push(announce(&mut puppet, delegation, name, blob, size, chunks));
    }
    puppet.open_session().await;
    puppet.receipt(&puppet.push(messages).await);

    let file = file_is(&acme, "once.bin", FileState::Here).await;
    let target = world.path("got");
    let got = acme.run(&["file", "get", &file.id, "-o", target.to_str().unwrap()]).await;
    assert_eq!(got.code, 0, "{got:?}");
    assert!(fs::read(target).unwrap() == files[0], "other bytes than were announced");
    let trouble = file_is(&acme, "always.bin", FileState::Failed).await.trouble.expect("why");
    assert_eq!(trouble.code, "blob-mismatch", "{trouble:?}");
    assert_eq!(kept(&acme), [files[0].len() as u64], "a file that will never be whole leaves nothing");
    let [once, always] = *asked.lock().unwrap();
    let expected = std::array::from_fn(|chunk| 1 + u32::from(WRONG.contains(&(chunk as u64))));
    assert_eq!(once, expected);
    assert!(always.iter().zip(expected).all(|(times, most)| (1..=most).contains(times)), "{always:?}");
}

/// A file announced with its true bytes and another size would be kept for ever in pieces, or be given out cut or filled up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_69_a_size_that_lies_is_told_and_leaves_nothing_on_the_disk() {
    let world = World::new("a_size_that_lies");
    let mut random = world.random();
    let acme = Desk::new(&world, "Acme").await;
    let (at, tls) = (address(), https::new_identity());
    let mut puppet = super::linked(&acme, ("Puppet", at, tls.spki()), &mut random).await;
    let content = random.bytes(1_500_000);
    let (blob, size, chunks) = (Hash::of(&content), content.len() as u64, list_of(&content).hash());
    let _stub = Stub::https(at, &tls, move |heard| match part_of(heard) {
        None => Reply::problem(503, "busy"),
        Some(part) => Reply::Answer(200, "application/octet-stream", answer_to(part, &content)),
    })
    .await;

    let delegation = DelegationId::new(puppet.draw());
    let mut messages = vec![puppet.say(&an_offer(), Some(delegation))];
    let lies = [("a byte more", size + 1), ("a byte less", size - 1)];
    let lies = [lies, [("a chunk more", size + (1 << 20)), ("a chunk less", size - (1 << 20))]].concat();
    for (name, lie) in &lies {
        messages.push(announce(&mut puppet, delegation, name, blob, *lie, chunks));
    }
    puppet.open_session().await;
    let receipt = puppet.receipt(&puppet.push(messages).await);
    assert_eq!(receipt.outcomes, [], "nobody can know before the bytes come");
    for (name, _) in &lies {
        let trouble = file_is(&acme, name, FileState::Failed).await.trouble.expect("why");
        assert_eq!(trouble.code, "blob-mismatch", "{name}: {trouble:?}");
        assert_sentence(&trouble.words);
    }
    let left = kept(&acme);
    assert!(left.is_empty(), "{left:?} of files that are not as announced stay on the disk");

    // The same bytes under their true size come all the same; and when they are here, a lie about them is one still.
    let truth = announce(&mut puppet, delegation, "the truth", blob, size, chunks);
    puppet.receipt(&puppet.push(vec![truth]).await);
    file_is(&acme, "the truth", FileState::Here).await;
    assert_eq!(kept(&acme), [size]);
    let late = announce(&mut puppet, delegation, "a late lie", blob, size + 1, chunks);
    puppet.receipt(&puppet.push(vec![late]).await);
    let trouble = file_is(&acme, "a late lie", FileState::Failed).await.trouble.expect("why");
    assert_eq!(trouble.code, "file-announced-wrongly", "{trouble:?}");
    assert_eq!(kept(&acme), [size], "the true one stays");
}

/// The sizes of all files among the bytes that a desk keeps for tickets, whole or in pieces.
fn kept(desk: &Desk) -> Vec<u64> {
    let (mut folders, mut sizes) = (vec![desk.store().join("blobs")], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => sizes.push(entry.metadata().unwrap().len()),
            }
        }
    }
    sizes
}

fn list_of(content: &[u8]) -> ChunkList {
    ChunkList::new(content.chunks(1 << 20).map(Hash::of).collect())
}

/// What an honest desk answers to whoever asks for a part of this file.
fn answer_to(part: Part, content: &[u8]) -> Vec<u8> {
    match part {
        Part::ChunkList => list_of(content).encode(),
        Part::Chunks { first, count } => {
            let place = |chunk: u64| (chunk << 20).min(content.len() as u64) as usize;
            content[place(first)..place(first + count.get())].to_vec()
        }
    }
}

/// Asks for a file as the puppet; status, code and whole body of the answer.
async fn ask(puppet: &Puppet, blob: Hash) -> (u16, String, Vec<u8>) {
    let request = BlobRequest {
        v: V1,
        to: puppet.peer,
        blob,
        from: puppet.desk,
        link: puppet.link,
        part: Part::Chunks { first: 0, count: ChunkCount::new(1).unwrap() },
        time: now(),
    };
    let answer =
        https::post(puppet.at, "/deskwire/1/blob", Signed::seal(request, &puppet.secret).raw()).await;
    (answer.status, answer.code(), answer.body)
}

fn part_of(heard: &Heard) -> Option<Part> {
    request_of(heard).map(|(_, part)| part)
}

fn request_of(heard: &Heard) -> Option<(Hash, Part)> {
    let signed = deskwire_proto::cose::Sign1::parse(&heard.body).ok()?;
    let request: BlobRequest =
        deskwire_proto::cbor::decode(signed.unverified_payload(), deskwire_proto::cbor::Bounds::LARGE)
            .ok()?;
    (heard.what == "POST /deskwire/1/blob").then_some((request.blob, request.part))
}

fn announce(
    puppet: &mut Puppet,
    delegation: DelegationId,
    name: &str,
    blob: Hash,
    size: u64,
    chunks: Hash,
) -> deskwire_proto::delivery::Delivery {
    let size = FileSize::new(size).unwrap();
    let facts = file_add::Facts { blob, size, chunks, comment: None, audience: Reach::Thread };
    let name = FileName::new(name).unwrap();
    let text = file_add::Text { by: None, name, media: None, origin: None, relayed: None };
    puppet.say(&Body::FileAdd { facts, text }, Some(delegation))
}
