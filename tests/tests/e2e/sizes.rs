//! How much a desk takes that does nothing.

use deskwire_tests::{
    desk::Desk,
    world::{World, say},
};

/// Above this an idle desk of a debug build has grown in a way that a release build will show too (there: 40 MB).
const MEMORY: u64 = 64 << 20;

/// A desk on a small machine must start at once and stay small.
#[tokio::test]
async fn an_idle_desk_starts_quickly_and_stays_small() {
    let world = World::new("an_idle_desk");
    let mut desk = Desk::made(&world, "Acme").await;
    let mut quickest = u128::MAX;
    for _ in 0..3 {
        desk.start().await;
        quickest = quickest.min(desk.daemon().took().as_millis());
        desk.stop().await;
    }
    desk.start().await;
    let memory = desk.memory();
    say(&format!(
        "start to ready {quickest} ms, resident memory {:.1} MiB",
        memory as f64 / f64::from(1 << 20)
    ));
    assert!(quickest < 2_000, "an empty desk took {quickest} ms to start");
    assert!(memory < MEMORY, "an idle desk takes {memory} bytes");
}
