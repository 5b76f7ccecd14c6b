//! Stopping: what is in work is finished, what is not is closed, nothing holds the end up.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use deskwire_http::server::{Drained, Limits};
use deskwire_http::tls::pinned_client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::support::{PATIENCE, Server, client, limits, millis, read_to_close};

struct Held {
    begun: Arc<Notify>,
    release: Arc<Notify>,
}

fn held() -> (Router, Held) {
    let held = Held { begun: Arc::default(), release: Arc::default() };
    let (begun, release) = (Arc::clone(&held.begun), Arc::clone(&held.release));
    let handler = async move || {
        begun.notify_one();
        release.notified().await;
        "finished"
    };
    (Router::new().route("/", get(handler)), held)
}

/// An update of the server must not lose the answer to a request that it had taken.
#[tokio::test]
async fn a_request_in_work_is_finished() {
    for tls in [false, true] {
        let (router, held) = held();
        let (server, url, client) = if tls {
            let (server, pin) = Server::tls(router, limits()).await;
            let url = format!("https://{}/", server.address);
            (server, url, client(pinned_client([pin])))
        } else {
            let server = Server::plain(router, limits()).await;
            let url = format!("http://{}/", server.address);
            (
                server,
                url,
                reqwest::Client::builder().tls_backend_preconfigured(pinned_client([])).build().unwrap(),
            )
        };
        let request = tokio::spawn(client.get(url).send());
        held.begun.notified().await;
        server.trigger.request();
        let refused = async {
            while tokio::net::TcpStream::connect(server.address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, refused).await.expect("nobody new is let in");
        held.release.notify_one();
        assert_eq!(request.await.unwrap().unwrap().text().await.unwrap(), "finished");
        let drained = timeout(PATIENCE, server.ended).await.unwrap().unwrap();
        assert_eq!(drained, Drained { cut: 0 }, "tls: {tls}");
    }
}

/// Connections kept open for later must not hold the end up, nor those still shaking hands.
#[tokio::test]
async fn quiet_connections_are_closed_at_once() {
    let (router, _held) = held();
    let router = router.route("/hello", get(async || "hello"));
    let (secure, _) = Server::tls(router.clone(), limits()).await;
    let mut shaking = secure.connect().await;
    shaking.write_all(&[0x16]).await.unwrap();
    let plain = Server::plain(router, limits()).await;
    let mut kept = plain.connect().await;
    kept.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut begun = [0; 12];
    kept.read_exact(&mut begun).await.unwrap();
    let mut silent = plain.connect().await;
    for server in [secure, plain] {
        server.trigger.request();
        assert_eq!(timeout(PATIENCE, server.ended).await.unwrap().unwrap(), Drained { cut: 0 });
    }
    for stream in [&mut shaking, &mut kept, &mut silent] {
        read_to_close(stream).await;
    }
}

/// One request that never ends must not keep an old server running for ever.
#[tokio::test]
async fn what_is_not_finished_by_the_deadline_is_cut() {
    let (router, held) = held();
    let server = Server::plain(router, Limits { drain: millis(50), ..limits() }).await;
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    held.begun.notified().await;
    server.trigger.request();
    let drained = timeout(PATIENCE, server.ended).await.unwrap().unwrap();
    assert_eq!(drained, Drained { cut: 1 });
    assert_eq!(read_to_close(&mut waiting).await, "");
}
