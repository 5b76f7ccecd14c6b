//! The command as it is run, against an API that plays a script: exit codes, documents, what is sent and what is not.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use deskwire_api_types::Problem;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What the API does with one connection.
enum Answer {
    /// Closes without an answer.
    Cut,
    /// Answers with a status and a document.
    Json(u16, Value),
    /// Answers with bytes.
    Bytes(&'static [u8]),
    /// Answers with bytes and closes before the last one.
    Short(&'static [u8]),
}

/// A desk's folder with an API behind it that plays a script, one connection per answer.
struct Desk {
    folder: TempDir,
    requests: Receiver<String>,
}

impl Desk {
    fn playing(script: Vec<Answer>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        fs::write(folder.path().join("api.addr"), listener.local_addr().unwrap().to_string()).unwrap();
        fs::write(folder.path().join("token"), "secret-token\n").unwrap();
        fs::write(folder.path().join("deskwire.toml"), "").unwrap();
        let (sender, requests) = channel();
        thread::spawn(move || {
            for answer in script {
                let Ok((stream, _)) = listener.accept() else { return };
                let Ok(()) = sender.send(play(stream, &answer)) else { return };
            }
        });
        Self { folder, requests }
    }

    fn run(&self, args: &[&str]) -> Output {
        deskwire(self.folder.path(), args)
    }

    fn request(&self) -> String {
        self.requests.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    fn silent(&self) -> bool {
        self.requests.recv_timeout(Duration::from_millis(50)).is_err()
    }
}

fn deskwire(data: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_deskwire"))
        .args(args)
        .current_dir(data)
        .env_clear()
        .env("DESKWIRE_DATA", data)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn play(mut stream: TcpStream, answer: &Answer) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        let count = stream.read(&mut piece).unwrap();
        assert_ne!(count, 0, "the command closed within the head");
        bytes.extend_from_slice(&piece[..count]);
    };
    let text = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    while bytes.len() < head + length {
        let count = stream.read(&mut piece).unwrap();
        assert_ne!(count, 0, "the command closed within the body");
        bytes.extend_from_slice(&piece[..count]);
    }
    let (status, media, mut body) = match answer {
        Answer::Cut => return String::from_utf8(bytes).unwrap(),
        Answer::Json(status, body) if *status < 400 => {
            (*status, "application/json", body.to_string().into_bytes())
        }
        Answer::Json(status, body) => (*status, "application/problem+json", body.to_string().into_bytes()),
        Answer::Bytes(body) | Answer::Short(body) => (200, "application/octet-stream", body.to_vec()),
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {media}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    if let Answer::Short(_) = answer {
        body.pop();
    }
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn header(request: &str, name: &str) -> Option<String> {
    request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
}

fn body(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn ticket() -> Value {
    json!({
        "number": "ACME-1", "title": "x", "priority": "normal", "status": "new",
        "created": "2026-07-01T09:30:00.000Z", "updated": "2026-07-01T09:30:00.000Z",
    })
}

fn preview() -> Value {
    json!({
        "to": {"id": "AAAA", "id_hex": "aa", "name": "Kassa GmbH", "endpoints": []}, "link": "kassa", "verified": true,
        "will_send": [{"field": "title", "value": "x"}], "files": [], "will_not_send": [],
    })
}

fn file(sha256: &str) -> Value {
    json!({
        "id": "bb", "ticket": "ACME-1", "name": "../evil.txt", "size": 5, "sha256": sha256, "state": "here", "fetched": 5,
        "time": "2026-07-01T09:30:00.000Z", "audience": {"kind": "internal"},
    })
}

const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

#[test]
fn done_is_0_and_json_is_the_document_and_nothing_else() {
    let desk = Desk::playing(vec![Answer::Json(201, ticket()), Answer::Json(201, ticket())]);
    let output = desk.run(&["ticket", "new", "x", "--as", "Анна", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), ticket());
    assert!(output.stderr.is_empty());
    let request = desk.request();
    assert_eq!(header(&request, "authorization").as_deref(), Some("Bearer secret-token"));
    assert_eq!(header(&request, "deskwire-acting-person").as_deref(), Some("%D0%90%D0%BD%D0%BD%D0%B0"));
    assert_eq!(body(&request), json!({"title": "x"}));
    let output = desk.run(&["ticket", "new", "x"]);
    assert_eq!(text(&output.stdout), "ACME-1  new  x\n", "no colours where nobody looks");
}

#[test]
fn a_command_whose_answer_was_lost_repeats_it_under_one_key() {
    let desk = Desk::playing(vec![Answer::Cut, Answer::Json(201, ticket())]);
    let output = desk.run(&["ticket", "new", "x"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let key = |request: String| header(&request, "idempotency-key").unwrap();
    assert_eq!(key(desk.request()), key(desk.request()));
}

#[test]
fn refused_is_1_with_words_next_step_and_code() {
    let problem = json!({
        "type": "urn:deskwire:problem:ticket-unknown", "title": "Unknown ticket", "status": 404,
        "detail": "There is no ticket ACME-9.", "code": "ticket-unknown", "next": "List them.",
    });
    let desk = Desk::playing(vec![Answer::Json(404, problem.clone()), Answer::Json(404, problem.clone())]);
    let output = desk.run(&["ticket", "show", "ACME-9"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "error: There is no ticket ACME-9.\n  List them.\n  (ticket-unknown)\n");
    assert!(output.stdout.is_empty());
    let output = desk.run(&["ticket", "show", "ACME-9", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), problem);
    assert!(output.stderr.is_empty());
}

#[test]
fn wrong_usage_is_2_also_as_a_document() {
    let folder = tempfile::tempdir().unwrap();
    let output = deskwire(folder.path(), &["ticket", "shw"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("show"), "no nearest right one: {}", text(&output.stderr));
    let output = deskwire(folder.path(), &["ticket", "shw", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["code"], "usage");
    assert_eq!(deskwire(folder.path(), &["--as", " ", "link", "list"]).status.code(), Some(2));
    assert_eq!(deskwire(folder.path(), &["--help"]).status.code(), Some(0));
}

#[test]
fn no_daemon_is_3_and_says_how_to_start_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let output = deskwire(data, &["link", "list"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("deskwire init --data"), "{}", text(&output.stderr));

    fs::write(data.join("deskwire.toml"), "").unwrap();
    let start = format!("start it with `deskwire serve --data {}`", data.display());
    let output = deskwire(data, &["link", "list"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains(&start), "{}", text(&output.stderr));

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    fs::write(data.join("api.addr"), listener.local_addr().unwrap().to_string()).unwrap();
    drop(listener);
    fs::write(data.join("token"), "t").unwrap();
    let output = deskwire(data, &["link", "list", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let problem: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(problem["code"], "daemon-unreachable");
    assert!(problem["detail"].as_str().unwrap().contains(&start), "{problem}");
}

#[test]
fn a_comment_is_internal_unless_somebody_is_named() {
    let comment = json!({
        "id": "aa", "ticket": "ACME-1", "time": "2026-07-01T09:30:00.000Z", "audience": {"kind": "internal"}, "body": "x",
    });
    let desk = Desk::playing(vec![Answer::Json(201, comment)]);
    let output = desk.run(&["ticket", "comment", "ACME-1", "the client is angry"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(
        body(&desk.request()),
        json!({"body": "the client is angry", "audience": {"kind": "internal"}})
    );
}

#[test]
fn a_comment_for_somebody_unknown_is_not_sent_at_all() {
    let detail = json!({"ticket": ticket(), "thread": [], "delegations": []});
    let desk = Desk::playing(vec![Answer::Json(200, detail)]);
    let output = desk.run(&["ticket", "comment", "ACME-1", "hello", "--to", "kassa"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(desk.request().starts_with("GET "));
    assert!(desk.silent());
}

#[test]
fn nothing_is_delegated_where_nobody_can_be_asked() {
    let desk = Desk::playing(vec![Answer::Json(200, preview())]);
    let output = desk.run(&["ticket", "delegate", "ACME-1", "kassa"]);
    assert_eq!(output.status.code(), Some(2));
    let words = text(&output.stderr);
    assert!(words.contains("This leaves your desk") && words.contains("--yes"), "{words}");
    assert!(desk.request().starts_with("POST /v1/tickets/ACME-1/delegations/preview "));
    assert!(desk.silent());
}

#[test]
fn a_file_appears_under_its_name_only_when_its_hash_is_right() {
    let wrong = vec![Answer::Json(200, file(&"0".repeat(64))), Answer::Bytes(b"hello")];
    let desk = Desk::playing(wrong);
    let before = fs::read_dir(desk.folder.path()).unwrap().count();
    let output = desk.run(&["file", "get", "bb", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["code"], "file-damaged");
    assert_eq!(fs::read_dir(desk.folder.path()).unwrap().count(), before, "something was left behind");

    let desk = Desk::playing(vec![
        Answer::Json(200, file(HELLO)),
        Answer::Bytes(b"hello"),
        Answer::Json(200, file(HELLO)),
    ]);
    let output = desk.run(&["file", "get", "bb"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(fs::read(desk.folder.path().join("evil.txt")).unwrap(), b"hello");
    let output = desk.run(&["file", "get", "bb", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["code"], "file-exists");
}

/// A daemon that breaks off can have found out what is wrong with the file: its words help, a broken line does not.
#[test]
fn a_download_that_breaks_off_is_asked_for_its_reason() {
    let damaged = Problem::new(500, "file-damaged", "The file is damaged", "It is not what was stored.");
    let refused = Answer::Json(500, serde_json::to_value(damaged).unwrap());
    let whole = Answer::Bytes(b"hello");
    for (second, code) in [(refused, "file-damaged"), (whole, "daemon-unreachable")] {
        let desk = Desk::playing(vec![Answer::Json(200, file(HELLO)), Answer::Short(b"hello"), second]);
        let output = desk.run(&["file", "get", "bb", "--json"]);
        assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["code"], code);
        assert!(!desk.folder.path().join("evil.txt").exists());
    }
}

#[test]
fn an_invitation_can_be_piped() {
    let invitation = json!({
        "id": "aa", "text": "https://desk/i#x", "created": "2026-07-01T09:30:00.000Z", "expires": "2026-07-01T09:30:00.000Z",
        "terms": {"version": 1, "principals": [], "fields": [], "person": "name", "redelegate": "allowed", "file": 1},
        "approved": true, "state": "open",
    });
    let desk = Desk::playing(vec![Answer::Json(201, invitation)]);
    let output = desk.run(&["link", "invite", "--approved", "--delegate", "me", "--expires", "1d"]);
    assert_eq!(text(&output.stdout), "https://desk/i#x\n");
    let sent = body(&desk.request());
    assert_eq!(sent, json!({"expires_in_seconds": 86_400, "terms": {"principals": "me"}, "approved": true}));
}

#[test]
fn a_mistyped_desk_id_is_caught_without_a_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let output = deskwire(folder.path(), &["id", "--check", "AAAA-BBBB", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["code"], "desk-id-wrong");
}

#[test]
fn completions_and_manual_pages_know_the_verbs() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "fish", "zsh"] {
        let output = deskwire(folder.path(), &["completion", shell]);
        assert!(text(&output.stdout).contains("delegate"), "{shell}");
    }
    assert!(text(&deskwire(folder.path(), &["man"]).stdout).contains("deskwire"));
    let output = deskwire(folder.path(), &["man", "--dir", "pages"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = fs::read_to_string(folder.path().join("pages/deskwire-ticket-delegate.1")).unwrap();
    assert!(page.contains("Examples:"), "{page}");
}

#[test]
fn a_check_that_found_something_is_1_and_the_report_is_in_the_document() {
    let report = json!({
        "ok": false, "streams": [], "took_ms": 1,
        "problems": [{"code": "chain-broken", "words": "Broken.", "link": "kassa", "direction": "in", "seq": 4}],
    });
    let desk = Desk::playing(vec![Answer::Json(200, report.clone()), Answer::Json(200, report)]);
    let output = desk.run(&["verify", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let problem: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(problem["code"], "verify-failed");
    assert_eq!(problem["extra"]["report"]["problems"][0]["code"], "chain-broken");
    let output = desk.run(&["verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("kassa, theirs #4: Broken."), "{}", text(&output.stdout));
}

/// A proof file that two desks' messages stand in.
const PROOF: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/proof/case.deskwire-proof");

#[test]
fn a_proof_file_is_verified_with_no_desk_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good");
    fs::copy(PROOF, &good).unwrap();
    let output = deskwire(folder.path(), &["verify", "--file", "good"]);
    let words = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(words.contains("Everything in the file holds") && words.contains("resolved"), "{words}");
    let output = deskwire(folder.path(), &["verify", "--file", "good", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["ok"], &report["findings"]), (&json!(true), &json!([])));
    assert_eq!(report["delegations"].as_array().unwrap().len(), 2);
}

/// Who is shown a file from which something was left out must read that the state may be another one: a confirmation could
/// be hidden. The file holds all the same.
#[test]
fn what_is_left_out_of_a_proof_file_is_said_and_its_state_is_no_certain_one() {
    let folder = tempfile::tempdir().unwrap();
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto-spec/vectors/proof");
    for name in ["one-delegation", "link"] {
        let vector: Value =
            serde_json::from_slice(&fs::read(format!("{vectors}/{name}.json")).unwrap()).unwrap();
        let digits = vector["hex"].as_str().unwrap().as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        fs::write(folder.path().join(name), digits.chunks(2).map(byte).collect::<Vec<_>>()).unwrap();
    }
    let said = "- 1 message is left out: nobody can tell from this file what it says. It could be one that changes the \
                state; a file written without --leave-out-others shows it.\n";
    let output = deskwire(folder.path(), &["verify", "--file", "one-delegation"]);
    let words = text(&output.stdout);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    assert!(words.contains(said) && words.contains(" (as far as the file shows)"), "{words}");
    assert!(words.contains("Everything in the file holds"), "{words}");
    let output = deskwire(folder.path(), &["verify", "--file", "one-delegation", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    let case = &report["delegations"][0];
    assert_eq!(
        (&report["ok"], &case["left_out"], &case["provisional"]),
        (&json!(true), &json!(1), &json!(true))
    );
    let streams = report["streams"].as_array().unwrap();
    assert_eq!(streams.iter().map(|stream| stream["left_out"].as_u64().unwrap()).sum::<u64>(), 1);

    let output = deskwire(folder.path(), &["verify", "--file", "link"]);
    let words = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert!(!words.contains("left out:") && !words.contains("as far as the file shows"), "{words}");
}

#[test]
fn a_proof_file_with_one_changed_bit_is_named_and_is_1() {
    let folder = tempfile::tempdir().unwrap();
    let good = fs::read(PROOF).unwrap();
    let words = b"It is the one by the door.";
    let at = good.windows(words.len()).position(|part| part == words).unwrap();
    let mut bad = good.clone();
    bad[at] ^= 1;
    fs::write(folder.path().join("bad"), &bad).unwrap();
    let output = deskwire(folder.path(), &["verify", "--file", "bad"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("#3: "), "the third message: {}", text(&output.stdout));
    assert!(text(&output.stderr).contains("(verify-failed)"), "{}", text(&output.stderr));
    let output = deskwire(folder.path(), &["verify", "--file", "bad", "--json"]);
    let problem: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = problem["extra"]["report"]["findings"].as_array().unwrap();
    assert!(findings.iter().any(|one| one["code"] == "text-differs" && one["seq"] == 3), "{findings:?}");

    fs::write(folder.path().join("cut"), &good[..good.len() - 3]).unwrap();
    fs::write(folder.path().join("none"), b"no proof file").unwrap();
    for name in ["cut", "none"] {
        let output = deskwire(folder.path(), &["verify", "--file", name]);
        assert_eq!(output.status.code(), Some(1), "{name}: {}", text(&output.stdout));
        assert!(text(&output.stdout).contains("The file does not hold."), "{name}");
    }
    let output = deskwire(folder.path(), &["verify", "--file", "missing"]);
    assert!(!output.status.success() && output.stdout.is_empty());
}

#[test]
fn business_hours_are_read_from_a_file_and_shown() {
    let hours =
        json!({"zone": "Europe/Berlin", "week": {"monday": ["08:00-12:00"]}, "days": {"2026-12-24": []}});
    let calendar = json!({
        "hours": hours, "cut": false, "until": "2027-07-01T00:00:00.000Z",
        "intervals": [["2026-07-06T06:00:00.000Z", "2026-07-06T10:00:00.000Z"]],
    });
    let desk = Desk::playing(vec![
        Answer::Json(200, calendar.clone()),
        Answer::Json(200, calendar),
        Answer::Json(200, json!({"cut": false})),
    ]);
    let file = "zone = \"Europe/Berlin\"\n[week]\nmonday = [\"08:00-12:00\"]\n[days]\n2026-12-24 = []\n";
    fs::write(desk.folder.path().join("hours.toml"), file).unwrap();
    let output = desk.run(&["calendar", "set", "hours.toml"]);
    let words = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(words.contains("  monday      08:00-12:00\n  tuesday     closed\n"), "{words}");
    assert!(
        words.contains("  2026-12-24  closed\n") && words.contains("1 intervals up to 2027-07-01"),
        "{words}"
    );
    let request = desk.request();
    assert!(request.starts_with("POST /v1/calendar "), "{request}");
    assert_eq!(body(&request), json!({"hours": hours}));
    let output = desk.run(&["calendar", "intervals", "--months", "2"]);
    assert!(text(&output.stdout).contains("2026-07-06T06:00:00.000Z  2026-07-06T10:00:00.000Z\n"));
    assert!(desk.request().starts_with("GET /v1/calendar?months=2 "));
    let output = desk.run(&["calendar", "clear"]);
    assert!(text(&output.stdout).contains("always open"), "{}", text(&output.stdout));
    assert_eq!(body(&desk.request()), json!({}));

    fs::write(desk.folder.path().join("hours.toml"), "zone = \"Europe/Berlin\"\nwek = 1\n").unwrap();
    let output = desk.run(&["calendar", "set", "hours.toml"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("line 2: ") && desk.silent(), "{}", text(&output.stderr));
}

const DELEGATION: &str = "3f9a2c713f9a2c713f9a2c713f9a2c71";

fn refusal() -> Answer {
    let problem = json!({
        "type": "urn:deskwire:problem:action-not-allowed", "code": "action-not-allowed", "title": "Not possible now",
        "status": 409, "detail": "You cannot do this now.",
    });
    Answer::Json(409, problem)
}

/// What is refused goes to nobody, and saying beforehand that it does would be a lie.
#[test]
fn a_refused_action_does_not_say_to_whom_it_goes() {
    let tries: [&[&str]; 2] =
        [&["delegation", "confirm", DELEGATION], &["delegation", "decline", DELEGATION, "--reason", "No."]];
    for args in tries {
        let desk = Desk::playing(vec![refusal()]);
        let output = desk.run(args);
        let words = text(&output.stderr);
        assert!(words.contains("You cannot do this now."), "{words}");
        assert!(!words.contains("This goes to"), "{words}");
        assert!(desk.request().starts_with("POST "));
    }
    let detail = json!({"ticket": ticket(), "thread": [], "delegations": []});
    let desk = Desk::playing(vec![Answer::Json(200, detail), refusal()]);
    let output = desk.run(&["ticket", "comment", "ACME-1", "hello", "--to", "thread"]);
    let words = text(&output.stderr);
    assert!(words.contains("You cannot do this now.") && !words.contains("none yet"), "{words}");
}

/// An amount below nothing is refused as what it is, and not as an option that nobody knows.
#[test]
fn a_negative_amount_is_read_as_one() {
    let desk = Desk::playing(vec![refusal()]);
    desk.run(&["delegation", "update", DELEGATION, "--price", "-5 EUR"]);
    assert_eq!(body(&desk.request()), json!({"price": {"amount": "-5", "currency": "EUR"}}));
    let desk = Desk::playing(vec![refusal()]);
    desk.run(&["work", "add", DELEGATION, "time", "-1", "hour", "95.00", "Nothing", "--currency", "eur"]);
    assert_eq!(body(&desk.request())["quantity"], "-1");
    let desk = Desk::playing(vec![refusal()]);
    desk.run(&["ticket", "delegate", "ACME-1", "kassa", "--price", "-5 EUR", "--preview"]);
    assert_eq!(body(&desk.request())["price"]["amount"], "-5");
    let wrong: [&[&str]; 2] = [
        &["link", "reserve", "kassa", "-1h"],
        &["ticket", "delegate", "ACME-1", "kassa", "--reserve", "-1h"],
    ];
    for args in wrong {
        let desk = Desk::playing(Vec::new());
        let output = desk.run(args);
        let words = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(words.contains("less than nothing") && !words.contains("unexpected argument"), "{words}");
    }
    let desk = Desk::playing(vec![Answer::Json(200, json!({}))]);
    let output = desk.run(&["link", "reserve", "kassa", "--json"]);
    assert_eq!(output.status.code(), Some(0), "an option behind it is one: {}", text(&output.stderr));
}

/// What an offer can say is said alike on the command line and by the API; a field that is left out of it is told.
#[test]
fn an_update_says_contact_place_equipment_and_custom_fields_and_what_was_left_out() {
    let desk = Desk::playing(vec![refusal()]);
    let args = ["delegation", "update", DELEGATION, "--requester", "Boris", "--phone", "+7 1"];
    let more = ["--object", "Shop 14", "--serial", "4712", "--custom", "floor=2", "--custom", "account=a=b"];
    desk.run(&[&args[..], &more[..]].concat());
    let said = json!({
        "contact": {"name": "Boris", "phone": "+7 1", "onward": false},
        "object": {"name": "Shop 14"}, "equipment": {"serial": "4712"},
        "custom": [{"key": "floor", "value": "2"}, {"key": "account", "value": "a=b"}],
    });
    assert_eq!(body(&desk.request()), said);
    let desk = Desk::playing(vec![refusal()]);
    desk.run(&["ticket", "new", "x", "--custom", "floor=2"]);
    assert_eq!(body(&desk.request()), json!({"title": "x", "custom": [{"key": "floor", "value": "2"}]}));
    let desk = Desk::playing(Vec::new());
    let output = desk.run(&["ticket", "new", "x", "--custom", "floor"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("write it like floor=2"));
}
