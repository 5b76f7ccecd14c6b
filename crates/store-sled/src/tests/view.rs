//! When the view is trusted, and what becomes of one that is not.

use std::fs;
use std::path::Path;

use deskwire_store::{Error, RebuildReason, ViewState};

use super::{catch_up, commit, dump, open, options};

/// Makes the folder look as if the machine had been started again since the view was opened.
pub(super) fn restart_machine(folder: &Path) {
    let marker = folder.join("view.state");
    let text = fs::read_to_string(&marker).unwrap();
    let kept = text.lines().filter(|line| !line.starts_with("boot"));
    let text = kept.chain(["boot another"]).collect::<Vec<_>>().join("\n");
    fs::write(marker, text).unwrap();
}

fn filled(folder: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut opened = open(folder).unwrap();
    for number in 0..200 {
        commit(&mut opened, number);
    }
    let rows = dump(opened.view.as_ref());
    opened.keeper.close().unwrap();
    rows
}

/// A view that cannot be trusted is kept until the new one is complete, then it goes: it holds people's words.
#[test]
fn a_view_set_aside_is_deleted_after_the_rebuild() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path(), folder.path().join("view.aside"));
    let mut opened = open(path).unwrap();
    commit(&mut opened, 1);
    drop(opened);
    for round in 0..3 {
        restart_machine(path);
        let opened = open(path).unwrap();
        assert_eq!(opened.view_state, ViewState::NeedsRebuild(RebuildReason::PowerCut));
        assert!(aside.join("db").exists(), "round {round}");
        if round == 2 {
            catch_up(&opened);
            opened.keeper.view_rebuilt().unwrap();
            assert!(!aside.exists());
            opened.keeper.view_rebuilt().unwrap();
        }
    }
    assert_eq!(open(path).unwrap().view_state, ViewState::Intact);
}

/// A clean stop is forgotten as soon as the view is open again.
#[test]
fn a_power_cut_after_a_clean_stop_and_a_start_costs_the_view() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    restart_machine(folder.path());
    drop(open(folder.path()).unwrap());
    restart_machine(folder.path());
    assert_eq!(open(folder.path()).unwrap().view_state, ViewState::NeedsRebuild(RebuildReason::PowerCut));
}

type Wreck = fn(&Path);

fn wrecks() -> [(&'static str, Wreck); 6] {
    [
        ("no view", |view| fs::remove_dir_all(view).unwrap()),
        ("an empty database", |view| fs::write(view.join("db"), []).unwrap()),
        ("zeros", |view| fs::write(view.join("db"), vec![0; 1 << 20]).unwrap()),
        ("noise", |view| {
            fs::write(view.join("db"), (0..1u32 << 20).map(|at| ((at * 77) >> 3) as u8).collect::<Vec<_>>())
                .unwrap()
        }),
        ("no configuration", |view| fs::write(view.join("conf"), "nonsense").unwrap()),
        ("a file instead of a folder", |view| {
            fs::remove_dir_all(view).unwrap();
            fs::write(view, "x").unwrap();
        }),
    ]
}

/// A view that changed while the desk was stopped is noticed before sled touches it.
#[test]
fn a_view_wrecked_after_a_clean_stop_is_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let rows = filled(path);
    for (what, wreck) in wrecks() {
        wreck(&path.join("view"));
        let opened = open(path).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(matches!(opened.view_state, ViewState::NeedsRebuild(_)), "{what}: {:?}", opened.view_state);
        assert_eq!(dump(opened.view.as_ref()), [], "{what}");
        catch_up(&opened);
        opened.keeper.view_rebuilt().unwrap();
        assert_eq!(dump(opened.view.as_ref()), rows, "{what}");
        opened.keeper.close().unwrap();
    }
}

