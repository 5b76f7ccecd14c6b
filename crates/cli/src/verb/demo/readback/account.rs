//! What it cost, how good it was, what happened by itself, and what anybody can verify.

use super::{Checks, Holding, props};
use crate::verb::demo::story::Told;

pub(super) fn check(held: &[Holding; 4], told: &Told, checks: &mut Checks) {
    statements(told, checks);
    by_itself(held, told, checks);
    proof(told, checks);
}

/// Both sides of each pair have the same statement, and both have signed it.
fn statements(told: &Told, checks: &mut Checks) {
    let pairs =
        [("Shop and Acme", 1, "288.00"), ("Acme and Kassa", 1, "228.00"), ("Kassa and Petrov", 2, "113.14")];
    for ((both, lines, total), found) in pairs.into_iter().zip(&told.statements) {
        let [[hash, computed], other] = &found.hashes;
        let what = format!("the statement of {lines} line(s) is computed on both sides to the same bytes");
        let same = hash == computed && other == &found.hashes[0] && !hash.is_empty();
        checks.holds(both, what, same && found.lines == [lines; 2], || format!("{found:?}"));
        let totals = found.totals.iter().map(|totals| {
            totals.iter().map(|total| format!("{} {}", total.amount, total.currency)).collect::<Vec<_>>()
        });
        let totals: Vec<_> = totals.collect();
        checks.equal(
            both,
            format!("its total is {total} EUR, taxes included"),
            &vec![vec![format!("{total} EUR")]; 2],
            &totals,
        );
        checks.equal(both, "it bears both signatures on both sides", &[true; 2], &found.signed);
    }
    checks.equal("All", "three months were settled", &3, &told.statements.len());
}

/// What Acme's rules did, and the rating.
fn by_itself([_, acme, kassa, _]: &[Holding; 4], told: &Told, checks: &mut Checks) {
    let ticket = &acme.detail.ticket;
    let status = (ticket.status.as_str(), ticket.label.as_deref());
    let what = "its ticket moved to “solved by partner” by itself";
    checks.equal("Acme", what, &("solved", Some("solved by partner")), &status);
    let (stars, words) = props::RATING;
    let rated = kassa.delegation(&told.lower).and_then(|delegation| {
        let event = delegation.timeline.iter().find(|event| event.kind == "delegation.rate")?;
        Some(event.reason.clone().unwrap_or_default())
    });
    let what = format!("it reads how it was rated, {stars} of 5");
    checks.equal("Kassa", what, &Some(words.to_owned()), &rated);
}

/// What both sides see is the same, and a file of it holds until somebody changes it.
fn proof(told: &Told, checks: &mut Checks) {
    let proof = &told.proof;
    for (both, found) in ["Shop and Acme", "Acme and Kassa", "Kassa and Petrov"].into_iter().zip(&proof.same)
    {
        let what = "asked by message, the two desks see the same of the case";
        checks.equal(both, what, &(true, Vec::new()), found);
    }
    let what = format!("a file of all {} messages of a link verifies with no desk at hand", proof.messages);
    checks.equal("Anybody", what, &Vec::<String>::new(), &proof.findings);
    let found = !proof.after_a_flip.is_empty();
    checks.holds("Anybody", "one bit of it changed is found and named", found, || "nothing is found".into());
}
