//! Clients that take their time: each loses its place, and costs the others nothing.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use deskwire_http::body::{self, BodyError, Pace};
use deskwire_http::server::Limits;
use deskwire_http::tls::pinned_client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::support::{PATIENCE, Server, client, limits, millis, read_to_close, router};

const HELLO: &str = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";

/// A client that opens connections and says nothing must not keep them.
#[tokio::test]
async fn an_idle_handshake_is_cut() {
    let limits = Limits { tls_handshake: millis(50), ..limits() };
    let (server, pin) = Server::tls(router(), limits).await;
    let start = Instant::now();
    let mut silent = server.connect().await;
    let mut begun = server.connect().await;
    begun.write_all(&[0x16, 0x03, 0x01, 0x02]).await.unwrap();
    read_to_close(&mut silent).await;
    read_to_close(&mut begun).await;
    assert!(start.elapsed() >= millis(50));
    let honest = client(pinned_client([pin])).get(format!("https://{}/hello", server.address)).send().await;
    assert_eq!(honest.unwrap().status(), 200);
}

/// hyper's header timeout is off unless a timer is set: only a really slow client shows that it is on.
#[tokio::test]
async fn a_slow_header_is_cut_in_every_phase() {
    let limits = Limits { header_read: millis(80), ..limits() };
    let server = Server::plain(router(), limits).await;
    for beginning in
        ["", "P", "PRI * HTTP/2.0\r\n", "GET /hello HTTP/1.1\r\n", "GET /hello HTTP/1.1\r\nHost: x\r\nA:"]
    {
        let start = Instant::now();
        let mut slow = server.connect().await;
        slow.write_all(beginning.as_bytes()).await.unwrap();
        let answer = read_to_close(&mut slow).await;
        assert!(!answer.contains("200 OK"), "{beginning:?}: {answer}");
        assert!(start.elapsed() >= millis(80), "{beginning:?}");
    }
}

/// The second request on a connection must not be allowed to take what the first one was not.
#[tokio::test]
async fn a_slow_second_header_is_cut_too() {
    let limits = Limits { header_read: millis(80), ..limits() };
    let server = Server::plain(router(), limits).await;
    let mut slow = server.connect().await;
    slow.write_all(format!("{HELLO}GET /hello HTTP/1.1\r\nHo").as_bytes()).await.unwrap();
    let answer = read_to_close(&mut slow).await;
    assert_eq!(answer.matches("200 OK").count(), 1, "{answer}");
}

/// A drip of header bytes resets naive timers.
#[tokio::test]
async fn dripping_header_bytes_buy_no_time() {
    let limits = Limits { header_read: millis(100), ..limits() };
    let server = Server::plain(router(), limits).await;
    let mut slow = server.connect().await;
    let mut drip = tokio::time::interval(millis(10));
    slow.write_all(b"GET /hello HTTP/1.1\r\nX: ").await.unwrap();
    let start = Instant::now();
    while slow.write_all(b"a").await.is_ok() {
        drip.tick().await;
        assert!(start.elapsed() < PATIENCE, "the connection stays open");
    }
}

/// After its requests, a client that keeps its connection open for nothing loses it.
#[tokio::test]
async fn an_idle_connection_is_closed_and_a_used_one_is_not() {
    let limits = Limits { idle: millis(60), ..limits() };
    let router = router().route("/poll", get(async || tokio::time::sleep(millis(200)).await));
    let server = Server::plain(router, limits).await;
    let mut polling = server.connect().await;
    polling.write_all(HELLO.replace("/hello", "/poll").as_bytes()).await.unwrap();
    let answer = read_to_close(&mut polling).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "a long poll is work, not idleness: {answer}");
}

/// HTTP/2 has no header timeout of its own: a preface and silence must not hold a place.
#[tokio::test]
async fn a_silent_http2_connection_is_closed() {
    let limits = Limits { header_read: millis(60), idle: millis(60), ..limits() };
    let server = Server::plain(router(), limits).await;
    let mut silent = server.connect().await;
    silent.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    read_to_close(&mut silent).await;
}

