//! After the story: what each desk must hold, and what it must not.

mod folders;
mod hidden;
mod holding;
mod pair;

use deskwire_api_types::{FileState, ThreadEntry, VerifyRequest};

use super::{
    cast::{Cast, Player},
    check::Checks,
    props,
    story::Told,
};
use crate::failure::Failure;
use hidden::Hidden;
use holding::Holding;
use pair::Pair;

pub(super) use folders::{Places, check as check_folders};

/// Everything that the API of the three desks gives, and what it has to be.
pub(super) async fn check(cast: &Cast, told: &Told) -> Result<(Checks, Vec<Flow>), Failure> {
    let Cast { shop, acme, kassa } = cast;
    let links = &told.links;
    let [at_shop, at_acme, at_kassa] = &told.tickets;
    let (upper, lower) = (told.upper.as_str(), told.lower.as_str());
    let held = [
        Holding::read(&shop.client, at_shop, &[upper], &[&links.shop_acme]).await?,
        Holding::read(&acme.client, at_acme, &[upper, lower], &[&links.acme_shop, &links.acme_kassa]).await?,
        Holding::read(&kassa.client, at_kassa, &[lower], &[&links.kassa_acme]).await?,
    ];
    let mut checks = Checks::default();
    let upper = Pair::new([shop, acme], [&held[0], &held[1]], upper, [&links.shop_acme, &links.acme_shop]);
    upper.check(props::ACME_SOLUTION, &mut checks);
    let lower = Pair::new([acme, kassa], [&held[1], &held[2]], lower, [&links.acme_kassa, &links.kassa_acme]);
    lower.check(props::KASSA_SOLUTION, &mut checks);
    hops(&held, &mut checks);
    comments(&held, &mut checks);
    fields(&held, &mut checks);
    file(cast, &held, told, &mut checks).await?;
    for (player, held) in cast.players().into_iter().zip(&held) {
        signatures(player, &mut checks).await?;
        absent(player, held, &Hidden::from(player.short, cast, told), &mut checks);
    }
    Ok((checks, [upper.flows(), lower.flows()].concat()))
}

/// What went over one link in one direction, as the signed stream says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Flow {
    /// The desk that it left.
    pub(super) from: String,
    /// The desk that got it.
    pub(super) to: String,
    /// Kinds of messages and how many of each, in the order of their first.
    pub(super) kinds: Vec<(String, usize)>,
}

/// Each hand-over takes one from what the chain may still be long.
fn hops([_, acme, kassa]: &[Holding; 3], checks: &mut Checks) {
    let taken = acme.delegations.first().map(|delegation| delegation.offer.hops);
    let offered = kassa.delegations.first().map(|delegation| delegation.offer.hops);
    let what = "Kassa may hand the work on one time less than Acme could";
    checks.equal("Acme and Kassa", what, &taken.map(|hops| hops.saturating_sub(1)), &offered);
}

/// Each desk has exactly the comments that are for it, in the order in which they were written.
fn comments(held: &[Holding; 3], checks: &mut Checks) {
    use props::{
        ACME_NOTE, FIRMWARE, KASSA_NOTE, LEAVE_ON, LOG_ATTACHED, RED_LAMP, SEND_LOG, SHOP_NOTE, THANKS,
        WHICH_LAMP,
    };
    let expected: [&[&str]; 3] = [
        &[SHOP_NOTE, WHICH_LAMP, RED_LAMP, LEAVE_ON, THANKS],
        &[WHICH_LAMP, RED_LAMP, ACME_NOTE, SEND_LOG, LOG_ATTACHED, LEAVE_ON, FIRMWARE, THANKS],
        &[KASSA_NOTE, SEND_LOG, LOG_ATTACHED, LEAVE_ON, FIRMWARE],
    ];
    for ((name, held), expected) in super::cast::NAMES.iter().zip(held).zip(expected) {
        let what = format!("it has exactly the {} comments that are for it, in order", expected.len());
        checks.equal(name, what, &expected.to_vec(), &held.comments());
    }
}

/// What of the ticket came as far as whom.
fn fields(held: &[Holding; 3], checks: &mut Checks) {
    let ticket = props::ticket();
    let [_, acme, kassa] = held.each_ref().map(|held| &held.detail.ticket);
    checks.equal(
        "Acme",
        "it knows the requester with the telephone number",
        &ticket.requester,
        &acme.requester,
    );
    let of_acme = (&acme.company, &acme.agreement, &acme.object, &acme.equipment);
    let expected = (&ticket.company, &ticket.agreement, &ticket.object, &ticket.equipment);
    checks.equal("Acme", "it knows company, agreement, place and equipment", &expected, &of_acme);
    let of_kassa = (&kassa.title, &kassa.object, &kassa.equipment, kassa.priority);
    let expected = (&ticket.title, &ticket.object, &ticket.equipment, ticket.priority.unwrap_or_default());
    checks.equal("Kassa", "it knows what is broken, where, and how urgent it is", &expected, &of_kassa);
    let description = [props::NOTE_TO_KASSA, ticket.description.as_deref().unwrap_or_default()].join("\n\n");
    checks.equal(
        "Kassa",
        "it has the description, after Acme's own words",
        &Some(description),
        &kassa.description,
    );
    let withheld = (&kassa.requester, &kassa.company, &kassa.agreement, &kassa.category);
    let what = "it has no requester, company, agreement or category: not chosen, or not in the terms";
    checks.equal("Kassa", what, &(&None, &None, &None, &None), &withheld);
}

/// The file is whole at the desk that it was for, and no other one has it.
async fn file(cast: &Cast, held: &[Holding; 3], told: &Told, checks: &mut Checks) -> Result<(), Failure> {
    let info = cast.kassa.client.file(&told.file.id).await?;
    let mut download = cast.kassa.client.file_content(&told.file.id).await?;
    let mut size = 0;
    while let Some(piece) = download.piece().await? {
        size += piece.len() as u64;
    }
    let expected = (FileState::Here, told.file.size, told.file.sha256.clone());
    let what = "the file of 20 MiB is there, and its downloaded bytes have the hash of what Acme sent";
    checks.equal("Kassa", what, &expected, &(info.state, size, download.sha256()));
    let files = held[0].detail.thread.iter().filter(|entry| matches!(entry, ThreadEntry::File(_))).count();
    checks.equal("Shop", "it has no file", &0, &files);
    Ok(())
}

/// What is hidden from a desk occurs nowhere in what its API gives.
fn absent(player: &Player, held: &Holding, hidden: &[Hidden], checks: &mut Checks) {
    for hidden in hidden {
        let found: Vec<_> =
            hidden.texts.iter().filter(|text| held.everything.contains(text.as_str())).collect();
        let what = format!("its API knows nothing of {}", hidden.what);
        checks.holds(player.short, what, found.is_empty(), || format!("it says {found:?}"));
    }
}

/// Every signature, chain, receipt and checksum that the desk has stored.
async fn signatures(player: &Player, checks: &mut Checks) -> Result<(), Failure> {
    let report = player.client.verify(&VerifyRequest::default()).await?;
    let messages: u64 = report.streams.iter().map(|stream| stream.messages).sum();
    let records = report.journal.map_or(0, |journal| journal.records);
    let what = format!(
        "`verify` finds all {messages} signatures, their chains, the receipts and {records} records of the journal in order"
    );
    checks.holds(player.short, what, report.ok && messages > 0 && records > 0, || {
        format!("{:?}", report.problems)
    });
    Ok(())
}
