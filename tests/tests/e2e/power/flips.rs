//! Flipped bits.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use deskwire_tests::{
    desk::Desk,
    random::Random,
    world::{World, say},
};

use super::{
    count,
    traffic::{WATCHED, copy, kept, play, rebooted},
};

/// A rotten bit never becomes a wrong ticket or a missing message in silence: it is mended, harmless, or told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_anywhere_in_the_store_is_mended_harmless_or_told() {
    let world = World::new("flipped_bit");
    let mut random = world.random();
    let mut watched = Desk::new(&world, WATCHED).await;
    let (mut partner, story) = play(&world, &mut watched, 60).await;
    watched.stop().await;
    partner.kill().await;

    let flips = count("DESKWIRE_FLIPS", 40);
    let (mut started, mut told) = (0, BTreeMap::<String, usize>::new());
    for number in 0..flips {
        let folder = world.path(&format!("flip-{number}"));
        copy(&watched.folder, &folder, &[]).unwrap();
        // After a power cut nothing but the journal is left to rely on.
        if random.one_in(2) {
            rebooted(&folder);
        }
        let place = flip(&folder.join("store"), &mut random);
        let mut desk = Desk::found(folder.clone(), WATCHED);
        match desk.try_start().await {
            Ok(()) => {
                started += 1;
                match kept(&desk, &story, u64::MAX).await {
                    Ok(refused) => {
                        assert!(
                            refused.iter().all(|code| code == "file-damaged"),
                            "{place}: {refused:?} ({})",
                            world.replay()
                        );
                        refused.iter().for_each(|code| tell(&mut told, code));
                    }
                    Err(broken) => {
                        panic!("a bit was flipped in {place}, silently: {broken} ({})", world.replay())
                    }
                }
                desk.kill().await;
            }
            Err(error) => {
                let code = code(&error);
                assert!(TOLD.contains(&code.as_str()), "{place}: {error} ({})", world.replay());
                tell(&mut told, &code);
            }
        }
        fs::remove_dir_all(&folder).unwrap();
    }
    say(&format!("{flips} flipped bits: {started} times the desk started with everything; it told {told:?}"));
}

/// The codes with which a desk says that its store is damaged, or that it is of a newer program.
const TOLD: [&str; 5] = [
    "store-journal-damaged",
    "store-not-a-store",
    "store-newer-format",
    "signing-key-unusable",
    "desk-damaged",
];

/// The code in the last words of a daemon that did not start, in brackets at the end.
fn code(error: &deskwire_client::Error) -> String {
    let words = error.to_string();
    let last = words.trim_end().rsplit_once('(').and_then(|(_, last)| last.split_once(')'));
    last.map_or(words.clone(), |(code, _)| code.to_owned())
}

fn tell(told: &mut BTreeMap<String, usize>, code: &str) {
    *told.entry(code.to_owned()).or_default() += 1;
}

/// Flips one bit of what the store has written; where.
fn flip(store: &Path, random: &mut Random) -> String {
    let mut files = Vec::new();
    collect(store, &mut files);
    // Files count as often as they have bytes, small ones so that they have their turn too.
    let path = random.pick(&files).clone();
    let mut bytes = fs::read(&path).unwrap();
    // Segments are allocated in advance; what lies behind the end of the journal is nothing.
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1);
    let place = random.below(written as u64) as usize;
    bytes[place] ^= 1 << random.below(8);
    fs::write(&path, bytes).unwrap();
    format!("byte {place} of {}", path.strip_prefix(store).unwrap().display())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name();
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), files);
        } else if name != "reserve" && name != "lock" && entry.metadata().unwrap().len() > 0 {
            files.push(entry.path());
        }
    }
    files.sort();
}
