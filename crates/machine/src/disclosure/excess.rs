//! What a message says beyond the terms of its link: who acted, the own status, money and custom values (proto-spec,
//! section 6.2).

use deskwire_proto::code::OutcomeCode;
use deskwire_proto::message::Body;
use deskwire_proto::message::common::{ByText, CustomValue, Own, Person};
use deskwire_proto::terms::{FieldName, PersonRule, Terms};
use deskwire_proto::text::Currency;

use super::{CLOSED, OPEN, fits};

/// Something that the terms of the link do not let a message say. Its `Display` is the sentence for who said it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Excess {
    /// More of who acted than travels.
    #[error("The terms of this link do not let {0} of who acted travel.")]
    Person(&'static str),
    /// Another own status than open or closed, or its label.
    #[error(
        "The terms of this link do not let the ticket's status travel: it is open or closed, without a label."
    )]
    Status,
    /// Another currency.
    #[error("The terms of this link name {agreed} as currency, not {said}.")]
    Currency {
        /// That of the terms.
        agreed: Currency,
        /// That of the message.
        said: Currency,
    },
    /// A custom field that the terms do not define.
    #[error("The terms of this link define no custom field \"{0}\".")]
    CustomKey(String),
    /// A custom field that occurs twice.
    #[error("The custom field \"{0}\" has two values.")]
    CustomTwice(String),
    /// A value that is none of its custom field.
    #[error("The custom field \"{0}\" does not take this value.")]
    CustomValue(String),
}

impl Excess {
    /// The outcome of a message that says so.
    #[must_use]
    pub const fn outcome(&self) -> OutcomeCode {
        match self {
            Self::Person(_) | Self::Status | Self::Currency { .. } | Self::CustomKey(_) => {
                OutcomeCode::NotAllowedByTerms
            }
            Self::CustomTwice(_) | Self::CustomValue(_) => OutcomeCode::MalformedText,
        }
    }
}

/// The first thing that a message says beyond these terms. Whether a field may occur at all is told by
/// [`super::optional`]. Nothing stops a `link.close`.
#[must_use]
pub fn excess(body: &Body, terms: &Terms) -> Option<Excess> {
    let told = by(body).and_then(|by| of_person(by, terms));
    let told = told.or_else(|| own(body).and_then(|own| of_status(own, terms)));
    let told = told.or_else(|| currency(body).and_then(|said| of_currency(said, terms)));
    told.or_else(|| of_custom(custom(body), terms))
}

const fn of_person(by: &Person, terms: &Terms) -> Option<Excess> {
    match terms.person {
        PersonRule::Name => None,
        PersonRule::Function if by.name.is_some() => Some(Excess::Person("the name")),
        PersonRule::Function => None,
        PersonRule::Nothing => Some(Excess::Person("anything")),
    }
}

fn of_status(own: &Own, terms: &Terms) -> Option<Excess> {
    let plain = own.status_label.is_none() && [OPEN, CLOSED].contains(&own.status.as_str());
    (!plain && !terms.allows(FieldName::Status)).then_some(Excess::Status)
}

fn of_currency(said: &Currency, terms: &Terms) -> Option<Excess> {
    let agreed = terms.currency.as_ref().filter(|agreed| *agreed != said)?;
    Some(Excess::Currency { agreed: agreed.clone(), said: said.clone() })
}

fn of_custom(values: &[CustomValue], terms: &Terms) -> Option<Excess> {
    let schema = terms.custom.as_deref().unwrap_or_default();
    values.iter().enumerate().find_map(|(at, CustomValue(key, value))| {
        let twice = values.iter().take(at).any(|before| before.0 == *key);
        match schema.iter().find(|field| field.key == *key) {
            None => Some(Excess::CustomKey(key.to_string())),
            Some(_) if twice => Some(Excess::CustomTwice(key.to_string())),
            Some(field) => (!fits(field, value)).then(|| Excess::CustomValue(key.to_string())),
        }
    })
}

