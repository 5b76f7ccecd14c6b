//! What is not taken, and what the client is told.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use deskwire_http::request_id::RequestId;
use deskwire_http::server::{Limits, Listener};
use deskwire_http::tls::pinned_client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Server, client, limits, loopback, read_to_close, router};

/// Starting a second server by mistake must say so in words, not as a number.
#[tokio::test]
async fn a_port_in_use_is_named() {
    let first = Listener::bind(loopback()).await.unwrap();
    assert_ne!(first.local_addr().port(), 0);
    let error = Listener::bind(first.local_addr()).await.unwrap_err();
    assert_eq!(error.code(), "port-in-use");
    assert!(error.to_string().contains(&first.local_addr().port().to_string()), "{error}");
    let error = Listener::bind("192.0.2.1:0".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.code(), "address-not-available", "{error}");
}

/// 10 GB must be refused by its announcement, and the client must get to read why although it goes on sending.
#[tokio::test]
async fn ten_gigabytes_are_refused_early() {
    let server = Server::plain(router(), limits()).await;
    let mut greedy = server.connect().await;
    greedy
        .write_all(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000000\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 12];
    greedy.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");
    // Still sending when the refusal comes: a reset now would destroy the rest of it.
    greedy.write_all(&vec![0; 1 << 20]).await.unwrap();
    greedy.shutdown().await.unwrap();
    let rest = read_to_close(&mut greedy).await;
    assert!(rest.contains("\"code\":\"body-too-large\"") && rest.contains("\"max_bytes\":65536"), "{rest}");
}

/// The same without an announcement, over HTTP/2.
#[tokio::test]
async fn an_unannounced_excess_is_refused_at_the_limit() {
    let (server, pin) = Server::tls(router(), limits()).await;
    let pieces = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0; 16 * 1024]));
    let request = client(pinned_client([pin]))
        .post(format!("https://{}/length", server.address))
        .body(reqwest::Body::wrap_stream(pieces));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}

/// A compressed body is a bomb until unpacked; `identity` is no compression.
#[tokio::test]
async fn compressed_requests_are_refused() {
    let server = Server::plain(router(), limits()).await;
    for (coding, status) in
        [("gzip", 415), ("identity, br", 415), ("Zstd", 415), ("identity", 200), ("Identity", 200), ("", 200)]
    {
        let answer = server
            .raw(&format!(
                "POST /length HTTP/1.1\r\nHost: x\r\nContent-Encoding: {coding}\r\nContent-Length: 2\r\n\
                 Connection: close\r\n\r\nxx"
            ))
            .await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{coding}: {answer}");
        assert_eq!(answer.contains("accept-encoding: identity"), status == 415, "{coding}: {answer}");
    }
}

/// A head of any size must not become memory of ours.
#[tokio::test]
async fn a_huge_head_is_refused() {
    let server = Server::plain(router(), Limits { max_header_bytes: 8192, ..limits() }).await;
    let filler = "a".repeat(9000);
    let answer = server.raw(&format!("GET /hello HTTP/1.1\r\nHost: x\r\nX: {filler}\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

/// Whoever opens every connection must leave places to the others, and give back what it closes.
#[tokio::test]
async fn connections_above_the_limit_are_closed_at_once() {
    let server = Server::plain(router(), Limits { max_connections_per_ip: 1, ..limits() }).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut begun = [0; 12];
    first.read_exact(&mut begun).await.unwrap();
    let mut second = server.connect().await;
    assert_eq!(read_to_close(&mut second).await, "");
    drop(first);
    loop {
        let answer = server.raw("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        if answer.ends_with("hello") {
            break;
        }
    }
}

/// Handlers decide by the client's address, and people find a request again by its id.
#[tokio::test]
async fn handlers_see_address_and_id_and_the_client_sees_the_id() {
    let router = Router::new().route(
        "/",
        get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>, id: axum::Extension<RequestId>| {
            format!("{} {}", peer.ip(), id.0)
        }),
    );
    let server = Server::plain(router, limits()).await;
    let answer =
        server.raw("GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: forged\r\nConnection: close\r\n\r\n").await;
    let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
    assert_eq!(id.len(), 16);
    assert!(answer.ends_with(&format!("127.0.0.1 {id}")), "{answer}");
}

/// A fault in one handler must neither close the connection without a word nor end the server.
#[tokio::test]
async fn a_panic_is_an_answer() {
    let router = router().route("/panic", get(async || -> &str { panic!("canary") }));
    let server = Server::plain(router, limits()).await;
    let answer = server.raw("GET /panic HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(answer.contains("\"code\":\"internal\"") && !answer.contains("canary"), "{answer}");
    let answer = server.raw("GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(answer.ends_with("hello"), "{answer}");
}

/// A line that ends with LF alone is one line to some readers and none to others: two requests in one.
#[tokio::test]
async fn a_bare_line_feed_is_refused_with_400() {
    let server = Server::plain(router(), limits()).await;
    for bad in [
        "GET /hello HTTP/1.1\nHost: x\n\n",
        "GET /hello HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHost: x\r\n\n",
        "POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n",
    ] {
        let answer = server.raw(bad).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{bad:?}: {answer}");
    }
    let body = "POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\n\n\na\n";
    let answer = server.raw(body).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with('4'), "{answer}");
}

/// Requests that wait for ever must not become memory without end, and must not keep others out.
#[tokio::test]
async fn requests_above_the_limit_are_answered_503() {
    let router = router().route("/hang", get(async || std::future::pending::<()>().await));
    let server = Server::plain(router, Limits { max_requests_per_ip: 2, ..limits() }).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        held.push(stream);
    }
    let hello = "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    loop {
        let answer = server.raw(hello).await;
        if answer.starts_with("HTTP/1.1 503") {
            assert!(answer.contains("\"code\":\"busy\"") && answer.contains("retry-after: 5"), "{answer}");
            break;
        }
    }
    drop(held);
    while !server.raw(hello).await.ends_with("hello") {}
}

/// Rapid reset (CVE-2023-44487): requests begun and dropped by the thousand must cost the client its connection.
#[tokio::test]
async fn rapid_resets_end_the_connection() {
    let router = Router::new().route("/", get(async || std::future::pending::<()>().await));
    let server = Server::plain(router, limits()).await;
    let (mut requests, connection) = h2::client::handshake(server.connect().await).await.unwrap();
    let ended = tokio::spawn(connection);
    let flood = async {
        loop {
            let request = axum::http::Request::get("http://x/").body(()).unwrap();
            requests = requests.ready().await?;
            let (_response, mut stream) = requests.send_request(request, false)?;
            stream.send_reset(h2::Reason::CANCEL);
            tokio::task::yield_now().await;
        }
        #[expect(unreachable_code, reason = "names the type of the error")]
        Ok::<(), h2::Error>(())
    };
    let error =
        tokio::time::timeout(crate::support::PATIENCE, flood).await.expect("the flood ends").unwrap_err();
    assert_eq!(error.reason(), Some(h2::Reason::ENHANCE_YOUR_CALM), "{error}");
    drop(ended);
}
