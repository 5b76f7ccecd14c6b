//! A view made anew while it is in use: every row is there, and nothing of what was deleted.

use std::path::{Path, PathBuf};

use deskwire_store::{Batch, View, ViewState};

use super::{catch_up, commit, dump, open};

const GONE: &[u8] = b"Kowalewskaja";

fn traces(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(traces(&path));
        } else if std::fs::read(&path).unwrap().windows(GONE.len()).any(|bytes| bytes == GONE) {
            found.push(path);
        }
    }
    found
}

fn put(view: &dyn View, position: deskwire_store::Position, value: Option<&[u8]>) {
    for number in 0..1_500u32 {
        let mut batch = Batch::new();
        let key = [&[b'k'][..], &number.to_be_bytes()].concat();
        match value {
            Some(value) => batch.put(key, [value, &number.to_be_bytes()].concat()),
            None if number % 3 == 0 => batch.delete(key),
            None => batch.put(key, *b"(erased)"),
        }
        view.apply(&batch, &position).unwrap();
    }
}

/// Fault 115: what was erased stays in sled's old pages until they are used again; here it goes at once.
#[test]
fn a_renewed_view_has_every_row_and_nothing_of_what_was_erased() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = open(folder.path()).unwrap();
    for round in 0..3 {
        let (position, _) = commit(&mut opened, round);
        put(opened.view.as_ref(), position, Some(GONE));
        opened.view.flush().unwrap();
        put(opened.view.as_ref(), position, None);
        opened.view.flush().unwrap();
        assert!(!traces(folder.path()).is_empty(), "sled keeps what it replaced");
        let before = dump(opened.view.as_ref());
        std::thread::scope(|scope| {
            let view = opened.view.clone();
            let written = scope.spawn(move || {
                for number in 0..2_000u32 {
                    let mut batch = Batch::new();
                    batch.put([&[b'w'][..], &(number % 700).to_be_bytes()].concat(), number.to_be_bytes());
                    view.apply(&batch, &position).unwrap();
                }
            });
            opened.keeper.renew_view().unwrap();
            written.join().unwrap();
        });
        assert_eq!(traces(folder.path()), Vec::<PathBuf>::new(), "round {round}");
        let after = dump(opened.view.as_ref());
        let others = |rows: &[(Vec<u8>, Vec<u8>)]| -> Vec<_> {
            rows.iter().filter(|(key, _)| key[0] != b'w').cloned().collect()
        };
        assert_eq!(others(&after), others(&before));
        assert_eq!(after.iter().filter(|(key, _)| key[0] == b'w').count(), 700);
        let last = after.iter().filter(|(key, _)| key[0] == b'w').map(|(_, value)| value.clone()).max();
        assert_eq!(last, Some(1_999u32.to_be_bytes().to_vec()), "what was written meanwhile is there");
    }
    let rows = dump(opened.view.as_ref());
    opened.keeper.close().unwrap();
    drop(opened);
    let opened = open(folder.path()).unwrap();
    assert_eq!(opened.view_state, ViewState::Intact, "a clean stop needs no fold");
    assert_eq!(dump(opened.view.as_ref()), rows);
    assert!(!folder.path().join("view.renewed").exists());
}

/// A killed process finds the view that has taken the place of the other, or folds it anew; never half of one.
#[test]
fn a_view_that_was_renewed_before_a_kill_is_used_and_a_half_filled_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut opened = open(folder.path()).unwrap();
    for number in 0..40 {
        commit(&mut opened, number);
    }
    opened.keeper.renew_view().unwrap();
    let rows = dump(opened.view.as_ref());
    opened.view.flush().unwrap();
    drop(opened);
    let opened = open(folder.path()).unwrap();
    assert_eq!((&opened.view_state, dump(opened.view.as_ref())), (&ViewState::Intact, rows.clone()));
    drop(opened);
    // Killed while the next one was being filled.
    std::fs::create_dir(folder.path().join("view.renewed")).unwrap();
    std::fs::write(folder.path().join("view.renewed/db"), b"half").unwrap();
    let opened = open(folder.path()).unwrap();
    if opened.view_state != ViewState::Intact {
        catch_up(&opened);
    }
    assert_eq!(dump(opened.view.as_ref()), rows);
    assert!(!folder.path().join("view.renewed").exists());
}