/// Who acted, as far as a message tells.
fn by(body: &Body) -> Option<&Person> {
    const fn alone(text: Option<&ByText>) -> Option<&Person> {
        match text {
            Some(text) => text.by.as_ref(),
            None => None,
        }
    }
    match body {
        Body::Offer { text, .. } => text.by.as_ref(),
        Body::Update { text, .. } => text.by.as_ref(),
        Body::Resolve { text, .. } => text.by.as_ref(),
        Body::Ask { text, .. } => text.by.as_ref(),
        Body::Rate { text, .. } => text.by.as_ref(),
        Body::CommentAdd { text, .. } | Body::CommentEdit { text, .. } => text.by.as_ref(),
        Body::FileAdd { text, .. } => text.by.as_ref(),
        Body::WorkAdd { text, .. } => text.by.as_ref(),
        Body::Accept { text, .. }
        | Body::Status { text, .. }
        | Body::Confirm { text, .. }
        | Body::ChangeTake { text, .. }
        | Body::WorkApprove { text, .. } => alone(text.as_ref()),
        Body::LinkSuspend { text, .. }
        | Body::Decline { text, .. }
        | Body::Return { text, .. }
        | Body::Recall { text, .. }
        | Body::Reopen { text, .. }
        | Body::ChangeDecline { text, .. }
        | Body::Answer { text, .. }
        | Body::WorkDispute { text, .. } => text.by.as_ref(),
        // The way out of a link is always open.
        Body::LinkClose { .. } => None,
        Body::TermsPropose { .. } | Body::TermsAccept { .. } | Body::LinkResume { .. } => None,
        Body::LinkDescriptor { .. } | Body::LinkWithdraw { .. } => None,
        Body::Digest { .. } | Body::ChainReport { .. } => None,
        Body::CommentRetract { .. } | Body::FileRetract { .. } => None,
        Body::StatementPropose { .. } | Body::StatementSign { .. } => None,
        Body::Erase { .. } | Body::EraseDone { .. } => None,
    }
}

/// What a message tells of its author's own ticket.
const fn own(body: &Body) -> Option<&Own> {
    match body {
        Body::Offer { facts, .. } => Some(&facts.own),
        Body::Accept { facts, .. } => Some(&facts.own),
        Body::Status { facts, .. } => Some(&facts.own),
        Body::Resolve { facts, .. } => Some(&facts.own),
        Body::Return { facts, .. } => facts.own.as_ref(),
        Body::Recall { facts, .. } => facts.own.as_ref(),
        Body::Confirm { facts, .. } => facts.own.as_ref(),
        Body::Reopen { facts, .. } => facts.own.as_ref(),
        Body::Ask { facts, .. } => facts.own.as_ref(),
        Body::Answer { facts, .. } => facts.own.as_ref(),
        Body::Decline { .. } | Body::Update { .. } | Body::Rate { .. } => None,
        Body::ChangeTake { .. } | Body::ChangeDecline { .. } => None,
        Body::TermsPropose { .. } | Body::TermsAccept { .. } => None,
        Body::LinkSuspend { .. } | Body::LinkResume { .. } | Body::LinkClose { .. } => None,
        Body::LinkDescriptor { .. } | Body::LinkWithdraw { .. } => None,
        Body::Digest { .. } | Body::ChainReport { .. } => None,
        Body::CommentAdd { .. } | Body::CommentEdit { .. } | Body::CommentRetract { .. } => None,
        Body::FileAdd { .. } | Body::FileRetract { .. } => None,
        Body::WorkAdd { .. } | Body::WorkApprove { .. } | Body::WorkDispute { .. } => None,
        Body::StatementPropose { .. } | Body::StatementSign { .. } => None,
        Body::Erase { .. } | Body::EraseDone { .. } => None,
    }
}

fn currency(body: &Body) -> Option<&Currency> {
    if let Body::Offer { facts, .. } = body {
        facts.price.as_ref().map(|price| &price.1)
    } else if let Body::Update { facts, .. } = body {
        facts.price.as_ref().map(|price| &price.1)
    } else if let Body::WorkAdd { facts, .. } = body {
        Some(&facts.currency)
    } else {
        None
    }
}

