//! A line that breaks all the time: requests lost, answers lost after the commit, bodies cut anywhere.

use std::time::Duration;

use deskwire_api_types::{Audience, CommentRequest, ThreadEntry};
use deskwire_tests::{
    cutter::Cutter,
    desk::Desk,
    links::{accept, link, offer, quiet},
    world::{World, address, say},
};

const CUTS: u32 = 60;
/// A line that never holds would keep the test for ever.
const MOST: u32 = 2_000;

/// On a bad line everything must arrive all the same: once, and in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_line_that_breaks_everything_arrives_once_and_in_order() {
    let world = World::new("over_a_line_that_breaks");
    let mut random = world.random();
    let acme = Desk::new(&world, "Acme").await;
    let mut kassa = Desk::made(&world, "Kassa").await;
    // Only the way to Kassa breaks. What Kassa says is the sign of life after which Acme tries again at once.
    let announced = address();
    kassa.set("peer", "endpoints", &format!("[\"https://{announced}\"]"));
    kassa.start().await;
    let line = Cutter::start(announced, kassa.address, random.fork()).await;
    link(&kassa, &acme, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Bad line").await;
    let theirs = accept(&kassa, &delegation.id).await.own.ticket;
    quiet(Duration::from_secs(20), &acme, &kassa).await;
    line.cut(CUTS);

    let (mut ours, mut answers) = (Vec::new(), Vec::new());
    let say_it = |body: &str| CommentRequest { body: body.to_owned(), audience: Audience::Thread };
    while line.left() > 0 {
        assert!((ours.len() as u32) < MOST, "{} cuts are left after {} comments", line.left(), ours.len());
        let body = format!("{:05} {}", ours.len(), "x".repeat(random.below(3_000) as usize));
        acme.client().comment(&ticket, &say_it(&body)).await.unwrap();
        ours.push(body);
        let body = format!("back {:05}", answers.len());
        kassa.client().comment(&theirs, &say_it(&body)).await.unwrap();
        answers.push(body);
        tokio::time::sleep(Duration::from_millis(random.below(30))).await;
    }
    say(&format!("{CUTS} cuts, {} comments each way", ours.len()));
    kassa.client().comment(&theirs, &say_it("back at last")).await.unwrap();
    answers.push("back at last".to_owned());
    quiet(Duration::from_secs(20), &acme, &kassa).await;
    for (desk, ticket) in [(&acme, &ticket), (&kassa, &theirs)] {
        let (mut forth, mut back) = (Vec::new(), Vec::new());
        for entry in desk.client().ticket(ticket).await.unwrap().thread {
            if let ThreadEntry::Comment(comment) = entry {
                let body = comment.body.unwrap();
                if body.starts_with("back") { back.push(body) } else { forth.push(body) }
            }
        }
        assert!(forth == ours, "{}: {} comments instead of {}", desk.name, forth.len(), ours.len());
        assert!(back == answers, "{}: {} answers instead of {}", desk.name, back.len(), answers.len());
        assert_eq!(desk.json(&["verify"]).await["ok"], true);
    }
}
