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
/// What Petrov writes down for himself.
pub(super) const PETROV_NOTE: &str = "Bring the long ladder, and charge the full hour as always.";

/// Acme asks Shop, before there is anybody else in the case.
pub(super) const WHICH_LAMP: &str = "Which lamp blinks, and how often does it beep?";
/// Shop answers.
pub(super) const RED_LAMP: &str = "The red one. It beeps three times, then nothing.";
/// Kassa asks Acme alone.
pub(super) const SEND_LOG: &str = "Please send the diagnostic log of the register.";
/// Acme answers Kassa alone.
pub(super) const LOG_ATTACHED: &str = "Attached. It goes wrong at 09:14, right after the power cut.";
/// Kassa tells Petrov alone.
pub(super) const TAKE_PART: &str = "Part PSU-500 lies at the depot under your name.";
/// Acme tells everybody in the case.
pub(super) const LEAVE_ON: &str = "The fault is found. Please leave the register switched on.";
/// Petrov tells everybody in the case.
pub(super) const AT_DOOR: &str = "I am at the store, and the back door is locked.";
/// Shop answers everybody.
pub(super) const RING_TWICE: &str = "Ring twice, the guard opens.";
/// Shop writes while Acme has no power.
pub(super) const SHOP_AT_NIGHT: [&str; 3] = [
    "Night one of three: it is dark here as well.",
    "Night two of three: the alarm is off until six.",
    "Night three of three: the key lies with the guard.",
];
/// Kassa writes while Acme has no power.
pub(super) const KASSA_AT_NIGHT: [&str; 2] =
    ["Night shift, first: the part has been tested.", "Night shift, second: the part is good."];
/// Petrov writes while Acme has no power.
pub(super) const PETROV_AT_NIGHT: &str = "I stay in town and begin at seven.";
/// What Acme's rule writes down for Acme's people.
pub(super) const RULE_NOTE: &str = "Kassa has solved it: look at it and confirm.";
/// Shop is content.
pub(super) const THANKS: &str = "It prints receipts again. Thank you!";

/// How Petrov solved it.
pub(super) const PETROV_SOLUTION: &str = "Power supply replaced on the spot, old one taken along.";
/// How Kassa tells it.
pub(super) const KASSA_SOLUTION: &str = "A burnt power supply; the fiscal module answers again.";
/// How Acme's rule tells it.
pub(super) const ACME_SOLUTION: &str = "The register has a new power supply and prints again.";
/// What Acme puts before the description for Kassa.
pub(super) const NOTE_TO_KASSA: &str = "Looks like your fiscal module; it started after a power cut.";
/// What Kassa puts before the description for Petrov.
pub(super) const NOTE_TO_PETROV: &str = "Our dispatcher is on extension 5517.";

/// What Petrov tells Acme when he tries to get rid of the case.
pub(super) const CIRCLE: &str = "Could you take this one over? I have three more today.";

/// What Petrov books: what it is, how many, of what, at which price.
pub(super) const PETROV_LINES: [[&str; 4]; 2] = [
    ["Drive to the store and back", "34", "km", "0.42"],
    ["Power supply PSU-500, street price", "1", "piece", "80.00"],
];
/// What Kassa books.
pub(super) const KASSA_LINE: [&str; 4] = ["Repair on site, flat rate of Kassa", "1", "piece", "190.00"];
/// What Acme books.
pub(super) const ACME_LINE: [&str; 4] =
    ["Repair of a register under the frame contract", "1", "piece", "240.00"];
/// What Acme thinks of it.
pub(super) const RATING: (u8, &str) = (4, "Fast, but the part was two days late.");

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
        custom: Vec::new(),
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

/// Acme and Kassa, Kassa and Petrov, Acme and Petrov: no requester, no company, no names of people.
pub(super) fn terms_of_trade(principals: Principals) -> TermsOffer {
    use FieldName::{Category, Deadline, Equipment, Object, Priority, Status};
    TermsOffer {
        principals: Some(principals),
        fields: Some(vec![Category, Priority, Deadline, Object, Equipment, Status]),
        person: Some(PersonTerm::Function),
        redelegate: Some(Redelegate::Allowed),
        file: Some(64 << 20),
    }
}

/// What Acme chooses for Kassa.
pub(super) fn chosen() -> Vec<FieldName> {
    vec![FieldName::Priority, FieldName::Object, FieldName::Equipment, FieldName::Status]
}

/// Every text of the story that must stand in no log.
pub(super) fn texts() -> Vec<&'static str> {
    let mut texts = vec![
        SHOP_NOTE,
        ACME_NOTE,
        KASSA_NOTE,
        PETROV_NOTE,
        WHICH_LAMP,
        RED_LAMP,
        SEND_LOG,
        LOG_ATTACHED,
        TAKE_PART,
        LEAVE_ON,
        AT_DOOR,
        RING_TWICE,
        PETROV_AT_NIGHT,
        RULE_NOTE,
        THANKS,
        PETROV_SOLUTION,
        KASSA_SOLUTION,
        ACME_SOLUTION,
        NOTE_TO_KASSA,
        NOTE_TO_PETROV,
        KASSA_LINE[0],
        ACME_LINE[0],
        RATING.1,
        "Cash register 3 is dead",
    ];
    texts.extend(PETROV_LINES.map(|line| line[0]));
    texts.extend(SHOP_AT_NIGHT.into_iter().chain(KASSA_AT_NIGHT).chain(REQUESTER));
    texts
}