/// sled panics, refuses, or opens wreckage; whatever it does, the desk starts.
#[test]
fn a_view_wrecked_after_a_kill_is_rebuilt() {
    for (what, wreck) in wrecks() {
        let folder = tempfile::tempdir().unwrap();
        let rows = filled(folder.path());
        drop(open(folder.path()).unwrap());
        wreck(&folder.path().join("view"));
        let opened = open(folder.path()).unwrap_or_else(|error| panic!("{what}: {error}"));
        // sled does without its configuration file when it has to.
        let found = if what == "no configuration" { rows.clone() } else { Vec::new() };
        assert_eq!(
            opened.view_state == ViewState::Intact,
            !found.is_empty(),
            "{what}: {:?}",
            opened.view_state
        );
        assert_eq!(dump(opened.view.as_ref()), found, "{what}");
        catch_up(&opened);
        assert_eq!(dump(opened.view.as_ref()), rows, "{what}");
    }
}

/// Fault 31: sled opens three of ten images with a flipped bit as if nothing were missing.
#[test]
fn a_bit_flipped_while_the_desk_is_stopped_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let rows = filled(path);
    let db = path.join("view/db");
    for round in 0..40 {
        let mut bytes = fs::read(&db).unwrap();
        let at = round * 7919 % bytes.len();
        bytes[at] ^= 1 << (round % 8);
        fs::write(&db, bytes).unwrap();
        let opened = open(path).unwrap();
        assert!(
            matches!(opened.view_state, ViewState::NeedsRebuild(RebuildReason::Unreadable(_))),
            "byte {at}"
        );
        catch_up(&opened);
        assert_eq!(dump(opened.view.as_ref()), rows);
        opened.keeper.close().unwrap();
    }
}

/// Without a word about how it was left, or with nonsense, a view is not believed.
#[test]
fn a_missing_or_senseless_marker_costs_the_view() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    fs::remove_file(folder.path().join("view.state")).unwrap();
    let opened = open(folder.path()).unwrap();
    assert_eq!(opened.view_state, ViewState::NeedsRebuild(RebuildReason::Missing));
    opened.keeper.close().unwrap();
    drop(opened);
    let texts: [&[u8]; 4] = [
        b"",
        b"schema 1\nclean perhaps\nboot x",
        b"schema -1\nclean no\nboot x",
        b"sch\xe5ma 1\nclean no\nboot x",
    ];
    for text in texts {
        fs::write(folder.path().join("view.state"), text).unwrap();
        let opened = open(folder.path()).unwrap();
        let state = &opened.view_state;
        assert!(matches!(state, ViewState::NeedsRebuild(RebuildReason::Unreadable(_))), "{text:?}");
        opened.keeper.close().unwrap();
    }
}

/// Two programs with different folds in turn: each gets its own rows or none.
#[test]
fn a_schema_is_remembered_over_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    drop(crate::open(folder.path(), options(7)).unwrap());
    let opened = crate::open(folder.path(), options(7)).unwrap();
    assert_eq!(opened.view_state, ViewState::NeedsRebuild(RebuildReason::Missing), "the rebuild never began");
    drop(opened);
    let opened = crate::open(folder.path(), options(1)).unwrap();
    assert_eq!(opened.view_state, ViewState::NeedsRebuild(RebuildReason::Schema { found: 7, wanted: 1 }));
}

/// A scan that goes on while the desk stops must neither hang the stop nor see nonsense.
#[test]
fn closing_waits_for_readers_and_refuses_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = open(folder.path()).unwrap();
    for number in 0..50 {
        commit(&mut opened, number);
    }
    let (started, wait) = std::sync::mpsc::channel();
    let view = opened.view.clone();
    let reader = std::thread::spawn(move || {
        let mut rows = 0;
        let visit = &mut |_: &[u8], _: &[u8]| {
            rows += 1;
            if rows == 1 {
                started.send(()).unwrap();
            }
            std::ops::ControlFlow::Continue(())
        };
        view.scan(&[], None, deskwire_store::Direction::Forward, visit).unwrap();
        rows
    });
    wait.recv().unwrap();
    opened.keeper.close().unwrap();
    assert_eq!(reader.join().unwrap(), 50);
    assert!(matches!(opened.view.position(), Err(Error::Closed)));
    opened.keeper.close().unwrap();
    drop(opened);
    restart_machine(folder.path());
    assert_eq!(open(folder.path()).unwrap().view_state, ViewState::Intact);
}
