//! A disk that is full: new work is refused, the rest goes on, and nothing is lost.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use deskwire_api_types::{Audience, CommentRequest, FileQuery, FileState};
use deskwire_client::Error;
use deskwire_tests::{
    answers,
    cli::assert_sentence,
    desk::Desk,
    links::{PATIENCE, accept, link, link_with, offer, quiet, until},
    world::{World, say},
};

use crate::files::file_is;

/// A desk whose disk is full must say so, go on answering, and take work again by itself when there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_new_work_and_loses_nothing() {
    let world = World::new("a_full_disk");
    let Some(disk) = SmallDisk::mount(&world.path("disk"), 48) else { return };
    let (mut acme, kassa, ticket, theirs) = at_work(&world, &disk, "2MiB").await;
    quiet(PATIENCE, &acme, &kassa).await;

    let filler = disk.fill();
    let say_it = |body: String| CommentRequest { body, audience: Audience::Thread };
    let mut taken = Vec::new();
    let problem = loop {
        let body = format!("comment {} {}", taken.len(), "x".repeat(20_000));
        match acme.client().comment(&ticket, &say_it(body.clone())).await {
            Ok(_) => taken.push(body),
            Err(Error::Refused(problem)) => break problem,
            Err(error) => panic!("{error:?}"),
        }
        assert!(taken.len() < 2_000, "the disk never became full");
    };
    say(&format!("full after {} comments", taken.len()));
    assert_eq!((problem.code.as_str(), problem.status), ("disk-full", 503));
    assert_sentence(&problem.detail);
    assert!(problem.retry_after.is_some() && problem.next.is_some(), "{problem:?}");

    // A file has no room either; reads go on; the partner's words wait at the partner.
    let file = world.path("large");
    fs::write(&file, vec![1; 3 << 20]).unwrap();
    let query = FileQuery { name: "large".into(), ..Default::default() };
    let refused = acme.client().attach(&ticket, &query, &file).await.unwrap_err();
    assert!(matches!(&refused, Error::Refused(problem) if problem.status == 503), "{refused:?}");
    let full = answers::of(&acme).await;
    let mut outside = 0;
    let told = until("The refusal at the partner", async || {
        let body = format!("from outside {}", "y".repeat(40_000));
        kassa.client().comment(&theirs, &say_it(body)).await?;
        outside += 1;
        Ok(link_with(&kassa, "Acme").await.last_error.filter(|trouble| trouble.code == "disk-full"))
    })
    .await;
    assert_sentence(&told.words);
    assert!(
        !acme.client().ready().await.unwrap().ready,
        "a desk that takes nothing must not say it is ready"
    );

    drop(filler);
    until("Room", async || match acme.client().comment(&ticket, &say_it("room again".into())).await {
        Ok(_) => Ok(Some(())),
        Err(Error::Refused(problem)) if problem.status == 503 => Ok(None),
        Err(error) => Err(error),
    })
    .await;
    let now = answers::of(&acme).await.to_string();
    for body in &taken {
        assert!(now.contains(body.as_str()) && full.to_string().contains(body.as_str()), "a comment is lost");
    }
    acme.stop().await;
    acme.start().await;
    quiet(PATIENCE, &acme, &kassa).await;
    let mine = serde_json::to_string(&acme.client().ticket(&ticket).await.unwrap()).unwrap();
    assert!(mine.contains("room again"));
    assert_eq!(mine.matches("from outside").count(), outside, "each word of the partner came once");
    assert_eq!(acme.json(&["verify"]).await["ok"], true);
}

/// Before the disk is full, new work of everybody must wait outside, so that what is there goes on; and it must come in by
/// itself when there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_the_floor_no_new_work_is_taken_and_what_is_there_goes_on() {
    let world = World::new("below_the_floor");
    let Some(disk) = SmallDisk::mount(&world.path("disk"), 48) else { return };
    let (acme, kassa, ticket, theirs) = at_work(&world, &disk, "8MiB").await;
    quiet(PATIENCE, &acme, &kassa).await;

    let filler = disk.fill_but(4 << 20);
    let say_it = |body: &str| CommentRequest { body: body.to_owned(), audience: Audience::Thread };
    let problem =
        until("The refusal", async || match acme.client().comment(&ticket, &say_it("more")).await {
            Ok(_) => Ok(None),
            Err(Error::Refused(problem)) => Ok(Some(problem)),
            Err(error) => Err(error),
        })
        .await;
    assert_eq!((problem.code.as_str(), problem.status), ("disk-full", 503));
    assert!(problem.detail.contains("files.disk_floor") && problem.retry_after.is_some(), "{problem:?}");
    let file = world.path("small");
    fs::write(&file, [1; 1_000]).unwrap();
    let query = FileQuery { name: "small".into(), ..Default::default() };
    let refused = acme.client().attach(&ticket, &query, &file).await.unwrap_err();
    assert!(matches!(&refused, Error::Refused(problem) if problem.code == "disk-full"), "{refused:?}");
    kassa.client().comment(&theirs, &say_it("from outside")).await.unwrap();
    until("The refusal at the partner", async || {
        Ok(link_with(&kassa, "Acme").await.last_error.filter(|trouble| trouble.code == "disk-full"))
    })
    .await;
    acme.client().ticket(&ticket).await.unwrap();
    assert!(!acme.client().ready().await.unwrap().ready);

    drop(filler);
    until("Room", async || match acme.client().comment(&ticket, &say_it("room again")).await {
        Ok(_) => Ok(Some(())),
        Err(Error::Refused(problem)) if problem.status == 503 => Ok(None),
        Err(error) => Err(error),
    })
    .await;
    // What Acme says is the sign of life after which Kassa tries again, whatever pause it was asked for.
    quiet(PATIENCE, &acme, &kassa).await;
    let mine = serde_json::to_string(&acme.client().ticket(&ticket).await.unwrap()).unwrap();
    assert!(mine.contains("from outside"));
}

