//! Other processes: killed in the middle of their work, or using the same folder.
//!
//! A child is this test program again, running the one ignored test below that its environment tells it to.

use std::any::Any;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use deskwire_store::{Error, Opened, ViewState};

use super::{catch_up, commit, dump, entries, entry, open};

const FOLDER: &str = "DESKWIRE_STORE_TEST_FOLDER";

fn child(test: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", test])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

pub(super) fn child_folder() -> PathBuf {
    std::env::var_os(FOLDER).expect("started by another test").into()
}

/// Waits for a line that begins with a word, and returns the rest of it.
fn wait_for(lines: &mut impl Iterator<Item = std::io::Result<String>>, word: &str) -> String {
    lines
        .find_map(|line| line.unwrap().strip_prefix(word).map(|rest| rest.trim().to_owned()))
        .expect("a word of the child")
}

/// Says a line to the parent, whatever the test harness does with the output.
pub(super) fn say(line: &str) {
    writeln!(std::io::stdout(), "\n{line}").unwrap();
}

#[test]
#[ignore = "the child of a test"]
fn child_commits_until_it_is_killed() {
    let mut opened = open(&child_folder()).unwrap();
    catch_up(&opened);
    let from = opened.reader.tail().group;
    for number in from.. {
        commit(&mut opened, number);
        say(&format!("committed {}", number + 1));
    }
}

#[test]
#[ignore = "the child of a test"]
fn child_opens() {
    match open(&child_folder()) {
        Ok(_) => say("opened"),
        Err(error) => say(&format!("refused {} {error}", error.code())),
    }
}

/// Fault 24: a receipt had been given for every group the child spoke of.
#[test]
fn a_killed_process_loses_nothing_and_leaves_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let mut least = 0;
    for round in 0..6 {
        let mut process = child("tests::process::child_commits_until_it_is_killed", folder.path());
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        for _ in 0..20 {
            least = wait_for(&mut lines, "committed ").parse().unwrap();
        }
        process.kill().unwrap();
        // Not waited for yet: the lock may linger, and the process is still in the table.
        let opened = open(folder.path()).unwrap_or_else(|error| panic!("round {round}: {error}"));
        process.wait().unwrap();
        if round > 0 {
            assert_eq!(opened.view_state, ViewState::Intact, "round {round}");
        }
        let found = entries(opened.reader.as_ref());
        assert!(found.len() as u64 >= least, "round {round}: {} of {least}", found.len());
        assert!(found.into_iter().zip(0..).all(|(found, number)| found == entry(number)));
        catch_up(&opened);
        assert_eq!(dump(opened.view.as_ref()).len() as u64, opened.reader.tail().group, "round {round}");
    }
}

/// Fault 32: two desks on one folder would write into each other.
#[test]
fn a_second_process_is_refused_with_the_folder_and_the_holder() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(folder.path()).unwrap();
    let output = child("tests::process::child_opens", folder.path()).wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("refused store-locked"), "{said}");
    assert!(said.contains(folder.path().to_str().unwrap()), "{said}");
    assert!(said.contains(&format!("process {}", std::process::id())), "{said}");
    drop(opened);
    let output = child("tests::process::child_opens", folder.path()).wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("opened"));
}

/// In one process a second opening is refused at once, and every part keeps the folder locked.
#[test]
fn the_folder_is_free_only_when_every_part_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    for part in 0..5 {
        let opened = open(folder.path()).unwrap();
        let Opened { sink, reader, view, blobs, keeper, .. } = opened;
        let mut parts: [Option<Box<dyn Any>>; 5] = [
            Some(Box::new(sink)),
            Some(Box::new(reader)),
            Some(Box::new(view)),
            Some(Box::new(blobs)),
            Some(Box::new(keeper)),
        ];
        let _kept = parts[part].take();
        drop(parts);
        assert!(matches!(open(folder.path()), Err(Error::Locked { .. })), "part {part}");
    }
    drop(open(folder.path()).unwrap());
}
