//! After the story: what each desk must hold, and what it must not.

mod account;
mod folders;
mod hidden;
mod holding;
mod pair;
mod said;
mod travelled;

use deskwire_api_types::VerifyRequest;

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

/// Everything that the API of the four desks gives, and what it has to be.
pub(super) async fn check(cast: &Cast, told: &Told) -> Result<(Checks, Vec<Flow>), Failure> {
    let Cast { shop, acme, kassa, petrov } = cast;
    let links = &told.links;
    let held = read(cast, told).await?;
    let [at_shop, at_acme, at_kassa, at_petrov] = &held;
    let mut checks = Checks::default();
    let pairs = [
        Pair::new([shop, acme], [at_shop, at_acme], &told.upper, [&links.shop_acme, &links.acme_shop]),
        Pair::new([acme, kassa], [at_acme, at_kassa], &told.lower, [&links.acme_kassa, &links.kassa_acme]),
        Pair::new(
            [kassa, petrov],
            [at_kassa, at_petrov],
            &told.visit,
            [&links.kassa_petrov, &links.petrov_kassa],
        ),
    ];
    let solutions = [props::ACME_SOLUTION, props::KASSA_SOLUTION, props::PETROV_SOLUTION];
    for (pair, solution) in pairs.iter().zip(solutions) {
        pair.check(solution, &mut checks);
    }
    let circle = [&links.petrov_acme, &links.acme_petrov].map(String::as_str);
    let circle = Pair::new([petrov, acme], [at_petrov, at_acme], &told.circle, circle);
    circle.check_declined(&mut checks);
    account::check(&held, told, &mut checks);
    said::check(&held, &mut checks);
    travelled::check(cast, &held, told, &mut checks).await?;
    for (player, held) in cast.players().into_iter().zip(&held) {
        signatures(player, &mut checks).await?;
        absent(player, held, &Hidden::from(player.short, cast, told), &mut checks);
    }
    let flows = pairs.iter().chain([&circle]).flat_map(Pair::flows).collect();
    Ok((checks, flows))
}

/// What the four APIs give.
async fn read(cast: &Cast, told: &Told) -> Result<[Holding; 4], Failure> {
    let Cast { shop, acme, kassa, petrov } = cast;
    let (links, [at_shop, at_acme, at_kassa, at_petrov]) = (&told.links, &told.tickets);
    let [upper, lower, visit, circle] =
        [&told.upper, &told.lower, &told.visit, &told.circle].map(String::as_str);
    let of_acme = [&links.acme_shop, &links.acme_kassa, &links.acme_petrov];
    let of_kassa = [&links.kassa_acme, &links.kassa_petrov];
    let of_petrov = [&links.petrov_kassa, &links.petrov_acme];
    Ok([
        Holding::read(&shop.client, at_shop, &[upper], &[&links.shop_acme]).await?,
        Holding::read(&acme.client, at_acme, &[upper, lower, circle], &of_acme).await?,
        Holding::read(&kassa.client, at_kassa, &[lower, visit], &of_kassa).await?,
        Holding::read(&petrov.client, at_petrov, &[visit, circle], &of_petrov).await?,
    ])
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
