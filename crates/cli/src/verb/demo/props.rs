//! The people, things and words of the story. Everything that must not travel is worded so that it can be searched for.

use deskwire_api_types::{
    Contact, Equipment, FieldName, NewTicket, PersonTerm, Principals, Priority, Redelegate, ServiceObject,
    TermsOffer,
};

/// What Shop's people tell each other.
pub(super) const SHOP_NOTE: &str =
    "The manager of store 12 is furious: if it is not running by Friday we look for another supplier.";
/// What Acme's people tell each other.
pub(super) const ACME_NOTE: &str =
    "They still owe us the March invoice; nobody drives there before it is paid.";
/// What Kassa's people tell each other.
pub(super) const KASSA_NOTE: &str = "Third FR-500 with this fault this week. Not a word about a recall yet.";

/// Acme asks Shop, before there is anybody else in the case.
pub(super) const WHICH_LAMP: &str = "Which lamp blinks, and how often does it beep?";
/// Shop answers.
pub(super) const RED_LAMP: &str = "The red one. It beeps three times, then nothing.";
/// Kassa asks Acme.
pub(super) const SEND_LOG: &str = "Please send the diagnostic log of the register.";
/// Acme answers Kassa alone.
pub(super) const LOG_ATTACHED: &str = "Attached. It goes wrong at 09:14, right after the power cut.";
/// Acme tells everybody in the case.
pub(super) const LEAVE_ON: &str = "The fault is found. Please leave the register switched on.";
/// Kassa tells Acme.
pub(super) const FIRMWARE: &str = "Firmware 2.14 is being installed over the line; five minutes.";
/// Shop is content.
pub(super) const THANKS: &str = "It prints receipts again. Thank you!";

/// How Kassa solved it.
pub(super) const KASSA_SOLUTION: &str = "Firmware 2.14 installed remotely; the fiscal module answers again.";
/// How Acme tells it.
pub(super) const ACME_SOLUTION: &str =
    "The register was updated over the line and prints again; no visit was needed.";
/// What Acme puts before the description for Kassa.
pub(super) const NOTE_TO_KASSA: &str = "Looks like your fiscal module; it started after a power cut.";

/// The requester, whose data may go to Acme and no further.
pub(super) const REQUESTER: [&str; 3] = ["Anna Petrova", "anna.petrova@shop.example", "+7 900 555 01 23"];
/// Shop's number for its agreement with Acme.
pub(super) const AGREEMENT: &str = "SLA-2026-0417";
/// The requester's company, as Shop names it.
pub(super) const COMPANY: &str = "Shop Retail North";

/// The ticket that Shop opens.
pub(super) fn ticket() -> NewTicket {
    let [name, email, phone] = REQUESTER.map(str::to_owned);
    NewTicket {
        title: "Cash register 3 is dead".into(),
        description: Some("Since this morning it takes no money. The queue reaches the door.".into()),
        category: Some("cash-register".into()),
        priority: Some(Priority::Urgent),
        requester: Some(Contact { name, email: Some(email), phone: Some(phone), onward: false }),
        company: Some(COMPANY.into()),
        object: Some(object()),
        equipment: Some(equipment()),
        agreement: Some(AGREEMENT.into()),
        due: None,
    }
}

/// Where it stands.
pub(super) fn object() -> ServiceObject {
    ServiceObject { name: "Store 12".into(), address: Some("Lenina 5, Perm".into()), coordinates: None }
}

/// What is broken.
pub(super) fn equipment() -> Equipment {
    Equipment {
        kind: Some("cash register".into()),
        maker: Some("Ferro".into()),
        model: Some("FR-500".into()),
        serial: Some("4711-0815".into()),
        inventory: Some("INV-00312".into()),
    }
}

/// Shop and Acme: everything may travel, names too.
pub(super) fn terms_of_shop() -> TermsOffer {
    TermsOffer {
        principals: Some(Principals::Me),
        fields: Some(FieldName::ALL.to_vec()),
        person: Some(PersonTerm::Name),
        redelegate: Some(Redelegate::Allowed),
        file: Some(64 << 20),
    }
}

/// Acme and Kassa: no requester, no company, no names of people.
pub(super) fn terms_of_acme() -> TermsOffer {
    use FieldName::{Category, Deadline, Equipment, Object, Priority, Status};
    TermsOffer {
        principals: Some(Principals::Me),
        fields: Some(vec![Category, Priority, Deadline, Object, Equipment, Status]),
        person: Some(PersonTerm::Function),
        redelegate: Some(Redelegate::Forbidden),
        file: Some(64 << 20),
    }
}

/// What Acme chooses for Kassa.
pub(super) fn chosen() -> Vec<FieldName> {
    vec![FieldName::Priority, FieldName::Object, FieldName::Equipment, FieldName::Status]
}
