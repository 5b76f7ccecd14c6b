//! A daemon that is left behind keeps a port, a folder and a lock; one that fails without words cannot be mended.
//!
//! Shell scripts stand for the daemon here: real ones are started by the end-to-end tests.

use std::{
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::*;

/// A program that does what the shell script says; `$3` is the desk's folder.
fn program(folder: &TempDir, script: &str) -> PathBuf {
    let path = folder.path().join("program");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

fn running(pid: i32) -> bool {
    // Field 3 of stat is Z for a process that has ended and was not waited for.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
}

#[tokio::test]
async fn a_daemon_that_ends_at_once_is_told_with_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let program = program(&folder, "echo the port is taken >&2; exit 7");
    let error = LocalDesk::start(&program, &folder.path().join("acme"), &[]).await.unwrap_err();
    assert_eq!(error.code(), "desk-ended");
    assert!(error.to_string().contains("the port is taken") && error.to_string().contains('7'), "{error}");
}

#[tokio::test]
async fn a_daemon_that_never_became_ready_is_not_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let program = program(&folder, "echo $$ > \"$3.pid\"; exec sleep 600");
    let acme = folder.path().join("acme");
    let pid_file = folder.path().join("acme.pid");
    let start = LocalDesk::start(&program, &acme, &[]);
    let pid = tokio::select! {
        never = start => panic!("{never:?}"),
        pid = wait_for("the script", Duration::from_secs(10), async || {
            Ok(fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse::<i32>().ok()))
        }) => pid.unwrap(),
    };
    let gone = wait_for("its end", Duration::from_secs(10), async || Ok((!running(pid)).then_some(()))).await;
    assert_eq!(gone, Ok(()));
}

#[tokio::test]
async fn what_init_refuses_is_handed_on_with_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let problem =
        serde_json::to_string(&Problem::new(400, "desk-exists", "There", "There is a desk.")).unwrap();
    let refusing = program(&folder, &format!("echo '{problem}'; exit 1"));
    assert_eq!(LocalDesk::init(&refusing, folder.path(), &[]).await.unwrap_err().code(), "desk-exists");
    let broken = program(&folder, "echo no such flag >&2; exit 2");
    let error = LocalDesk::init(&broken, folder.path(), &[]).await.unwrap_err();
    assert!(error.code() == "init-failed" && error.to_string().contains("no such flag"), "{error}");
    let missing = LocalDesk::init(&folder.path().join("nothing"), folder.path(), &[]).await.unwrap_err();
    assert_eq!(missing.code(), "program-not-started");
}

#[tokio::test]
async fn arguments_come_behind_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let program = program(&folder, "printf '[\"%s\",\"%s\",\"%s\",\"%s\"]' \"$1\" \"$2\" \"$4\" \"$6\"");
    let said = LocalDesk::init(&program, folder.path(), &["--name", "Acme Service"]).await.unwrap();
    assert_eq!(said, serde_json::json!(["init", "--data", "--json", "Acme Service"]));
}

#[tokio::test]
async fn waiting_ends_with_what_was_found_with_the_failure_or_with_the_limit() {
    let mut looks = 0;
    let found = wait_for("it", Duration::from_secs(10), async || {
        looks += 1;
        Ok((looks == 4).then_some(looks))
    });
    assert_eq!(found.await, Ok(4));
    let failed: Result<(), Error> =
        wait_for("it", Duration::from_secs(10), async || Err(Error::Usage("wrong".into()))).await;
    assert_eq!(failed, Err(Error::Usage("wrong".into())));

    let begun = Instant::now();
    let limit = Duration::from_millis(30);
    let never: Result<(), Error> = wait_for("The comment", limit, async || Ok(None)).await;
    assert_eq!(never.unwrap_err().to_string(), "The comment did not come within 0.03 s.");
    let stuck: Result<(), Error> = wait_for("It", limit, async || std::future::pending().await).await;
    assert_eq!(stuck.unwrap_err().code(), "waited-in-vain");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_tail_of_a_log_is_its_last_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    assert!(log::tail(&path, 3).is_empty());
    let text: String = (0..20_000).map(|number| format!("line {number}\n")).collect();
    fs::write(&path, text).unwrap();
    assert_eq!(log::tail(&path, 2), ["line 19998", "line 19999"]);
}
