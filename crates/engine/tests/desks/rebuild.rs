//! The view can be thrown away at any time, and a crash loses nothing that was acknowledged.

use deskwire_engine::command::act::Action;
use deskwire_store::Direction;
use deskwire_store::row::Audience;
use deskwire_store::table::{PREFIXES, Rows};

use crate::harness::{Desk, because, linked, prose, pump, settle};

/// Every row of the view.
pub(crate) fn all(desk: &Desk) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    for prefix in PREFIXES {
        desk.rows()
            .raw_scan(&[*prefix], &[*prefix + 1], Direction::Forward, &mut |key, value| {
                rows.push((key.to_vec(), value.to_vec()));
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
    }
    rows
}

fn busy() -> (Desk, Desk) {
    let (mut shop, mut acme) = linked();
    for number in 0..3 {
        let ticket = shop.ticket(&format!("Ticket {number}"));
        shop.delegate(ticket).unwrap();
    }
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Accept).unwrap();
    acme.act(2, Action::Decline(because("Not our device."))).unwrap();
    shop.comment(1, "public", Audience::Thread).unwrap();
    shop.comment(1, "internal", Audience::Internal).unwrap();
    settle(&mut shop, &mut acme);
    acme.act(1, Action::Resolve { solution: Some(prose("Done.")), code: None }).unwrap();
    shop.act(3, Action::Recall(because("Not needed."))).unwrap();
    pump(&mut shop, &mut acme);
    (shop, acme)
}

#[test]
fn a_view_folded_anew_equals_the_live_one_to_the_byte() {
    for desk in <[Desk; 2]>::from(busy()) {
        let live = all(&desk);
        assert!(live.len() > 30);
        let desk = desk.restart_with_other_rows();
        let rebuilt = all(&desk);
        // The restart itself is counted.
        let differing = live.iter().zip(&rebuilt).filter(|(one, other)| one != other).count();
        assert_eq!((rebuilt.len(), differing), (live.len(), 1));
    }
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    let (shop, acme) = busy();
    let (before, theirs) = (shop.stream(), acme.stream());
    shop.store.power_cut(7);
    acme.store.power_cut(8);
    let (mut shop, mut acme) = (shop.restart(), acme.restart());
    assert_eq!((shop.stream(), acme.stream()), (before, theirs));
    settle(&mut shop, &mut acme);
    assert_eq!(shop.stream().acked, acme.stream().in_length);
    assert_eq!(acme.stream().acked, shop.stream().in_length);
}

#[test]
fn a_full_disk_refuses_and_changes_nothing_and_goes_on_by_itself() {
    let (mut shop, _) = linked();
    let ticket = shop.ticket("Before");
    let rows = all(&shop);
    let disk = shop.store.disk().clone();
    disk.set_capacity(Some(disk.used()));
    shop.now = shop.now.plus(1);
    let body = prose(&"x".repeat(40_000));
    for _ in 0..40 {
        let by = crate::harness::person("Anna");
        let audience = Audience::Internal;
        let command =
            deskwire_engine::command::comment::AddComment { ticket, body: body.clone(), audience, by };
        shop.core.step(shop.now, command).unwrap();
    }
    assert!(matches!(shop.core.commit(), Err(deskwire_store::WriteError::Full(_))));
    assert_eq!(all(&shop), rows);
    disk.set_capacity(None);
    shop.comment(1, "after", Audience::Internal).unwrap();
    let shop = shop.restart();
    assert_eq!(all(&shop).len(), rows.len() + 1);
}