fn custom(body: &Body) -> &[CustomValue] {
    let custom = if let Body::Offer { text, .. } = body {
        text.custom.as_deref()
    } else if let Body::Update { text, .. } = body {
        text.custom.as_deref()
    } else {
        None
    };
    custom.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    //! Terms are worth what the reader enforces: a partner's daemon may be another program.
    use deskwire_proto::list::List;
    use deskwire_proto::message::common::{Money, ReasonText};
    use deskwire_proto::message::{decline, link_close, status, update};
    use deskwire_proto::number::Revision;
    use deskwire_proto::terms::{CustomField, FieldType};
    use deskwire_proto::text::{Code, Decimal, Label, Line, Prose};

    use super::*;

    fn update(change: impl FnOnce(&mut update::Facts, &mut update::Text)) -> Body {
        let version = Revision::new(2).unwrap();
        let mut facts = update::Facts {
            price: None,
            scope: None,
            resolve: None,
            respond: None,
            version,
            category: None,
            priority: None,
        };
        let mut text = update::Text::default();
        change(&mut facts, &mut text);
        Body::Update { facts, text }
    }

    fn status(code: &str, label: Option<&str>) -> Body {
        let own = Own {
            status: Code::new(code).unwrap(),
            ticket: Label::new("K-1").unwrap(),
            status_label: label.map(|label| Label::new(label).unwrap()),
        };
        Body::Status { facts: status::Facts { own, state: None }, text: None }
    }

    fn reason(by: Option<Person>) -> ReasonText {
        ReasonText { by, reason: Prose::new("no").unwrap() }
    }

    fn anna() -> Option<Person> {
        Some(Person { name: Label::new("Anna").ok(), function: Label::new("fitter").ok() })
    }

    #[test]
    fn who_acted_travels_as_far_as_agreed_whatever_the_message() {
        let fitter = Some(Person { name: None, ..anna().unwrap() });
        for (person, by, refused) in [
            (PersonRule::Name, anna(), false),
            (PersonRule::Function, anna(), true),
            (PersonRule::Function, fitter.clone(), false),
            (PersonRule::Nothing, fitter, true),
            (PersonRule::Nothing, Some(Person::default()), true),
            (PersonRule::Nothing, None, false),
        ] {
            let terms = Terms { person, ..Terms::default() };
            let decline = Body::Decline { facts: decline::Facts { code: None }, text: reason(by.clone()) };
            let taken = Body::Status {
                facts: match status("open", None) {
                    Body::Status { facts, .. } => facts,
                    other => panic!("{other:?}"),
                },
                text: by.clone().map(|by| ByText { by: Some(by) }),
            };
            let update = update(|_, text| text.by = by.clone());
            for body in [decline, taken, update] {
                let told = excess(&body, &terms).map(|told| told.outcome());
                assert_eq!(told, refused.then_some(OutcomeCode::NotAllowedByTerms), "{body:?}");
            }
        }
    }

    #[test]
    fn nothing_keeps_a_partner_from_leaving() {
        let terms = Terms { person: PersonRule::Nothing, ..Terms::default() };
        let close = Body::LinkClose { facts: link_close::Facts {}, text: reason(anna()) };
        assert_eq!(excess(&close, &terms), None);
    }

    #[test]
    fn a_status_that_does_not_travel_is_open_or_closed() {
        let mut terms = Terms::default();
        assert_eq!(excess(&status("in-work", Some("In Arbeit")), &terms), None);
        terms.fields.retain(|field| *field != FieldName::Status);
        assert_eq!(excess(&status("open", None), &terms), None);
        assert_eq!(excess(&status("closed", None), &terms), None);
        for body in [status("in-work", None), status("open", Some("Offen"))] {
            assert_eq!(
                excess(&body, &terms).map(|told| told.outcome()),
                Some(OutcomeCode::NotAllowedByTerms)
            );
        }
    }

    #[test]
    fn a_price_is_in_the_currency_of_the_terms() {
        let price = Money(Decimal::new("10").unwrap(), Currency::new("USD").unwrap());
        let body = update(|facts, _| facts.price = Some(price));
        assert_eq!(excess(&body, &Terms::default()), None);
        let terms = Terms { currency: Currency::new("EUR").ok(), ..Terms::default() };
        assert_eq!(excess(&body, &terms).map(|told| told.outcome()), Some(OutcomeCode::NotAllowedByTerms));
    }

    #[test]
    fn custom_values_are_those_that_the_terms_define_once_each() {
        let floor = CustomField {
            key: Code::new("floor").unwrap(),
            name: Label::new("Floor").unwrap(),
            r#type: FieldType::Number,
            choices: None,
        };
        let terms = Terms { custom: List::new(vec![floor]).ok(), ..Terms::default() };
        let told = |values: &[(&str, &str)]| {
            let values = values
                .iter()
                .map(|(key, value)| CustomValue(Code::new(*key).unwrap(), Line::new(*value).unwrap()));
            let custom = List::new(values.collect()).ok();
            excess(&update(|_, text| text.custom = custom), &terms).map(|told| told.outcome())
        };
        assert_eq!(told(&[("floor", "2")]), None);
        assert_eq!(told(&[("floor", "second")]), Some(OutcomeCode::MalformedText));
        assert_eq!(told(&[("floor", "2"), ("floor", "2")]), Some(OutcomeCode::MalformedText));
        assert_eq!(told(&[("room", "2")]), Some(OutcomeCode::NotAllowedByTerms));
    }
}
