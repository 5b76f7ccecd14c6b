//! Power cuts at any call to the disk.

use std::{fs, path::Path, time::Instant};

use deskwire_tests::{
    desk::Desk,
    image::{Disk, Unsynced},
    random::Random,
    trace,
    world::{World, say},
};

use super::{
    count,
    traffic::{Story, WATCHED, copy, kept, play, rebooted},
};

/// Whoever got an answer or a receipt can rely on it, whatever moment the power goes at, from the first start on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_at_any_call_to_the_disk_honours_every_answer_and_receipt() {
    if !trace::is_possible() {
        return say("SKIPPED: strace is not installed or not allowed here (apt-get install strace)");
    }
    let world = World::new("power_cut");
    let mut random = world.random();
    let mut watched = Desk::made(&world, WATCHED).await;
    let before = world.path("before");
    copy(&watched.folder, &before, &["store"]).unwrap();
    let log = world.path("calls");
    watched.run_as(trace::traced(world.folder(), &log));
    watched.start().await;
    let (mut partner, story) = play(&world, &mut watched, 60).await;
    watched.kill().await;
    partner.kill().await;
    let calls = settled(&log, &watched.folder).await;
    assert!(calls.len() > 300, "only {} calls were recorded", calls.len());

    let images = count("DESKWIRE_IMAGES", 40);
    let mut places: Vec<usize> = (0..images).map(|_| random.below(calls.len() as u64) as usize).collect();
    places.sort_unstable();
    let (begun, mut disk, mut followed) = (Instant::now(), Disk::default(), 0);
    for (number, place) in places.into_iter().enumerate() {
        calls[followed..place].iter().for_each(|call| disk.follow(call));
        followed = place;
        let unsynced = *random.pick(&[Unsynced::Kept, Unsynced::Dropped, Unsynced::Torn, Unsynced::Torn]);
        let folder = world.path(&format!("image-{number}"));
        copy(&before, &folder, &[]).unwrap();
        disk.cut(&folder, unsynced, &mut random);
        rebooted(&folder);
        if let Err(broken) = opens(&folder, &story, calls[place].begun).await {
            panic!("cut before call {place} of {}, {unsynced:?}: {broken} ({})", calls.len(), world.replay());
        }
        fs::remove_dir_all(&folder).unwrap();
    }
    say(&format!(
        "{images} images out of {} calls: all opened by themselves and kept {} promises, {:.1} s",
        calls.len(),
        story.promises.len(),
        begun.elapsed().as_secs_f64()
    ));
}

/// The trace, once its writer has ended.
pub(super) async fn settled(log: &Path, folder: &Path) -> Vec<trace::Call> {
    let size = || fs::metadata(log).unwrap().len();
    let mut before = 0;
    while before != size() {
        before = size();
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    trace::read(log, folder)
}

/// Starts a desk on an image, and looks whether it keeps what was promised before the cut.
pub(super) async fn opens(folder: &Path, story: &Story, cut: u64) -> Result<(), String> {
    let mut desk = Desk::found(folder.to_owned(), WATCHED);
    desk.try_start().await.map_err(|error| format!("it does not start: {error}"))?;
    let refused = kept(&desk, story, cut).await?;
    let verified = desk.json(&["verify"]).await;
    desk.kill().await;
    match refused.first() {
        Some(code) => Err(format!("a file is refused as {code}")),
        None if verified["ok"] == true => Ok(()),
        None => Err(format!("it does not verify: {verified}")),
    }
}

/// A seed for each image keeps one from depending on those before it.
#[test]
fn the_recorded_disk_forgets_what_no_sync_covered() {
    use deskwire_tests::trace::{Call, Opening, What};
    let name = || "f".into();
    let calls = [
        What::Open(name(), Opening { create: true, empty: false }),
        What::Write(name(), 0, b"synced".to_vec()),
        What::Sync(name()),
        What::Sync("".into()),
        What::Write(name(), 6, b" lost".to_vec()),
    ];
    let mut disk = Disk::default();
    for (number, what) in calls.into_iter().enumerate() {
        disk.follow(&Call { begun: 0, after: number, what });
    }
    let folder = tempfile::tempdir().unwrap();
    let content = |unsynced| {
        disk.cut(folder.path(), unsynced, &mut Random::new(1));
        fs::read(folder.path().join("f")).unwrap()
    };
    assert_eq!(content(Unsynced::Dropped), b"synced");
    assert_eq!(content(Unsynced::Kept), b"synced lost");
    let torn: Vec<_> = (0..20)
        .map(|seed| {
            disk.cut(folder.path(), Unsynced::Torn, &mut Random::new(seed));
            fs::read(folder.path().join("f")).unwrap()
        })
        .collect();
    assert!(torn.iter().all(|content| content.starts_with(b"synced")));
    assert!(
        torn.iter().any(|content| content == b"synced") && torn.iter().any(|content| content.len() == 11)
    );

    // A name in another folder is there with the sync of that folder, and not before.
    let there = |disk: &Disk| {
        let folder = tempfile::tempdir().unwrap();
        disk.cut(folder.path(), Unsynced::Dropped, &mut Random::new(1));
        fs::read(folder.path().join("to/f")).is_ok_and(|content| content == b"synced")
    };
    let moved = [What::Folder("to".into()), What::Sync("".into()), What::Rename(name(), "to/f".into())];
    for what in moved {
        disk.follow(&Call { begun: 0, after: 100, what });
    }
    assert!(!there(&disk));
    disk.follow(&Call { begun: 0, after: 100, what: What::Sync("to".into()) });
    assert!(there(&disk));
}