/// Fault 29: a backup that does not fit must not leave a half one that somebody relies on, nor touch the last good one; a file of
/// a partner that does not fit must come when there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fault_29_a_backup_and_a_file_that_do_not_fit_leave_nothing_half_and_come_later() {
    let world = World::new("a_backup_on_a_full_disk");
    let Some(disk) = SmallDisk::mount(&world.path("disk"), 96) else { return };
    let (acme, kassa, ticket, theirs) = at_work(&world, &disk, "2MiB").await;
    let mut random = world.random();
    let mut file = |name: &str, size: usize| {
        let path = world.path(name);
        fs::write(&path, random.bytes(size)).unwrap();
        path.display().to_string()
    };
    acme.json(&["ticket", "attach", &ticket, &file("own.bin", 6 << 20)]).await;
    let archive = |name: &str| disk.0.join(name).display().to_string();
    acme.json(&["backup", &archive("good.tar")]).await;
    let good = fs::read(archive("good.tar")).unwrap();
    quiet(PATIENCE, &acme, &kassa).await;

    let filler = disk.fill_but(5 << 20);
    let names = || {
        let mut names: Vec<_> =
            fs::read_dir(&disk.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    acme.refuses(&["backup", &archive("second.tar")], "disk-full").await;
    assert_eq!(names(), before, "half a backup was left");
    assert!(fs::read(archive("good.tar")).unwrap() == good, "the good backup was touched");
    let large = file("large.bin", 8 << 20);
    kassa.json(&["ticket", "attach", &theirs, &large, "--to", "acme"]).await;
    file_is(&acme, "large.bin", FileState::Fetching).await;
    acme.client()
        .comment(&ticket, &CommentRequest { body: "still at work".into(), audience: Audience::Thread })
        .await
        .unwrap();
    quiet(PATIENCE, &acme, &kassa).await;
    assert_eq!(file_is(&acme, "large.bin", FileState::Fetching).await.fetched, 0);

    drop(filler);
    // What comes next makes the desk look again; without it that takes a minute.
    kassa.json(&["ticket", "attach", &theirs, &file("small.bin", 1_000), "--to", "acme"]).await;
    let came = file_is(&acme, "large.bin", FileState::Here).await;
    let copy = world.path("copy.bin");
    acme.json(&["file", "get", &came.id, "-o", &copy.display().to_string()]).await;
    assert!(fs::read(copy).unwrap() == fs::read(large).unwrap());
    acme.json(&["backup", &archive("second.tar")]).await;
    for name in ["good.tar", "second.tar"] {
        acme.json(&["restore", &archive(name), "--dry-run"]).await;
    }
}

/// A desk on a small disk and a partner elsewhere, with a case between them; the desks, and the number of its ticket at each.
async fn at_work(world: &World, disk: &SmallDisk, floor: &str) -> (Desk, Desk, String, String) {
    let mut acme = Desk::made_in(disk.0.join("acme"), "Acme").await;
    acme.set("files", "disk_floor", &format!("\"{floor}\""));
    acme.start().await;
    let kassa = Desk::new(world, "Kassa").await;
    link(&kassa, &acme, Default::default()).await;
    let (ticket, delegation) = offer(&acme, "Kassa", "Room").await;
    let theirs = accept(&kassa, &delegation.id).await.own.ticket;
    (acme, kassa, ticket, theirs)
}

/// A file system in memory, as small as the test wants it.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Of so many mebibytes.
    fn mount(at: &Path, size: u32) -> Option<Self> {
        fs::create_dir(at).unwrap();
        let size = format!("size={size}m");
        let tried = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "none"]).arg(at).output();
        match tried {
            Ok(output) if output.status.success() => Some(Self(at.to_owned())),
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                say(&format!("SKIPPED: a small disk cannot be mounted here ({why}); it takes root"));
                None
            }
            Err(error) => {
                say(&format!("SKIPPED: a small disk cannot be mounted here ({error})"));
                None
            }
        }
    }

    /// Leaves so many bytes.
    fn fill_but(&self, room: usize) -> Filler {
        let filler = self.fill();
        let file = File::options().write(true).open(&filler.0).unwrap();
        let size = file.metadata().unwrap().len();
        file.set_len(size.saturating_sub(room as u64)).unwrap();
        filler
    }

    /// Leaves next to no room.
    fn fill(&self) -> Filler {
        let path = self.0.join("filler");
        let mut file = File::create(&path).unwrap();
        let mut piece = vec![0; 1 << 20];
        while !piece.is_empty() {
            if file.write_all(&piece).is_err() {
                piece.truncate(piece.len() / 2);
            }
        }
        Filler(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a daemon of this test may be just ending.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Gives the room back when it is dropped.
struct Filler(PathBuf);

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
