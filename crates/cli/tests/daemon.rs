//! `init` and `serve` as they are run: what they print, how they end, and what they refuse.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn deskwire() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deskwire"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("DESKWIRE_")) {
        command.env_remove(name);
    }
    command
}

fn run(args: &[&str]) -> Output {
    deskwire().args(args).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A desk's folder.
struct Desk {
    _around: TempDir,
    folder: PathBuf,
    made: Value,
}

impl Desk {
    fn new() -> Self {
        let around = tempfile::tempdir().unwrap();
        let folder = around.path().join("acme");
        let made = run(&[
            "init",
            "--json",
            "--data",
            folder.to_str().unwrap(),
            "--name",
            "Acme Service",
            "--listen",
            "127.0.0.1:0",
        ]);
        assert!(made.status.success(), "{made:?}");
        Self { _around: around, folder, made: document(&made) }
    }

    fn data(&self) -> &str {
        self.folder.to_str().unwrap()
    }

    fn refused(&self, args: &[&str]) -> Value {
        let output = run(&[&["serve", "--json", "--data", self.data()], args].concat());
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        document(&output)
    }
}

/// A daemon that is killed with the test.
struct Daemon(Child);

impl Daemon {
    /// Starts it and waits for its first line.
    fn start(desk: &Desk, args: &[&str]) -> (Self, String) {
        let mut command = deskwire();
        command.args(["serve", "--data", desk.data()]).args(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        (Self(child), line)
    }

    /// Sends a signal and waits for the end; the exit code and the log.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let sent = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let mut log = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.0.wait().unwrap().code(), log)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn init_shows_the_recovery_key_once_and_says_what_to_do_next() {
    let around = tempfile::tempdir().unwrap();
    let folder = around.path().join("acme");
    let args =
        ["init", "--data", folder.to_str().unwrap(), "--name", "Acme Service", "--listen", "127.0.0.1:8441"];
    let made = run(&args);
    let shown = text(&made.stdout);
    assert!(made.status.success(), "{made:?}");
    assert!(shown.contains(" 24 ") && shown.contains("Write these 24 words down"), "{shown}");
    assert!(shown.contains("ACME-1") && shown.contains("https://127.0.0.1:8441"), "{shown}");
    assert!(shown.contains(&format!("deskwire serve --data {}", folder.display())), "{shown}");
    assert_eq!(mode(&folder), 0o700);
    let again = run(&args);
    assert_eq!(again.status.code(), Some(1));
    assert!(again.stdout.is_empty());
    assert!(text(&again.stderr).contains("There is a desk in"), "{again:?}");
}

#[test]
fn init_has_a_document_and_a_file_for_the_recovery_key() {
    let desk = Desk::new();
    assert_eq!(desk.made["recovery_words"].as_array().unwrap().len(), 24);
    assert_eq!((&desk.made["prefix"], &desk.made["name"]), (&"ACME".into(), &"Acme Service".into()));
    let around = tempfile::tempdir().unwrap();
    let (folder, stick) = (around.path().join("kassa"), around.path().join("stick"));
    let (folder, stick_text) = (folder.to_str().unwrap(), stick.to_str().unwrap());
    let made = run(&["init", "--json", "--data", folder, "--name", "Kassa", "--recovery-file", stick_text]);
    let made = document(&made);
    assert!(made.get("recovery_words").is_none());
    assert_eq!(made["recovery_file"], stick_text);
    assert_eq!(mode(&stick), 0o600);
}

#[test]
fn serve_says_where_it_is_and_ends_well_on_both_signals() {
    let desk = Desk::new();
    let (daemon, line) = Daemon::start(&desk, &[]);
    assert!(line.starts_with("Acme Service is listening on 127.0.0.1:"), "{line}");
    assert!(line.contains(desk.made["id"].as_str().unwrap()), "{line}");
    let api = fs::read_to_string(desk.folder.join("api.addr")).unwrap();
    assert!(line.contains(api.trim()), "{line}");
    let id = run(&["id", "--data", desk.data(), "--json"]);
    assert_eq!(document(&id)["id"], desk.made["id"]);
    let (code, log) = daemon.end("-TERM");
    assert_eq!(code, Some(0), "{log}");
    assert!(!desk.folder.join("api.addr").exists());

    let (daemon, _) = Daemon::start(&desk, &["--log-format", "json"]);
    let (code, log) = daemon.end("-INT");
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.is_empty() && log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
}

/// The examples of a help, each in one line again.
fn examples(help: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    for line in lines.take_while(|line| !line.is_empty()) {
        match found.last_mut() {
            Some(last) if !line.starts_with("  deskwire ") => last.extend([" ", line.trim()]),
            Some(_) | None => found.push(line.trim().to_owned()),
        }
    }
    found
}

/// Whoever copies an example out of the help gets what it promises, and not a refusal. Those that name a partner need one.
#[test]
fn examples_of_the_help_that_need_no_partner_work_at_a_new_desk() {
    let desk = Desk::new();
    let (daemon, _) = Daemon::start(&desk, &[]);
    let program = Path::new(env!("CARGO_BIN_EXE_deskwire"));
    let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
    let verbs: [&[&str]; 9] = [
        &["ticket", "new"],
        &["ticket", "list"],
        &["delegation", "list"],
        &["link", "list"],
        &["link", "invitations"],
        &["queue", "list"],
        &["report", "partners"],
        &["calendar", "show"],
        &["erase", "list"],
    ];
    for verb in verbs {
        let help = text(&run(&[verb, &["--help"]].concat()).stdout);
        let examples = examples(&help);
        assert!(!examples.is_empty(), "{verb:?}: {help}");
        for example in examples.into_iter().filter(|example| !example.contains("kassa")) {
            let mut shell = Command::new("sh");
            shell
                .args(["-c", &format!("echo It shows 88.88 | {example}")])
                .env("PATH", &path)
                .env("DESKWIRE_DATA", &desk.folder);
            let done = shell.stdin(Stdio::null()).output().unwrap();
            assert!(done.status.success(), "{example}: {done:?}");
        }
    }
    assert_eq!(daemon.end("-TERM").0, Some(0));
}

/// The log is read by people who may not speak for the desk.
#[test]
fn nothing_secret_and_no_text_of_a_ticket_is_logged_at_any_level() {
    let desk = Desk::new();
    let (daemon, _) = Daemon::start(&desk, &["--log-level", "trace"]);
    let new = run(&[
        "ticket",
        "new",
        "--data",
        desk.data(),
        "zebra-marker-title",
        "--description",
        "zebra-marker-body",
    ]);
    assert!(new.status.success(), "{new:?}");
    let (_, log) = daemon.end("-TERM");
    let token = fs::read_to_string(desk.folder.join("token")).unwrap();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "{log}");
    assert!(!log.contains("zebra-marker") && !log.contains(token.trim()), "{log}");
}

#[test]
fn a_second_daemon_and_a_port_in_use_are_refused_with_a_sentence() {
    let desk = Desk::new();
    let (daemon, _) = Daemon::start(&desk, &[]);
    let problem = desk.refused(&[]);
    assert_eq!(problem["code"], "desk-running");
    assert!(problem["detail"].as_str().unwrap().contains(&daemon.0.id().to_string()), "{problem}");
    let other = Desk::new();
    let api = fs::read_to_string(desk.folder.join("api.addr")).unwrap();
    let problem = other.refused(&["--peer-listen", api.trim()]);
    assert_eq!(problem["code"], "port-in-use");
    assert_eq!(daemon.end("-TERM").0, Some(0), "the first goes on");
}

#[test]
fn mistakes_in_the_settings_are_told_with_their_line() {
    let desk = Desk::new();
    let path = desk.folder.join("deskwire.toml");
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, good.replace("listen = \"127", "listn = \"127")).unwrap();
    let line = 1 + good.lines().position(|line| line.starts_with("listen = ")).unwrap();
    let problem = desk.refused(&[]);
    assert_eq!(problem["code"], "config-unknown-setting");
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains(&format!("line {line}: ")) && detail.contains("did you mean peer.listen?"),
        "{detail}"
    );
    fs::write(&path, good).unwrap();
    let exposed = desk.folder.join("keys/signing.key");
    fs::set_permissions(&exposed, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(desk.refused(&[])["code"], "key-file-exposed");
    let nowhere = run(&["serve", "--json", "--data", "/nonexistent/desk"]);
    assert_eq!((nowhere.status.code(), &document(&nowhere)["code"]), (Some(1), &"no-desk".into()));
}
