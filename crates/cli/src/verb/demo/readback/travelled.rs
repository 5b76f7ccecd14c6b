//! What travelled: fields, hops, and files with every byte.

use deskwire_api_types::{FileState, ThreadEntry};

use super::{Cast, Checks, Holding, Player, Told, props};
use crate::{failure::Failure, verb::demo::story::SentFile};

pub(super) async fn check(
    cast: &Cast,
    held: &[Holding; 4],
    told: &Told,
    checks: &mut Checks,
) -> Result<(), Failure> {
    hops(held, told, checks);
    fields(held, checks);
    file(&cast.kassa, &told.file, "the log of 20 MiB", "Acme", checks).await?;
    file(&cast.shop, &told.photo, "the photo", "Petrov, two desks away,", checks).await?;
    for (name, held, expected) in
        [("Shop", &held[0], 1), ("Acme", &held[1], 2), ("Kassa", &held[2], 2), ("Petrov", &held[3], 1)]
    {
        let entries = held.detail.thread.iter();
        let files = entries.filter(|entry| matches!(entry, ThreadEntry::File(_))).count();
        checks.equal(
            name,
            format!("it has the {expected} file(s) that are for it, and no other"),
            &expected,
            &files,
        );
    }
    Ok(())
}

/// Each hand-over takes one from what the chain may still be long.
fn hops([_, acme, kassa, petrov]: &[Holding; 4], told: &Told, checks: &mut Checks) {
    let hops = |held: &Holding, id: &str| held.delegation(id).map(|delegation| delegation.offer.hops);
    for (both, below, (taken, given)) in [
        (
            "Acme and Kassa",
            "Kassa may hand the work on one time less than Acme could",
            (hops(acme, &told.upper), hops(kassa, &told.lower)),
        ),
        (
            "Kassa and Petrov",
            "Petrov may hand the work on one time less than Kassa could",
            (hops(kassa, &told.lower), hops(petrov, &told.visit)),
        ),
    ] {
        checks.equal(both, below, &taken.map(|hops| hops.saturating_sub(1)), &given);
    }
}

/// What of the ticket came as far as whom.
fn fields(held: &[Holding; 4], checks: &mut Checks) {
    let ticket = props::ticket();
    let [_, acme, kassa, petrov] = held.each_ref().map(|held| &held.detail.ticket);
    checks.equal(
        "Acme",
        "it knows the requester with the telephone number",
        &ticket.requester,
        &acme.requester,
    );
    let of_acme = (&acme.company, &acme.agreement, &acme.object, &acme.equipment);
    let expected = (&ticket.company, &ticket.agreement, &ticket.object, &ticket.equipment);
    checks.equal("Acme", "it knows company, agreement, place and equipment", &expected, &of_acme);
    let own = ticket.description.as_deref().unwrap_or_default();
    let words = [props::NOTE_TO_PETROV, props::NOTE_TO_KASSA, own];
    for (name, held, words) in [("Kassa", kassa, &words[1..]), ("Petrov", petrov, &words[..])] {
        let found = (&held.title, &held.object, &held.equipment, held.priority);
        let expected =
            (&ticket.title, &ticket.object, &ticket.equipment, ticket.priority.unwrap_or_default());
        checks.equal(name, "it knows what is broken, where, and how urgent it is", &expected, &found);
        let what = "it has the description, after the words of who handed it on";
        checks.equal(name, what, &Some(words.join("\n\n")), &held.description);
        let withheld = (&held.requester, &held.company, &held.agreement, &held.category);
        let what = "it has no requester, company, agreement or category: not chosen, or not in the terms";
        checks.equal(name, what, &(&None, &None, &None, &None), &withheld);
    }
}

/// The file is whole at the desk that it was for.
async fn file(
    player: &Player,
    sent: &SentFile,
    name: &str,
    from: &str,
    checks: &mut Checks,
) -> Result<(), Failure> {
    let info = player.client.file(&sent.id).await?;
    let mut download = player.client.file_content(&sent.id).await?;
    let mut size = 0;
    while let Some(piece) = download.piece().await? {
        size += piece.len() as u64;
    }
    let expected = (FileState::Here, sent.size, sent.sha256.clone());
    let what = format!("{name} is there, and its downloaded bytes have the hash of what {from} sent");
    checks.equal(player.short, what, &expected, &(info.state, size, download.sha256()));
    Ok(())
}
