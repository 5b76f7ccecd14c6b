//! The peer listener below the protocol: sizes, media types, ambiguous requests, no TLS.

use std::time::{Duration, Instant};

use deskwire_tests::{
    desk::Desk,
    https::{self, MEDIA, raw, request, stream_zeros},
    world::{World, say},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const TEN_GB: u64 = 10_000_000_000;
/// More than a limit, what lies in buffers, and what a server reads away so that its refusal is not lost in a reset.
const MUCH: u64 = 256 << 20;

/// Ten gigabytes from a stranger must cost neither memory nor time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_ten_gigabytes_is_refused_at_once() {
    let world = World::new("a_body_of_ten_gigabytes");
    let acme = Desk::new(&world, "Acme").await;
    let before = acme.memory();
    for path in ["/deskwire/1/batch", "/deskwire/1/link/request", "/deskwire/1/hello", "/deskwire/1/blob"] {
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {MEDIA}\r\n");
        let begun = Instant::now();
        let announced = format!("{head}content-length: {TEN_GB}\r\n\r\n");
        let said = stream_zeros(acme.address, &announced, false, TEN_GB).await;
        assert_eq!(
            said.answer.as_ref().map(|answer| answer.code()).as_deref(),
            Some("too-large"),
            "{path}: {said:?}"
        );
        assert!(said.written < MUCH, "{path}: {} bytes were taken", said.written);

        let chunked = format!("{head}transfer-encoding: chunked\r\n\r\n");
        let said = stream_zeros(acme.address, &chunked, true, TEN_GB).await;
        // Zeros are no beginning of anything, so some are refused for that.
        let code = said.answer.as_ref().map(|answer| answer.code()).unwrap_or_default();
        assert!(
            ["too-large", "not-deterministic", "malformed", ""].contains(&code.as_str()),
            "{path}: {said:?}"
        );
        assert!(said.written < MUCH, "{path}: {} bytes were taken", said.written);
        assert!(begun.elapsed() < Duration::from_secs(10), "{path} took {:?}", begun.elapsed());
    }
    let grown = acme.memory().saturating_sub(before);
    say(&format!("the daemon has grown by {} KiB", grown >> 10));
    assert!(grown < 24 << 20, "the daemon has grown by {grown} bytes");
    assert!(acme.client().ready().await.unwrap().ready);
}

/// Whatever can be read in two ways, or asks for what is not there, is refused, and the desk goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_no_desks_are_refused() {
    let world = World::new("requests_that_are_no_desks");
    let acme = Desk::new(&world, "Acme").await;
    let at = acme.address;
    let cbor = format!("content-type: {MEDIA}\r\n");
    for (method, path, headers, code) in [
        ("GET", "/", "", "unknown-path"),
        ("GET", "/v1/links", "", "unknown-path"),
        ("POST", "/deskwire/2/batch", cbor.as_str(), "unknown-path"),
        ("POST", "/deskwire/1/hello?x=1", cbor.as_str(), "unknown-path"),
        ("GET", "/.well-known/deskwire?", "", "unknown-path"),
        ("GET", "/deskwire/1/batch", "", "wrong-method"),
        ("POST", "/deskwire/1/batch", "content-type: application/json\r\n", "unsupported-media"),
        ("POST", "/deskwire/1/batch", &format!("{cbor}content-encoding: gzip\r\n"), "unsupported-media"),
        ("POST", "/deskwire/1/batch", &cbor, "not-deterministic"),
        ("POST", "/deskwire/1/pull", &cbor, "not-deterministic"),
        ("POST", "/deskwire/1/recover", &cbor, "not-deterministic"),
    ] {
        let answer = request(at, method, path, headers, b"").await;
        assert_eq!(answer.code(), code, "{method} {path}: {answer:?}");
        assert!(answer.head.contains("application/problem+json"), "{answer:?}");
    }
    for smuggled in [
        "POST /deskwire/1/hello HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /.well-known/deskwire HTTP/1.1\r\nhost: x\r\n\r\n",
        "POST /deskwire/1/hello HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcde",
        "POST /deskwire/1/hello HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        "GET /.well-known/deskwire HTTP/1.1\r\nhost: x\r\nfolded: a\r\n b\r\n\r\n",
        "GET /.well-known/deskwire HTTP/1.1\r\nhost : x\r\n\r\n",
        "\x00\x01\x02\x03\r\n\r\n",
    ] {
        let came = String::from_utf8_lossy(&raw(at, smuggled.as_bytes()).await).into_owned();
        assert!(!came.contains("200 OK"), "{smuggled:?} got {came:?}");
    }
    for bare in [
        "GET /.well-known/deskwire HTTP/1.1\nhost: x\n\n",
        "GET /.well-known/deskwire HTTP/1.1\r\nhost: x\nx: y\r\n\r\n",
    ] {
        let came = String::from_utf8_lossy(&raw(at, bare.as_bytes()).await).into_owned();
        assert!(came.starts_with("HTTP/1.1 400"), "{bare:?} got {came:?}");
    }

    // In clear there is nothing.
    let mut plain = TcpStream::connect(at).await.unwrap();
    plain.write_all(b"GET /.well-known/deskwire HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut came = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(15), plain.read_to_end(&mut came))
        .await
        .expect("it is closed");
    assert!(!String::from_utf8_lossy(&came).contains("HTTP/1.1 200"), "{came:?}");

    let descriptor = request(at, "GET", "/.well-known/deskwire", "", b"").await;
    assert_eq!(descriptor.status, 200);
    deskwire_proto::descriptor::Descriptor::open(&descriptor.body).unwrap();
}

/// A request that is cut anywhere must leave nothing behind and harm nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_cut_anywhere_is_not_taken() {
    let world = World::new("a_batch_that_is_cut");
    let mut random = world.random();
    let acme = Desk::new(&world, "Acme").await;
    let mut puppet = super::puppet(&acme, "Puppet", &mut random).await;
    puppet.open_session().await;
    let message = puppet.say(&super::an_offer(), Some(super::case(1)));
    let head = deskwire_proto::batch::BatchHead {
        v: deskwire_proto::document::V1,
        link: puppet.link,
        known: 0,
        session: puppet.session,
    };
    let body = deskwire_proto::batch::Batch { head, deliveries: vec![message.clone()] }.encode();
    let head = format!(
        "POST /deskwire/1/batch HTTP/1.1\r\nhost: x\r\ncontent-type: {MEDIA}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let whole = [head.as_bytes(), &body].concat();
    let mut cuts: Vec<usize> = (0..12).map(|_| random.below(whole.len() as u64) as usize).collect();
    cuts.extend([0, head.len() - 1, head.len(), whole.len() - 1]);
    for cut in cuts {
        let mut stream = https::connect(acme.address).await;
        stream.write_all(&whole[..cut]).await.unwrap();
        stream.flush().await.unwrap();
        drop(stream);
    }
    assert_eq!(super::held(&acme, "Puppet").await, 0);
    puppet.receipt(&puppet.push(vec![message]).await);
    assert_eq!(super::held(&acme, "Puppet").await, 1);
}
