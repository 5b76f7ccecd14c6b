//! A disk whose syncs fail.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use deskwire_tests::{
    binary::deskwire,
    desk::Desk,
    links::{accept, link, link_with, offer, quiet, until},
    trace,
    world::{World, say},
};
use tokio::task::JoinSet;

use crate::kill::{Answered, Writer, streams_agree, thread_is_whole};

/// Fault 30: a kernel that has failed a sync once may call the next one good although the bytes are gone. The desk ends at the
/// first one, without an answer or a receipt, and whoever repeats what was not answered has it once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_30_a_sync_that_fails_ends_the_desk_and_nothing_is_lost_or_doubled() {
    if !trace::is_possible() {
        return say("SKIPPED: strace is not installed or not allowed here (apt-get install strace)");
    }
    let world = World::new("failing_sync");
    let mut random = world.random();
    let (acme, mut kassa) = (Desk::new(&world, "Acme").await, Desk::made(&world, "Kassa").await);
    kassa.run_as(trace::failing(world.folder(), 40 + random.below(60) as u32));
    kassa.start().await;
    link(&kassa, &acme, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "On a broken disk").await;
    let theirs = accept(&kassa, &delegation.id).await.own.ticket;
    let (answered, stop) = (Answered::default(), Arc::new(AtomicBool::new(false)));
    let mut people = JoinSet::new();
    for (desk, ticket) in [(&acme, &ticket), (&kassa, &theirs)] {
        let author = format!("{}-0", desk.name);
        let writer = Writer { client: desk.client().clone(), ticket: ticket.clone(), author };
        people.spawn(writer.write(Arc::clone(&answered), Arc::clone(&stop), random.fork()));
    }

    let status = until("the end of the desk", async || Ok(kassa.daemon().ended())).await;
    let words = kassa.daemon().last_words(10).join("\n");
    assert!(!status.success() && words.contains("(store-journal-fatal)"), "{status}: {words}");
    let promised = link_with(&acme, "Kassa").await;
    let before = count(&answered);
    kassa.lost();
    kassa.run_as(deskwire().to_owned());
    kassa.start().await;
    let kept = link_with(&kassa, "Acme").await;
    assert!(kept.incoming.length >= promised.out.acknowledged, "it gave a receipt for what it does not have");
    assert!(kept.out.length >= promised.incoming.length, "it sent what it does not have");
    until("work on the mended disk", async || Ok((count(&answered) > before + 20).then_some(()))).await;
    stop.store(true, Ordering::Relaxed);
    while let Some(person) = people.join_next().await {
        person.unwrap();
    }
    quiet(Duration::from_secs(20), &acme, &kassa).await;
    say(&format!("the disk broke after {before} answered comments"));
    let answered = answered.lock().unwrap().clone();
    for (desk, ticket) in [(&acme, &ticket), (&kassa, &theirs)] {
        thread_is_whole(desk, ticket, &answered).await;
        assert_eq!(desk.json(&["verify"]).await["ok"], true);
    }
    for (author, reader) in [(&acme, &kassa), (&kassa, &acme)] {
        streams_agree(author, reader).await;
    }
}

fn count(answered: &Answered) -> usize {
    answered.lock().unwrap().values().map(Vec::len).sum()
}
