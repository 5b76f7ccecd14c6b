//! Terms: what a caller asks for on a new link, on top of what the desk is configured for.

use deskwire_api_types as api;
use deskwire_engine::Refusal;
use deskwire_proto::limits::FILE_BYTES;
use deskwire_proto::terms::{PersonRule, Redelegate, Side, Terms};

use crate::parse::{field_name, principals};

/// The configured terms with what the caller wants otherwise. `own` is the side that this desk will be.
pub(crate) fn wanted(
    configured: &Terms,
    offer: Option<&api::TermsOffer>,
    own: Side,
) -> Result<Terms, Refusal> {
    let mut terms = configured.clone();
    let Some(offer) = offer else { return Ok(terms) };
    if let Some(who) = offer.principals {
        terms.principals = principals(who, own);
    }
    if let Some(fields) = &offer.fields {
        terms.fields = fields.iter().copied().map(field_name).collect();
        terms.fields.sort_unstable();
        terms.fields.dedup();
    }
    if let Some(person) = offer.person {
        terms.person = match person {
            api::PersonTerm::Name => PersonRule::Name,
            api::PersonTerm::Function => PersonRule::Function,
            api::PersonTerm::Nothing => PersonRule::Nothing,
        };
    }
    if let Some(redelegate) = offer.redelegate {
        terms.redelegate = match redelegate {
            api::Redelegate::Forbidden => Redelegate::Forbidden,
            api::Redelegate::Allowed => Redelegate::Allowed,
            api::Redelegate::Named => Redelegate::Named,
        };
    }
    if let Some(file) = offer.file {
        if file > FILE_BYTES {
            return Err(Refusal::invalid("terms.file", format!("the largest file is {FILE_BYTES} bytes")));
        }
        terms.file = file;
    }
    terms.check().map_err(|error| Refusal::invalid("terms", error))?;
    Ok(terms)
}
