//! A power cut while a desk is made.

use std::{fs, path::Path, process::Command};

use deskwire_client::{Error, local::LocalDesk};
use deskwire_tests::{
    binary::deskwire,
    desk::Desk,
    image::{Disk, Unsynced},
    trace,
    world::{World, address, say},
};

use super::{cuts::settled, traffic::WATCHED};

/// Fault 23: whoever makes a desk has it once `init` has said so, and can simply do it again when the power went before; in a
/// new folder and in one that was there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_23_a_power_cut_within_init_leaves_no_desk_or_a_whole_one() {
    if !trace::is_possible() {
        return say("SKIPPED: strace is not installed or not allowed here (apt-get install strace)");
    }
    let world = World::new("power_cut_within_init");
    let mut random = world.random();
    for there in [false, true] {
        let root = world.path(if there { "there" } else { "new" });
        fs::create_dir_all(if there { root.join("kassa") } else { root.clone() }).unwrap();
        let log = root.with_extension("calls");
        init(&trace::traced(world.folder(), &log), &root, "words").await.unwrap();
        let calls = settled(&log, &root).await;
        assert!(calls.len() > 30, "only {} calls were recorded", calls.len());

        let (mut disk, mut whole) = (Disk::default(), 0);
        for place in 0..=calls.len() {
            let image = world.path("image");
            fs::create_dir_all(if there { image.join("kassa") } else { image.clone() }).unwrap();
            let unsynced = match place == calls.len() {
                true => Unsynced::Dropped,
                false => *random.pick(&[Unsynced::Kept, Unsynced::Dropped, Unsynced::Torn]),
            };
            disk.cut(&image, unsynced, &mut random);
            // The record has no modes. A file has the one with which it was made.
            assert!(Command::new("chmod").args(["-R", "go="]).arg(&image).status().unwrap().success());
            let is_desk = image.join("kassa/deskwire.toml").exists();
            if !is_desk {
                assert!(place < calls.len(), "init had said that there is a desk ({})", world.replay());
                again(&image, there).await;
            }
            whole += usize::from(is_desk);
            // Made again, it is like any other.
            if is_desk || random.one_in(5) {
                let mut desk = Desk::found(image.join("kassa"), WATCHED);
                desk.try_start().await.unwrap_or_else(|error| {
                    panic!("cut before call {place}, {unsynced:?}: {error} ({})", world.replay())
                });
                desk.kill().await;
            }
            fs::remove_dir_all(&image).unwrap();
            calls.get(place).into_iter().for_each(|call| disk.follow(call));
        }
        assert!(whole > 0 && whole < calls.len(), "{whole} of {}", calls.len());
        say(&format!("{} cuts: {whole} left a whole desk, the others none", calls.len() + 1));
    }
}

/// Makes the desk once more, as an operator does who follows what is said.
async fn again(image: &Path, there: bool) {
    match init(deskwire(), image, "words-again").await {
        Ok(_) => {}
        Err(Error::Refused(problem)) if there && problem.code == "folder-not-empty" => {
            fs::remove_dir_all(image.join("kassa")).unwrap();
            init(deskwire(), image, "words-once-more").await.unwrap();
        }
        Err(error) => panic!("{error}"),
    }
}

async fn init(program: &Path, root: &Path, words: &str) -> Result<serde_json::Value, Error> {
    let (listen, words) = (address().to_string(), root.join(words).display().to_string());
    let args = ["--name", WATCHED, "--listen", &listen, "--recovery-file", &words];
    LocalDesk::init(program, &root.join("kassa"), &args).await
}
