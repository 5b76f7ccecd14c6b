//! What a user would lose if these failed: a change done twice, a file attached half, a token sent across a network.

use std::{
    io::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use deskwire_api_types::{CommentRequest, FileQuery, Problem, Reason, TicketQuery};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;

/// A daemon that plays a fixed script, one entry per connection, and remembers what it was sent.
struct Script {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
enum Scene {
    /// Reads the whole request and closes without an answer.
    Cut,
    /// Reads the whole request and answers.
    Answer(u16, &'static str, String),
    /// Answers as soon as the head is there, without asking for the body.
    Early(u16, &'static str, String),
    /// Promises 100 bytes, sends five and closes.
    Torn,
}

impl Script {
    async fn start(scenes: Vec<Scene>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heard);
        tokio::spawn(async move {
            for scene in scenes {
                let (stream, _) = listener.accept().await.unwrap();
                play(stream, scene, &log).await;
            }
        });
        Self { url, heard }
    }

    fn client(&self) -> Client {
        Client::new(&self.url).unwrap().with_token("secret\n").unwrap()
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

async fn play(mut stream: TcpStream, scene: Scene, log: &Mutex<Vec<String>>) {
    let mut bytes = Vec::new();
    let head = loop {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "the client closed within the head");
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    if !matches!(scene, Scene::Early(..)) {
        let length = header(&text, "content-length").map_or(0, |value| value.parse().unwrap());
        if text.contains("100-continue") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
        }
        while bytes.len() < head + length {
            if stream.read_buf(&mut bytes).await.unwrap() == 0 {
                break;
            }
        }
    }
    log.lock().unwrap().push(String::from_utf8_lossy(&bytes).into_owned());
    if let Scene::Torn = scene {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello").await.unwrap();
    }
    if let Scene::Answer(status, media, body) | Scene::Early(status, media, body) = scene {
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {media}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn comment() -> Scene {
    let body =
        r#"{"id":"aa","ticket":"ACME-1","time":"2026-07-01T09:30:00.000Z","audience":{"kind":"internal"}}"#;
    Scene::Answer(201, "application/json", body.to_owned())
}

fn info(bytes: &[u8]) -> Scene {
    let sha256 = data_encoding::HEXLOWER.encode(&sha2::Digest::finalize(sha2::Digest::chain_update(
        <sha2::Sha256 as sha2::Digest>::new(),
        bytes,
    )));
    let body = serde_json::json!({
        "id": "bb", "ticket": "ACME-1", "name": "log.txt", "size": bytes.len(), "sha256": sha256, "state": "here",
        "fetched": bytes.len(), "time": "2026-07-01T09:30:00.000Z", "audience": {"kind": "internal"},
    });
    Scene::Answer(201, "application/json", body.to_string())
}

fn refusal(status: u16, code: &str) -> (u16, &'static str, String) {
    let problem = Problem::new(status, code, "Refused", "The words of the daemon.");
    (status, "application/problem+json", serde_json::to_string(&problem).unwrap())
}

#[tokio::test]
async fn a_call_without_an_answer_is_repeated_with_the_same_key() {
    let script = Script::start(vec![Scene::Cut, Scene::Cut, comment()]).await;
    let request = CommentRequest { body: "hello".into(), ..Default::default() };
    script.client().comment("ACME-1", &request).await.unwrap();
    let heard = script.heard();
    let keys: Vec<_> = heard.iter().map(|text| header(text, "idempotency-key").unwrap()).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0] && key.len() == 32), "{keys:?}");
}

#[tokio::test]
async fn two_calls_have_two_keys_and_a_chosen_key_is_sent() {
    let script = Script::start(vec![comment(), comment(), comment()]).await;
    let request = CommentRequest { body: "hello".into(), ..Default::default() };
    let client = script.client();
    client.comment("1", &request).await.unwrap();
    client.comment("1", &request).await.unwrap();
    client.with_key("mine").unwrap().comment("1", &request).await.unwrap();
    let heard = script.heard();
    let keys: Vec<_> = heard.iter().map(|text| header(text, "idempotency-key").unwrap()).collect();
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[2], "mine");
}

#[tokio::test]
async fn after_the_last_repeat_the_caller_gets_the_key_to_repeat_it_later() {
    let script = Script::start(vec![Scene::Cut; 4]).await;
    let error = script.client().recall("aa", &Reason { reason: "x".into(), code: None }).await.unwrap_err();
    let heard = script.heard();
    let Error::Unreachable { key: Some(key), .. } = error else { panic!("{error:?}") };
    assert_eq!(header(&heard[3], "idempotency-key"), Some(key.as_str()));
}

#[tokio::test]
async fn a_daemon_that_is_not_there_is_said_at_once_and_nothing_is_repeated() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(&url).unwrap();
    let error = tokio::time::timeout(Duration::from_secs(5), client.approve_link("kassa"))
        .await
        .unwrap()
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { key: None, .. }), "{error:?}");
    assert!(error.to_string().contains(&url), "{error}");
}

#[tokio::test]
async fn a_refusal_keeps_its_code_words_and_next_step_and_is_not_repeated() {
    let problem =
        Problem::new(409, "not-allowed-now", "Not now", "It has ended.").with_next("Open another one.");
    let body = serde_json::to_string(&problem).unwrap();
    let script = Script::start(vec![Scene::Answer(409, "application/problem+json", body)]).await;
    let error = script.client().confirm("aa", &Default::default()).await.unwrap_err();
    assert_eq!(error, Error::Refused(Box::new(problem)));
}

