//! The end of a desk: what was begun is finished, nothing new begins, and whoever is in a hurry asks twice.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use deskwire_api_types::{NewTicket, ThreadEntry};
use deskwire_tests::{desk::Desk, world::World};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

const SIZE: usize = 200_000;
/// Longer than the desk waits for anything at its end.
const END: Duration = Duration::from_secs(15);

/// An operator who updates the desk must not tear an upload apart, nor wait for strangers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_finishes_what_was_begun_and_takes_nothing_new() {
    let world = World::new("a_stop_finishes");
    let mut acme = Desk::new(&world, "Acme").await;
    let (number, mut upload) = half_an_upload(&acme).await;
    let _stranger = TcpStream::connect(acme.address).await.unwrap();
    let pid = acme.daemon().pid();
    terminate(pid);
    // Nobody new is let in, at either door.
    let closed = async {
        for address in [acme.address, acme.api()] {
            while TcpStream::connect(address).await.is_ok() {
                sleep(Duration::from_millis(10)).await;
            }
        }
    };
    timeout(Duration::from_secs(3), closed).await.expect("the doors are closed at once");
    upload.write_all(&vec![7; SIZE / 2]).await.unwrap();
    let mut answer = Vec::new();
    timeout(END, upload.read_to_end(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    acme.stop().await;

    acme.start().await;
    assert_eq!(files(&acme, &number).await, 1);
    assert_eq!(acme.json(&["verify"]).await["ok"], true);
}

/// Whoever asks twice gets the end at once, and nothing that was acknowledged is lost by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_at_once() {
    let world = World::new("a_second_signal");
    let mut acme = Desk::new(&world, "Acme").await;
    let (number, upload) = half_an_upload(&acme).await;
    let pid = acme.daemon().pid();
    terminate(pid);
    while TcpStream::connect(acme.api()).await.is_ok() {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(acme.daemon().ended().is_none(), "the upload holds the end up");
    let begun = Instant::now();
    terminate(pid);
    while acme.daemon().ended().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(3), "it goes on");
        sleep(Duration::from_millis(10)).await;
    }
    drop(upload);
    acme.stop().await;
    acme.start().await;
    assert_eq!(files(&acme, &number).await, 0, "half a file is none");
}

async fn files(desk: &Desk, ticket: &str) -> usize {
    let thread = desk.client().ticket(ticket).await.unwrap().thread;
    thread.iter().filter(|entry| matches!(entry, ThreadEntry::File(_))).count()
}

/// A ticket, and half of the bytes of a file for it.
async fn half_an_upload(desk: &Desk) -> (String, TcpStream) {
    let ticket = NewTicket { title: "Update".into(), ..Default::default() };
    let number = desk.client().new_ticket(&ticket).await.unwrap().number;
    let mut upload = TcpStream::connect(desk.api()).await.unwrap();
    let head = format!(
        "POST /v1/tickets/{number}/files?name=half HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
         idempotency-key: half\r\ncontent-type: application/octet-stream\r\ncontent-length: {SIZE}\r\n\r\n",
        desk.api(),
        desk.token()
    );
    upload.write_all(head.as_bytes()).await.unwrap();
    upload.write_all(&vec![7; SIZE / 2]).await.unwrap();
    // It has begun when the desk has taken some of it; a look at another thing comes after.
    sleep(Duration::from_millis(200)).await;
    desk.client().ready().await.unwrap();
    (number, upload)
}

fn terminate(pid: u32) {
    assert!(Command::new("kill").arg(pid.to_string()).status().unwrap().success());
}
