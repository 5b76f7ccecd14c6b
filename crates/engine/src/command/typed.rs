//! What a person typed and cannot mean: amounts, currencies and moments, refused where they are typed. What a partner says
//! is not judged by this: it may use any three letters and any moment.

use deskwire_machine::account::is_currency;
use deskwire_proto::message::common::Money;
use deskwire_proto::terms::{FieldName, Terms};
use deskwire_proto::text::Currency;
use deskwire_proto::time::Timestamp;

use crate::{Fault, Refusal};

/// The longest time that terms can name, and that a deadline can lie ahead, ms: a hundred years.
pub(crate) const LONGEST: u64 = 100 * 366 * 86_400_000;

/// A price limit: not below nothing, in a currency that there is and that the terms let be named.
pub(super) fn price(price: &Money, terms: &Terms) -> Result<(), Refusal> {
    if price.0.as_str().starts_with('-') {
        return Err(Refusal::new(
            Fault::Invalid,
            "impossible-amount",
            format!("The price limit is {} {}, which is less than nothing.", price.0, price.1),
            "Give the most that the work may cost, or no price.",
        ));
    }
    currency(&price.1)?;
    // Where no price travels at all, that is what is said of it.
    if terms.allows(FieldName::Price) { agreed(&price.1, terms) } else { Ok(()) }
}

/// A currency that there is.
pub(super) fn currency(code: &Currency) -> Result<(), Refusal> {
    if is_currency(code.as_str()) {
        return Ok(());
    }
    Err(Refusal::new(
        Fault::Invalid,
        "unknown-currency",
        format!("There is no currency {code} in ISO 4217."),
        "Name one by its three letters, such as EUR or RUB.",
    ))
}

/// The currency of the terms, or any where they name none.
pub(super) fn agreed(named: &Currency, terms: &Terms) -> Result<(), Refusal> {
    match &terms.currency {
        Some(agreed) if agreed != named => Err(Refusal::new(
            Fault::Forbidden,
            "not-allowed-by-terms",
            format!("The terms of this link name {agreed} as currency, not {named}."),
            "Give the price in the agreed currency, or agree other terms.",
        )),
        Some(_) | None => Ok(()),
    }
}

/// Deadlines that lie ahead, and within a hundred years.
pub(crate) fn ahead(
    respond: Option<Timestamp>,
    resolve: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Refusal> {
    for (what, moment) in [("The answer", respond), ("The work", resolve)] {
        let Some(moment) = moment else { continue };
        if moment <= now {
            return Err(date(format!("{what} would be due in the past.")));
        }
        if moment > now.plus(LONGEST) {
            return Err(date(format!("{what} would be due in more than a hundred years.")));
        }
    }
    Ok(())
}

/// The answer is due before the work, or with it.
pub(crate) fn in_order(respond: Option<Timestamp>, resolve: Option<Timestamp>) -> Result<(), Refusal> {
    match (respond, resolve) {
        (Some(respond), Some(resolve)) if respond > resolve => {
            Err(date("The partner would have to answer after the work is due.".to_owned()))
        }
        (_, _) => Ok(()),
    }
}

/// A reserve that leaves something of the deadline above.
pub(crate) fn reserve(reserve: u64, above: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    if reserve == 0 || above > now.plus(reserve) {
        return Ok(());
    }
    Err(Refusal::new(
        Fault::Invalid,
        "reserve-too-long",
        "The reserve is longer than what is left until this desk's own deadline: nothing of it would be left for the partner.",
        "Name a shorter reserve, or 0 for none.",
    ))
}

fn date(words: String) -> Refusal {
    Refusal::new(
        Fault::Invalid,
        "impossible-date",
        words,
        "Give moments that are still to come, the one to answer before the one for the work.",
    )
}