#[tokio::test]
async fn something_else_on_the_port_is_told_from_a_daemon() {
    let html = Scene::Answer(200, "text/html", "<html>".into());
    let script = Script::start(vec![html, Scene::Answer(404, "text/html", "<html>".into())]).await;
    let error = script.client().desk().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!(script.client().desk().await.unwrap_err().code(), "unexplained");
}

#[tokio::test]
async fn ids_names_and_queries_are_escaped() {
    let script =
        Script::start(vec![comment(), Scene::Answer(200, "application/json", r#"{"tickets":[]}"#.into())])
            .await;
    let client = script.client().acting_as("Анна\r\nx: y");
    client.comment("../desk?x", &CommentRequest::default()).await.unwrap();
    client
        .tickets(&TicketQuery { status: Some("a&b=c".into()), due: None, limit: Some(5), before: None })
        .await
        .unwrap();
    let heard = script.heard();
    assert!(heard[0].starts_with("POST /v1/tickets/..%2Fdesk%3Fx/comments "), "{}", heard[0]);
    assert!(
        heard[0].contains("deskwire-acting-person: %D0%90%D0%BD%D0%BD%D0%B0%0D%0Ax%3A%20y\r\n"),
        "{}",
        heard[0]
    );
    assert!(heard[0].contains("authorization: Bearer secret\r\n"), "{}", heard[0]);
    assert!(heard[1].starts_with("GET /v1/tickets?status=a%26b%3Dc&limit=5 "), "{}", heard[1]);
}

#[test]
fn the_token_is_never_sent_to_another_machine() {
    for url in [
        "http://10.0.0.1:8440",
        "http://example.com",
        "https://127.0.0.1:1",
        "127.0.0.1:1",
        "",
        "http://[::2]:1",
    ] {
        assert!(matches!(Client::new(url), Err(Error::Usage(_))), "{url}");
    }
    for url in ["http://127.0.0.1:8440", "http://127.0.0.1:8440/", "http://localhost:1/v1", "http://[::1]:1"]
    {
        assert!(Client::new(url).is_ok(), "{url}");
    }
    let client = Client::new("http://127.0.0.1:1").unwrap().with_token("secret").unwrap();
    assert!(!format!("{client:?}").contains("secret"));
}

#[tokio::test]
async fn a_file_is_sent_whole_and_the_daemons_hash_is_compared() {
    let bytes: Vec<u8> = (0..700_000_u32).map(|number| b'a' + (number % 26) as u8).collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes).unwrap();
    let script = Script::start(vec![Scene::Cut, info(&bytes), info(b"other")]).await;
    let query = FileQuery { name: "log.txt".into(), media: None, audience: Some("thread".into()) };
    script.client().attach("1", &query, file.path()).await.unwrap();
    let heard = script.heard();
    assert!(
        heard[1].starts_with("POST /v1/tickets/1/files?name=log.txt&audience=thread "),
        "{}",
        &heard[1][..99]
    );
    assert!(heard[1].as_bytes().ends_with(&bytes));
    assert_eq!(header(&heard[0], "idempotency-key"), header(&heard[1], "idempotency-key"));
    let error = script.client().attach("1", &query, file.path()).await.unwrap_err();
    assert_eq!(error.code(), "file-damaged");
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let script = Script::start(vec![info(b"")]).await;
    let query = FileQuery { name: "empty".into(), ..Default::default() };
    assert_eq!(script.client().attach("1", &query, file.path()).await.unwrap().size, 0);
}

#[tokio::test]
async fn a_refused_size_is_learnt_before_a_byte_is_sent() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&vec![b'x'; 3 << 20]).unwrap();
    let (status, media, body) = refusal(413, "file-too-large");
    let script = Script::start(vec![Scene::Early(status, media, body)]).await;
    let query = FileQuery { name: "big".into(), ..Default::default() };
    let error = script.client().attach("1", &query, file.path()).await.unwrap_err();
    assert_eq!(error.code(), "file-too-large");
    assert!(script.heard()[0].ends_with("\r\n\r\n"), "bytes were sent unasked");
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_not_attached() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&vec![b'x'; 1 << 20]).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let path = file.path().to_owned();
    let client = Client::new(&url).unwrap();
    let query = FileQuery { name: "log".into(), ..Default::default() };
    let call = tokio::spawn(async move { client.attach("1", &query, &path).await });

    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0);
    }
    file.write_all(b"more").unwrap();
    stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
    let mut body = Vec::new();
    // The client breaks off; whether that is a clean end or a reset does not matter.
    let _ = stream.read_to_end(&mut body).await;
    drop(stream);
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.code(), "file-changed", "{error:?}");
    assert!(body.len() < 1 << 20, "the daemon got the whole file");
}

#[tokio::test]
async fn a_missing_file_or_a_folder_is_refused_in_words() {
    let client = Client::new("http://127.0.0.1:1").unwrap();
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("nothing")] {
        let error = client.attach("1", &FileQuery::default(), &path).await.unwrap_err();
        assert_eq!(error.code(), "file-unreadable");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_download_gives_the_bytes_and_their_hash_and_says_when_it_broke() {
    let whole = Scene::Answer(200, "application/octet-stream", "hello".into());
    let script = Script::start(vec![whole, Scene::Torn]).await;
    let mut download = script.client().file_content("bb").await.unwrap();
    let mut bytes = Vec::new();
    while let Some(piece) = download.piece().await.unwrap() {
        bytes.extend_from_slice(&piece);
    }
    assert_eq!(bytes, b"hello");
    assert_eq!(download.sha256(), "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");

    let mut torn = script.client().file_content("bb").await.unwrap();
    assert_eq!(torn.piece().await.unwrap().as_deref(), Some(b"hello".as_slice()));
    assert!(matches!(torn.piece().await, Err(Error::Unreachable { .. })));
}
