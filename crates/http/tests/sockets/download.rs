//! The client for large answers: it brings them as they are, and says why it cannot.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{Request, StatusCode};
use axum::routing::post;
use deskwire_http::address::{AddressKind, AddressPolicy, refused_address};
use deskwire_http::download::{DownloadError, Downloads};
use deskwire_http::tls::{PinMismatch, SpkiHash, TlsFailure, pinned_client, tls_failure};
use http_body_util::BodyExt as _;

use crate::support::{PATIENCE, Server, limits, millis, router};

fn downloads(policy: AddressPolicy, pin: SpkiHash) -> Downloads {
    Downloads::new(&Arc::new(policy), pinned_client([pin]), PATIENCE)
}

fn near() -> AddressPolicy {
    AddressPolicy::allowing(["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()])
}

fn ask(port: u16, path: &str) -> Request<Bytes> {
    Request::post(format!("https://localhost:{port}{path}")).body(Bytes::from_static(b"five!")).unwrap()
}

async fn fails(downloads: &Downloads, port: u16) -> DownloadError {
    downloads.send(ask(port, "/hello"), PATIENCE).await.unwrap_err()
}

/// A file must arrive as it is, whatever lies between the socket and whoever reads; and the answer to what was asked.
#[tokio::test]
async fn large_answers_come_whole_one_after_the_other() {
    let large = |asked: Bytes| async move {
        let size = 3 << 20;
        (0..size).map(|place: usize| (place % 251) as u8 ^ asked[place % asked.len()]).collect::<Vec<_>>()
    };
    let (server, pin) = Server::tls(Router::new().route("/large", post(large)), limits()).await;
    let downloads = downloads(near(), pin);
    let expected = large(Bytes::from_static(b"five!")).await;
    for _ in 0..3 {
        let answer = downloads.send(ask(server.address.port(), "/large"), PATIENCE).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let came = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(came == expected, "{} bytes came", came.len());
    }
}

/// A partner's name that leads to this machine must not be dialled for a file either.
#[tokio::test]
async fn a_name_that_leads_inside_is_not_dialled_for_a_download() {
    let (server, pin) = Server::tls(router(), limits()).await;
    let error = fails(&downloads(AddressPolicy::default(), pin), server.address.port()).await;
    assert_eq!(refused_address(&error).map(|refused| refused.kind), Some(AddressKind::Loopback), "{error:?}");
    assert!(error.is_connect() && !error.is_timeout());
}

/// Nothing is asked of whoever holds another key than the partner's.
#[tokio::test]
async fn another_key_is_told_and_gets_no_request() {
    let (server, pin) = Server::tls(router(), limits()).await;
    let error = fails(&downloads(near(), [7; 32]), server.address.port()).await;
    assert_eq!(
        tls_failure(&error),
        Some(TlsFailure::PinMismatch(PinMismatch { presented: pin })),
        "{error:?}"
    );
    assert!(error.is_connect() && !error.is_timeout());
}

/// A server that takes connections and says nothing must not hold a file up for ever.
#[tokio::test]
async fn who_stays_silent_is_left() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hurried = Downloads::new(&Arc::new(near()), pinned_client([[7; 32]]), millis(300));
    let error = fails(&hurried, silent.local_addr().unwrap().port()).await;
    assert!(error.is_connect() && error.is_timeout(), "{error:?}");

    let never = Router::new().route("/hello", post(std::future::pending::<StatusCode>));
    let (server, pin) = Server::tls(never, limits()).await;
    let asked = downloads(near(), pin);
    let late = asked.send(ask(server.address.port(), "/hello"), millis(300)).await.unwrap_err();
    assert!(late.is_timeout() && !late.is_connect(), "{late:?}");
}