/// A body that never comes must free its handler, with a reason for the honest owner of a bad line.
#[tokio::test]
async fn a_slow_body_is_cut_with_408() {
    let limits = Limits { body: Pace::within(millis(60)), ..limits() };
    let server = Server::plain(router(), limits).await;
    let answer = server.raw("POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\"code\":\"body-too-slow\""), "{answer}");
}

/// Handlers that do not use our reader are protected all the same.
#[tokio::test]
async fn a_slow_body_ends_plain_extractors_too() {
    let limits = Limits { body: Pace::within(millis(60)), ..limits() };
    let router = Router::new().route("/", post(async |body: Bytes| body.len().to_string()));
    let server = Server::plain(router, limits).await;
    let answer = server.raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

/// A client that asks for much and reads nothing must not hold our memory and its place for ever.
#[tokio::test]
async fn a_reader_that_stops_reading_is_cut() {
    struct Given(Arc<Notify>);
    impl Drop for Given {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let limits = Limits { response_stall: millis(80), ..limits() };
    let given_up = Arc::new(Notify::new());
    let notify = Arc::clone(&given_up);
    let endless = async move || {
        let given = Given(notify);
        Body::from_stream(futures_util::stream::repeat_with(move || {
            let _held = &given;
            Ok::<_, std::io::Error>(Bytes::from(vec![0; 1 << 20]))
        }))
    };
    let server = Server::plain(Router::new().route("/hello", get(endless)), limits).await;
    let mut deaf = server.connect().await;
    deaf.write_all(HELLO.as_bytes()).await.unwrap();
    timeout(PATIENCE, given_up.notified()).await.expect("the response is given up");
    read_to_close(&mut deaf).await;
}

/// A response in one large piece must arrive whole at a reader that is merely slower than the server.
#[tokio::test]
async fn a_large_response_reaches_a_slow_but_steady_reader() {
    let limits = Limits { idle: millis(150), response_stall: PATIENCE, ..limits() };
    let router = Router::new().route("/big", get(async || Bytes::from(vec![7; 24 << 20])));
    let server = Server::plain(router, limits).await;
    let mut steady = server.connect().await;
    steady.write_all(b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let (mut buffer, mut received) = (vec![0; 2 << 20], 0);
    let mut pause = tokio::time::interval(millis(20));
    loop {
        pause.tick().await;
        match timeout(PATIENCE, steady.read(&mut buffer)).await.unwrap().unwrap() {
            0 => break,
            n => received += n,
        }
    }
    assert!(received > 24 << 20, "{received}");
}

/// A handler that hangs must not hang its client, nor the places of others.
#[tokio::test]
async fn a_handler_that_hangs_is_given_up_with_503() {
    let limits = Limits { request: millis(50), ..limits() };
    let router = Router::new().route("/", get(async || std::future::pending::<()>().await));
    let server = Server::plain(router, limits).await;
    let answer = server.raw("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("\"code\":\"busy\"") && answer.contains("retry-after: 5"), "{answer}");
}

/// The client's side has the same guard: a partner's endless, crawling answer is given up.
#[tokio::test]
async fn a_crawling_response_is_given_up_by_the_client() {
    let router = Router::new().route(
        "/",
        get(async || {
            let crawl = futures_util::stream::unfold((), async |()| {
                tokio::time::sleep(millis(5)).await;
                Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), ()))
            });
            Body::from_stream(crawl)
        }),
    );
    let (server, pin) = Server::tls(router, limits()).await;
    let url = format!("https://{}/", server.address);
    let response = client(pinned_client([pin])).get(url).send().await.unwrap();
    let announced = response.content_length();
    let pace = Pace { deadline: PATIENCE, grace: millis(50), min_bytes_per_second: 100_000 };
    let error = body::read_stream(response.bytes_stream(), announced, 1024, pace).await.unwrap_err();
    assert!(matches!(error, BodyError::TooSlow { .. }), "{error}");
}
