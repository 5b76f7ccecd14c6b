//! A real file system that is copied while the desk writes to it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use deskwire_tests::{
    desk::Desk,
    world::{World, say},
};

use super::{
    count,
    cuts::opens,
    traffic::{WATCHED, now, play, rebooted},
};

/// What ext4 makes of a cut, with its own journal and its own order, keeps every answer too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_system_that_was_copied_without_a_sync_holds_every_answer_and_receipt() {
    let world = World::new("copied_file_system");
    let mount = match Mount::new(&world.path("disk.img"), world.path("disk")) {
        Ok(mount) => mount,
        Err(why) => return say(&format!("SKIPPED: no ext4 image can be mounted here: {why}")),
    };
    let mut watched = Desk::made_in(mount.at.join("kassa"), WATCHED).await;
    watched.set("files", "disk_floor", "\"1 MiB\"");
    watched.start().await;
    let images = count("DESKWIRE_MOUNTS", 8);
    let (copied, mut snapshots) = (world.path("copies"), Vec::new());
    fs::create_dir_all(&copied).unwrap();
    let pid = watched.daemon().pid().to_string();
    let copying = async {
        loop {
            tokio::time::sleep(Duration::from_millis(1_000 / images.min(50) as u64)).await;
            let (to, moment) = (copied.join(format!("{}.img", snapshots.len())), now());
            // A disk stops at one moment; a copy takes its time, so the desk waits for it.
            run("kill", &["-STOP", &pid]).unwrap();
            let (from, into) = (mount.image.display().to_string(), to.display().to_string());
            // Most of an image is empty, and there are many.
            let copy = move || run("cp", &["--sparse=always", &from, &into]);
            tokio::task::spawn_blocking(copy).await.unwrap().unwrap();
            run("kill", &["-CONT", &pid]).unwrap();
            snapshots.push((moment, to));
        }
    };
    let (mut partner, story) = tokio::select! {
        played = play(&world, &mut watched, 150) => played,
        () = copying => unreachable!("it copies for ever"),
    };
    watched.kill().await;
    partner.kill().await;
    drop(mount);

    let step = (snapshots.len() / images).max(1);
    let mut looked = 0;
    for (moment, image) in snapshots.into_iter().step_by(step) {
        let mount = Mount::of(image, world.path("image")).unwrap();
        let folder = mount.at.join("kassa");
        if folder.join("store/format").exists() {
            rebooted(&folder);
            if let Err(broken) = opens(&folder, &story, moment).await {
                panic!("copied image: {broken} ({})", world.replay());
            }
            looked += 1;
        } else {
            let first = story.promises.first().map(|(at, _)| *at);
            assert!(first > Some(moment), "the store of a desk that had promised something is gone");
        }
        drop(mount);
    }
    assert!(looked > 0, "no image was copied while the desk worked");
    say(&format!("{looked} copied file systems: all opened by themselves and kept every promise"));
}

/// A mounted image; unmounted when dropped.
struct Mount {
    image: PathBuf,
    at: PathBuf,
}

impl Mount {
    /// Makes an image with an empty file system and mounts it.
    fn new(image: &Path, at: PathBuf) -> Result<Self, String> {
        let file = fs::File::create(image).map_err(|error| error.to_string())?;
        file.set_len(96 << 20).map_err(|error| error.to_string())?;
        run("mkfs.ext4", &["-q", "-F", &image.display().to_string()])?;
        Self::of(image.to_owned(), at)
    }

    fn of(image: PathBuf, at: PathBuf) -> Result<Self, String> {
        fs::create_dir_all(&at).map_err(|error| error.to_string())?;
        run("mount", &["-o", "loop", &image.display().to_string(), &at.display().to_string()])?;
        Ok(Self { image, at })
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A daemon that was killed a moment ago may hold it still.
        for _ in 0..50 {
            if run("umount", &[&self.at.display().to_string()]).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
