//! Figures about partners.

use deskwire_api_types as api;
use deskwire_engine::query::PartnerFigures;
use deskwire_machine::account::Spread;
use deskwire_machine::delegation::Role;

use super::statement_cell as cell;

/// Figures about one partner in one role.
pub(crate) fn partner_figures(partner: &mut PartnerFigures) -> api::PartnerFigures {
    let figures = &mut partner.figures;
    let (response, resolution) = (figures.response().map(spread), figures.resolution().map(spread));
    let answered = figures.accepted + figures.declined;
    let cost = figures
        .cost
        .iter()
        .map(|(currency, amount)| api::Money { amount: amount.to_string(), currency: currency.to_string() });
    api::PartnerFigures {
        link: partner.partner.row.name.to_string(),
        partner: partner.partner.row.partner_name.to_string(),
        role: match partner.role {
            Role::Principal => api::Role::Principal,
            Role::Contractor => api::Role::Contractor,
        },
        offers: figures.offers,
        accepted: figures.accepted,
        declined: figures.declined,
        accept_rate: decimal(figures.accepted * 100, answered, 1),
        resolved: figures.resolved,
        reopened: figures.reopened,
        response,
        resolution,
        deadlines_kept: figures.deadlines.0,
        deadlines_missed: figures.deadlines.1,
        ratings: figures.ratings.0,
        rating: decimal(figures.ratings.1, figures.ratings.0, 2),
        cost: cost.collect(),
    }
}

const fn spread(spread: Spread) -> api::Spread {
    api::Spread { median_ms: spread.median, p90_ms: spread.p90 }
}

/// A quotient with so many places, rounded half up; nothing over nothing.
fn decimal(number: u64, over: u64, places: u32) -> Option<String> {
    let scale = 10_u64.pow(places);
    let scaled =
        (number.saturating_mul(scale).saturating_mul(2) + over).checked_div(over.saturating_mul(2))?;
    let width = places as usize;
    Some(format!("{}.{:0width$}", scaled / scale, scaled % scale))
}

/// The figures as comma-separated values.
pub(crate) fn csv(report: &api::PartnerReport) -> String {
    let mut text = String::from(
        "link,partner,role,offers,accepted,declined,accept_rate,resolved,reopened,response_median_ms,response_p90_ms,\
         resolution_median_ms,resolution_p90_ms,deadlines_kept,deadlines_missed,ratings,rating,cost\r\n",
    );
    for one in &report.partners {
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let cost: Vec<_> =
            one.cost.iter().map(|money| format!("{} {}", money.amount, money.currency)).collect();
        let cells = [
            one.link.clone(),
            one.partner.clone(),
            one.role.as_str().to_owned(),
            one.offers.to_string(),
            one.accepted.to_string(),
            one.declined.to_string(),
            one.accept_rate.clone().unwrap_or_default(),
            one.resolved.to_string(),
            one.reopened.to_string(),
            number(one.response.map(|times| times.median_ms)),
            number(one.response.map(|times| times.p90_ms)),
            number(one.resolution.map(|times| times.median_ms)),
            number(one.resolution.map(|times| times.p90_ms)),
            one.deadlines_kept.to_string(),
            one.deadlines_missed.to_string(),
            one.ratings.to_string(),
            one.rating.clone().unwrap_or_default(),
            cost.join("; "),
        ];
        let cells: Vec<_> = cells.iter().map(|text| cell(text)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

#[cfg(test)]
mod tests {
    //! A rate that is rounded wrongly is a partner judged wrongly.
    use super::*;

    #[test]
    fn quotients_are_rounded_and_nothing_is_over_nothing() {
        assert_eq!(decimal(200, 3, 1).as_deref(), Some("66.7"));
        assert_eq!(decimal(9, 2, 2).as_deref(), Some("4.50"));
        assert_eq!(decimal(100, 1, 1).as_deref(), Some("100.0"));
        assert_eq!(decimal(1, 0, 1), None);
    }
}
