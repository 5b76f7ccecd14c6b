//! Work on tickets that do not exist, are not in that state, or are somebody else's.

use deskwire_api_types::{Action, CommentRequest, Principals, TermsOffer};
use deskwire_client::{Client, Error};
use deskwire_tests::{
    answers,
    cli::run,
    desk::Desk,
    links::{PATIENCE, able, accept, link, offer, quiet},
    world::World,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A person must learn what cannot be done and what can, and a ticket must be as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_is_said_and_changes_nothing() {
    let world = World::new("what_cannot_be_done");
    let (acme, kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    let terms = TermsOffer { principals: Some(Principals::Partner), ..Default::default() };
    link(&kassa, &acme, terms).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Something").await;
    let id = delegation.id.as_str();
    able(&kassa, id, Action::Accept).await;
    quiet(PATIENCE, &acme, &kassa).await;
    let unknown = "0123456789abcdef0123456789abcdef";
    let before = (answers::of(&acme).await, answers::of(&kassa).await);
    for (args, code) in [
        (&["ticket", "show", "ACME-999"][..], "unknown-ticket"),
        (&["ticket", "comment", "999", "hello"], "unknown-ticket"),
        (&["ticket", "status", "ACME-999", "open"], "unknown-ticket"),
        (&["ticket", "delegate", "ACME-999", "kassa", "--yes"], "unknown-ticket"),
        (&["ticket", "delegate", &ticket, "nobody", "--yes"], "unknown-link"),
        (&["link", "show", "nobody"], "unknown-link"),
        (&["delegation", "show", unknown], "unknown-delegation"),
        (&["delegation", "confirm", unknown], "unknown-delegation"),
        (&["file", "show", unknown], "unknown-file"),
        (&["delegation", "confirm", id], "action-not-allowed"),
        (&["delegation", "accept", id], "action-not-allowed"),
        (&["delegation", "reopen", id, "--reason", "It is not done"], "action-not-allowed"),
        (&["ticket", "comment", &ticket, "hello", "--to", "nobody"], "usage"),
        (&["ticket", "new", ""], "invalid-value"),
        (&["ticket", "delegate", &ticket, "kassa", "--anyway"], "usage"),
        (&["ticket", "delegate", &ticket, "kassa", "--yes"], "already-delegated"),
        (
            &["ticket", "delegate", &ticket, "kassa", "--anyway", "--yes", "--price", "-5 EUR"],
            "impossible-amount",
        ),
        (
            &["ticket", "delegate", &ticket, "kassa", "--anyway", "--yes", "--price", "200 XXQ"],
            "unknown-currency",
        ),
        (&["delegation", "update", id, "--resolve-by", "2020-01-01T00:00:00Z"], "impossible-date"),
    ] {
        acme.refuses(args, code).await;
    }
    for (args, code) in [
        (&["delegation", "resolve", id][..], "action-not-allowed"),
        (&["delegation", "recall", id, "--reason", "Give it back"], "action-not-allowed"),
        (&["delegation", "decline", id, "--reason", " "], "invalid-value"),
    ] {
        kassa.refuses(args, code).await;
    }
    answers::assert_same("at Acme", &before.0, &answers::of(&acme).await);
    answers::assert_same("at Kassa", &before.1, &answers::of(&kassa).await);

    // Only the side named in the terms hands work over.
    accept(&kassa, id).await;
    let theirs = kassa.json(&["ticket", "new", "Our own"]).await["number"].as_str().unwrap().to_owned();
    kassa.refuses(&["ticket", "delegate", &theirs, "acme", "--yes"], "not-allowed-by-terms").await;
    kassa.refuses(&["delegation", "accept", id], "action-not-allowed").await;
    let words = kassa.refuses(&["delegation", "confirm", id], "action-not-allowed").await.detail;
    assert!(words.contains("principal"), "{words}");
    quiet(PATIENCE, &acme, &kassa).await;
}

/// The local API is the key to the house: a stranger's page or program must get nothing out of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_refuses_strangers_and_keys_used_twice() {
    let world = World::new("the_api_refuses");
    let acme = Desk::new(&world, "Acme").await;
    let number = acme.json(&["ticket", "new", "Something"]).await["number"].as_str().unwrap().to_owned();
    let url = format!("http://{}", acme.api());
    let stranger = Client::new(&url).unwrap();
    assert_eq!(code(stranger.links().await), "token-missing");
    let guessing = Client::new(&url).unwrap().with_token("dwguess").unwrap();
    assert_eq!(code(guessing.links().await), "token-wrong");
    assert!(stranger.health().await.is_ok(), "whether it runs may be known");

    let host = format!(
        "GET /v1/links HTTP/1.1\r\nhost: evil.example\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        acme.token()
    );
    let mut stream = TcpStream::connect(acme.api()).await.unwrap();
    stream.write_all(host.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("wrong-host") && !answer.contains("\"links\""), "{answer}");

    let keyed = acme.client().clone().with_key("one").unwrap();
    let say = |body: &str| CommentRequest { body: body.to_owned(), ..Default::default() };
    let first = keyed.comment(&number, &say("hello")).await.unwrap();
    assert_eq!(keyed.comment(&number, &say("hello")).await.unwrap(), first, "a repeat has the same answer");
    assert_eq!(code(keyed.comment(&number, &say("other")).await), "idempotency-key-reused");
    let thread = acme.client().ticket(&number).await.unwrap().thread;
    let comments = serde_json::to_string(&thread).unwrap().matches("\"kind\":\"comment\"").count();
    assert_eq!(comments, 1, "{thread:?}");

    // A folder that is no desk's, or a desk without its daemon: exit code 3.
    let nowhere = run(&world.path("nowhere"), &["link", "list", "--json"]).await;
    nowhere.problem(3, "daemon-unreachable");
}

fn code<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    let error = answer.expect_err("this is refused");
    deskwire_tests::cli::assert_sentence(&error.to_string());
    error.code().to_owned()
}
