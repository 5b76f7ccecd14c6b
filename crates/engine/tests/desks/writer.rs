//! The writer's threads: every answer waits for stable storage, and a failing disk is never papered over.

use std::sync::Arc;

use deskwire_engine::command::comment::AddComment;
use deskwire_engine::port::{Clock, Effect, Notifier};
use deskwire_engine::{Engine, Running};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::TicketNumber;
use deskwire_store::memory::MemoryStore;
use deskwire_store::row::Audience;
use deskwire_store::table::{Rows, THREADS};

use crate::harness::{Desk, person, prose};

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp(1_790_000_100_000)
    }
}

struct Deaf;

impl Notifier for Deaf {
    fn notify(&self, _: &Effect) {}
}

fn running() -> (MemoryStore, Engine, Running) {
    let mut desk = Desk::new("Shop", 1);
    desk.ticket("Dead cash register");
    let Desk { store, core, .. } = desk;
    let (engine, running) = Engine::start(core, Arc::new(Fixed), Box::new(Deaf)).unwrap();
    (store, engine, running)
}

fn comment(size: usize) -> AddComment {
    let (ticket, audience) = (TicketNumber(1), Audience::Internal);
    AddComment { ticket, body: prose(&"x".repeat(size)), audience, by: person("Anna") }
}

fn count(engine: &Engine) -> usize {
    engine.reader().rows().list(THREADS, &TicketNumber(1), 10_000).unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_in_the_store_that_opens_next() {
    let (store, engine, running) = running();
    let calls: Vec<_> = (0..500)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.call(comment(100)).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(count(&engine), 500);
    running.stop().unwrap();
    drop(engine);
    store.power_cut(3);
    let opened = store.open(deskwire_store::table::SCHEMA).unwrap();
    let mut entries = 0;
    opened
        .reader
        .replay(None, &mut |step| {
            entries += usize::from(matches!(step, deskwire_store::Replayed::Entry(..)));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert!(entries >= 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_to_everybody_concerned_and_passes() {
    let (store, engine, running) = running();
    let disk = store.disk().clone();
    disk.set_capacity(Some(disk.used()));
    let mut refused = 0;
    for _ in 0..40 {
        if let Err(refusal) = engine.call(comment(40_000)).await {
            assert_eq!(refusal.code, "disk-full");
            refused += 1;
        }
    }
    assert!(refused > 0);
    let before = count(&engine);
    assert_eq!(before + refused, 40);
    disk.set_capacity(None);
    engine.call(comment(40_000)).await.unwrap();
    assert_eq!(count(&engine), before + 1);
    running.stop().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_sync_ends_the_writer_without_an_answer() {
    let (store, engine, running) = running();
    store.disk().fail_syncs(1);
    let refusal = engine.call(comment(10)).await.unwrap_err();
    assert_eq!(refusal.code, "stopping", "nobody may believe that it was stored");
    assert!(running.stop().is_err());
    assert_eq!(engine.call(comment(10)).await.unwrap_err().code, "stopping");
}
