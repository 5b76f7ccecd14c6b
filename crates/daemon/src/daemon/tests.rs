//! A desk that starts half, or that two processes write, or that cannot be found after its start, is worse than none.

use std::os::unix::fs::PermissionsExt;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::init::{NewDesk, init, tests::new_desk};
use crate::serve::load;

struct Desk {
    _around: tempfile::TempDir,
    folder: Folder,
}

impl Desk {
    fn new() -> Self {
        let around = tempfile::tempdir().unwrap();
        let listen = Some(Listen(Some("127.0.0.1:0".parse().unwrap())));
        let new = NewDesk { listen, ..new_desk(&around.path().join("acme")) };
        init(&new).unwrap();
        Self { _around: around, folder: Folder::new(new.folder) }
    }

    async fn start(&self, flags: &[(&str, String)]) -> Result<Daemon, StartError> {
        let flags = flags.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Daemon::start(&self.folder, &load(&self.folder, flags)?).await
    }
}

impl Desk {
    /// Starts as soon as the last thread of the daemon before has let go of the folder.
    async fn start_when_free(&self, flags: &[(&str, String)]) -> Daemon {
        for _ in 0..10_000 {
            match self.start(flags).await {
                Err(error) if error.code == "desk-running" => tokio::task::yield_now().await,
                started => return started.unwrap(),
            }
        }
        panic!("the folder is still in use");
    }
}

/// Status line and body of a call of the API.
async fn get(api: SocketAddr, path: &str, token: &str) -> String {
    let mut stream = TcpStream::connect(api).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {api}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_desk_starts_answers_to_its_token_and_stops_without_a_trace() {
    let desk = Desk::new();
    let daemon = desk.start(&[]).await.unwrap();
    let address = fs::read_to_string(desk.folder.api_address()).unwrap();
    let api: SocketAddr = address.trim().parse().unwrap();
    assert_eq!(api, daemon.serving().api);
    assert!(api.ip().is_loopback());
    let token = fs::read_to_string(desk.folder.token()).unwrap();
    let answer = get(api, "/v1/desk", token.trim()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains(&daemon.serving().desk.to_string()) && answer.contains("Acme Service"),
        "{answer}"
    );
    assert!(answer.contains(&format!("https://{}", daemon.serving().listen)), "{answer}");
    assert!(get(api, "/v1/desk", "dwwrong").await.starts_with("HTTP/1.1 401"));
    assert!(get(api, "/readyz", "").await.starts_with("HTTP/1.1 200"));
    daemon.stop().await.unwrap();
    assert!(!desk.folder.api_address().exists());
    assert!(TcpStream::connect(api).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_desk_starts_again_as_the_same_one() {
    let desk = Desk::new();
    let first = desk.start(&[]).await.unwrap();
    let serving = first.serving().clone();
    first.stop().await.unwrap();
    let flags = [("peer.listen", serving.listen.to_string())];
    let second = desk.start_when_free(&flags).await;
    assert_eq!(second.serving().desk, serving.desk);
    assert_eq!(second.serving().endpoints, serving.endpoints);
    second.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_on_the_folder_is_refused_and_the_first_goes_on() {
    let desk = Desk::new();
    let first = desk.start(&[]).await.unwrap();
    let error = desk.start(&[]).await.err().unwrap();
    assert_eq!(error.code, "desk-running");
    assert!(error.words.contains(&std::process::id().to_string()), "{error}");
    let address = fs::read_to_string(desk.folder.api_address()).unwrap();
    assert_eq!(address.trim(), first.serving().api.to_string(), "the first is still to be found");
    first.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_told_and_the_desk_can_be_started_on_another() {
    let desk = Desk::new();
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = other.local_addr().unwrap();
    for name in ["peer.listen", "api.listen"] {
        let error = desk.start(&[(name, taken.to_string())]).await.err().unwrap();
        assert_eq!(error.code, "port-in-use");
        assert!(error.words.contains(&taken.port().to_string()), "{error}");
    }
    desk.start(&[]).await.unwrap().stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exposed_secrets_keep_the_desk_from_starting() {
    let desk = Desk::new();
    let secrets =
        [desk.folder.signing_key(), desk.folder.token(), desk.folder.resolve("tls/key.pem".as_ref())];
    for path in secrets {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = desk.start(&[]).await.err().unwrap();
        assert_eq!(error.code, "key-file-exposed");
        assert!(error.words.contains(path.file_name().unwrap().to_str().unwrap()), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert!(!desk.folder.descriptor().exists(), "nothing was begun");
}

#[tokio::test]
async fn an_api_for_other_machines_is_refused() {
    let desk = Desk::new();
    let error = desk.start(&[("api.listen", "0.0.0.0:0".into())]).await.err().unwrap();
    assert_eq!(error.code, "config-value");
    assert!(error.words.starts_with("--api-listen: "), "{error}");
}

#[test]
fn a_folder_without_a_desk_is_told_with_how_to_make_one() {
    let around = tempfile::tempdir().unwrap();
    let error = load(&Folder::new(around.path()), Vec::new()).unwrap_err();
    assert_eq!(error.code, "no-desk");
    assert!(error.next.contains("deskwire init"), "{error:?}");
}
