//! What a person is shown before something leaves: read from the message itself, so that it cannot differ from it.

use deskwire_proto::list::List;
use deskwire_proto::message::common::{
    Audience, Contact, CustomValue, Equipment, Money, Object, Own, Person, Priority, ReasonText,
};
use deskwire_proto::message::{Body, comment_add, comment_edit, file_add, offer, reopen, update};
use deskwire_proto::terms::FieldName;
use deskwire_proto::text::{Code, Label, Line, Prose};
use deskwire_proto::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What leaves and what stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Everything that the message says, in the order in which people read it. Versions of the protocol's own, the
    /// number of the fold rules and that of an update, are not listed.
    pub sent: Vec<Sent>,
    /// What the ticket has and the message does not say.
    pub kept: Vec<Kept>,
}

impl Preview {
    /// The same with every field under the name of its message, where several messages leave together.
    #[must_use]
    pub fn of_message(mut self, name: &str) -> Self {
        for sent in &mut self.sent {
            sent.field = format!("{name}.{}", sent.field);
        }
        self
    }

    /// What leaves in this order, and all that stays.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.sent.extend(next.sent);
        self.kept.extend(next.kept);
        self
    }

    /// Whether the message says anything beside who sends it.
    #[must_use]
    pub fn has_content(&self) -> bool {
        self.sent.iter().any(|sent| !sent.field.starts_with(BY))
    }
}

/// One field that leaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Its name, with a dot where it is a part of one: `contact.phone`.
    pub field: String,
    /// Its value as text: codes as they travel, times as RFC 3339 in UTC.
    pub value: String,
}

/// One field that stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its name: that of the whole field where all of it stays.
    pub field: String,
    /// Why.
    pub reason: Reason,
}

/// Why a field stays here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The terms of the link do not let it travel.
    NotInTerms,
    /// The person left it out.
    NotChosen,
    /// The partner who gave it to this desk did not let it be handed on.
    NotOnward,
    /// The terms define this custom field for other values, or it is there twice.
    Unfit,
    /// This desk's mapping for the link has no counterpart for it.
    Unmapped,
}

/// Lists an offer. Everything is named member by member, so that a new one does not compile unlisted.
pub(super) fn offer(facts: &offer::Facts, text: &offer::Text) -> Vec<Sent> {
    let offer::Facts { own, hops, test, price, rules: _, resolve, respond, category, priority, loop_tags } =
        facts;
    let offer::Text { by, title, custom, object, company, contact, agreement, equipment, description } = text;
    let mut sheet = Sheet::default();
    sheet.work(Some(title), description.as_ref());
    sheet.facts(category.as_ref(), *priority, (*respond, *resolve), price.as_ref());
    sheet.contact(contact.as_ref());
    sheet.line("company", company.as_ref());
    sheet.object(object.as_ref());
    sheet.equipment(equipment.as_ref());
    sheet.line("agreement", agreement.as_ref());
    sheet.custom(custom.as_ref());
    sheet.person(by.as_ref());
    sheet.own(own);
    sheet.line("hops", Some(hops));
    sheet.line("test", Some(test));
    for tag in loop_tags.as_deref().unwrap_or_default() {
        sheet.line("loop-tag", Some(&tag.to_hex()));
    }
    sheet.0
}

/// Lists an update, in the same way.
pub(super) fn update(facts: &update::Facts, text: &update::Text) -> Vec<Sent> {
    let update::Facts { price, scope: _, resolve, respond, version: _, category, priority } = facts;
    let update::Text { by, title, custom, object, company, contact, agreement, equipment, description } =
        text;
    let mut sheet = Sheet::default();
    sheet.work(title.as_ref(), description.as_ref());
    sheet.facts(category.as_ref(), *priority, (*respond, *resolve), price.as_ref());
    sheet.contact(contact.as_ref());
    sheet.line("company", company.as_ref());
    sheet.object(object.as_ref());
    sheet.equipment(equipment.as_ref());
    sheet.line("agreement", agreement.as_ref());
    sheet.custom(custom.as_ref());
    sheet.person(by.as_ref());
    sheet.0
}

/// Which optional fields an offer or an update has: the two have the same members in types of their own.
macro_rules! optional_fields {
    ($facts:expr, $text:expr) => {
        [
            ($text.company.is_some(), FieldName::Company, "company"),
            ($text.contact.is_some(), FieldName::Contact, "contact"),
            ($text.custom.is_some(), FieldName::Custom, "custom"),
            ($text.equipment.is_some(), FieldName::Equipment, "equipment"),
            ($text.agreement.is_some(), FieldName::Agreement, "agreement"),
            ($facts.category.is_some(), FieldName::Category, "category"),
            ($text.object.is_some(), FieldName::Object, "object"),
            ($facts.priority.is_some(), FieldName::Priority, "priority"),
            ($facts.respond.is_some() || $facts.resolve.is_some(), FieldName::Deadline, "deadline"),
            ($facts.price.is_some(), FieldName::Price, "price"),
        ]
    };
}

/// The fields of an offer or an update that travel only where the terms name them, with their names in a preview; none of
/// another message.
#[must_use]
pub fn optional(body: &Body) -> Vec<(FieldName, &'static str)> {
    let fields = match body {
        Body::Offer { facts, text } => optional_fields!(facts, text),
        Body::Update { facts, text } => optional_fields!(facts, text),
        _ => return Vec::new(),
    };
    fields.into_iter().filter(|(there, ..)| *there).map(|(_, field, name)| (field, name)).collect()
}

/// Lists a comment, an edit of one, the announcement of a file, or a reopen; nothing for another kind.
pub(super) fn contribution(body: &Body) -> Vec<Sent> {
    let mut sheet = Sheet::default();
    match body {
        Body::CommentAdd { facts: comment_add::Facts { audience }, text } => {
            sheet.line("audience", Some(&audience_code(*audience)));
            sheet.comment(text);
        }
        Body::CommentEdit { facts: comment_edit::Facts { comment, version }, text } => {
            sheet.line("comment", Some(comment));
            sheet.line("version", Some(version));
            sheet.comment(text);
        }
        Body::FileAdd { facts, text } => {
            let file_add::Facts { blob, size, chunks: _, comment, audience } = facts;
            let file_add::Text { by, name, media, origin, relayed } = text;
            sheet.line("audience", Some(&audience_code(*audience)));
            sheet.line("file", Some(name));
            sheet.line("media", media.as_ref());
            sheet.line("size", Some(size));
            sheet.line("sha256", Some(blob));
            sheet.line("comment", comment.as_ref());
            sheet.relayed(*relayed, origin.as_ref());
            sheet.person(by.as_ref());
        }
        Body::Reopen { facts: reopen::Facts { own, code }, text: ReasonText { by, reason } } => {
            sheet.line("reason", Some(reason));
            sheet.line("code", code.as_ref());
            sheet.person(by.as_ref());
            own.iter().for_each(|own| sheet.own(own));
        }
        Body::Offer { .. }
        | Body::Accept { .. }
        | Body::Decline { .. }
        | Body::Return { .. }
        | Body::Recall { .. }
        | Body::Status { .. }
        | Body::Resolve { .. }
        | Body::Confirm { .. }
        | Body::Update { .. }
        | Body::ChangeTake { .. }
        | Body::ChangeDecline { .. }
        | Body::Ask { .. }
        | Body::Answer { .. }
        | Body::Digest { .. }
        | Body::CommentRetract { .. }
        | Body::FileRetract { .. }
        | Body::WorkAdd { .. }
        | Body::WorkApprove { .. }
        | Body::WorkDispute { .. }
        | Body::Rate { .. }
        | Body::StatementPropose { .. }
        | Body::StatementSign { .. }
        | Body::ChainReport { .. }
        | Body::Erase { .. }
        | Body::EraseDone { .. }
        | Body::TermsPropose { .. }
        | Body::TermsAccept { .. }
        | Body::LinkSuspend { .. }
        | Body::LinkResume { .. }
        | Body::LinkClose { .. }
        | Body::LinkDescriptor { .. }
        | Body::LinkWithdraw { .. } => {}
    }
    sheet.0
}

const BY: &str = "by.";

#[derive(Default)]
struct Sheet(Vec<Sent>);

impl Sheet {
    fn line<T: ToString>(&mut self, field: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.0.push(Sent { field: field.to_owned(), value: value.to_string() });
        }
    }

    fn work(&mut self, title: Option<&Line>, description: Option<&Prose>) {
        self.line("title", title);
        self.line("description", description);
    }

    fn facts(
        &mut self,
        category: Option<&Code>,
        priority: Option<Priority>,
        (respond, resolve): (Option<Timestamp>, Option<Timestamp>),
        price: Option<&Money>,
    ) {
        self.line("category", category);
        self.line("priority", priority.map(priority_code).as_ref());
        self.line("deadline.respond", respond.map(utc).as_ref());
        self.line("deadline.resolve", resolve.map(utc).as_ref());
        self.line("price", price.map(|Money(amount, currency)| format!("{amount} {currency}")).as_ref());
    }

    fn contact(&mut self, contact: Option<&Contact>) {
        let Some(Contact { name, email, phone, onward }) = contact else { return };
        self.line("contact.name", Some(name));
        self.line("contact.phone", phone.as_ref());
        self.line("contact.email", email.as_ref());
        self.line("contact.onward", Some(onward));
    }

    fn object(&mut self, object: Option<&Object>) {
        let Some(Object { name, address, coordinates }) = object else { return };
        self.line("object.name", Some(name));
        self.line("object.address", address.as_ref());
        let place = coordinates.as_ref().map(|(latitude, longitude)| format!("{latitude}, {longitude}"));
        self.line("object.coordinates", place.as_ref());
    }

    fn equipment(&mut self, equipment: Option<&Equipment>) {
        let Some(Equipment { kind, maker, model, serial, inventory }) = equipment else { return };
        self.line("equipment.kind", kind.as_ref());
        self.line("equipment.maker", maker.as_ref());
        self.line("equipment.model", model.as_ref());
        self.line("equipment.serial", serial.as_ref());
        self.line("equipment.inventory", inventory.as_ref());
    }

    fn custom(&mut self, custom: Option<&List<CustomValue, 0, 32>>) {
        for CustomValue(key, value) in custom.into_iter().flatten() {
            self.line(&format!("custom.{key}"), Some(value));
        }
    }

    fn person(&mut self, by: Option<&Person>) {
        let Some(Person { name, function }) = by else { return };
        self.line(&format!("{BY}name"), name.as_ref());
        self.line(&format!("{BY}function"), function.as_ref());
    }

    fn comment(&mut self, text: &comment_add::Text) {
        let comment_add::Text { by, body, proof, origin, relayed } = text;
        self.line("body", Some(body));
        self.relayed(*relayed, origin.as_ref());
        self.line("proof", proof.as_ref().map(|proof| proof.0).as_ref());
        self.person(by.as_ref());
    }

    fn relayed(&mut self, relayed: Option<bool>, origin: Option<&Label>) {
        self.line("relayed", relayed.as_ref());
        self.line("origin", origin);
    }

    fn own(&mut self, own: &Own) {
        let Own { status, ticket, status_label } = own;
        self.line::<Label>("ticket", Some(ticket));
        self.line("status", Some(status));
        self.line("status.label", status_label.as_ref());
    }
}

const fn audience_code(audience: Audience) -> &'static str {
    match audience {
        Audience::Delegation => "delegation",
        Audience::Thread => "thread",
    }
}

/// The word of the protocol for a priority.
#[must_use]
pub const fn priority_code(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High => "high",
        Priority::Urgent => "urgent",
    }
}

/// RFC 3339 in UTC, with milliseconds where there are any.
fn utc(time: Timestamp) -> String {
    const DAY: u64 = 86_400_000;
    let (days, rest) = (time.0 / DAY, time.0 % DAY);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
    let fraction = match rest % 1_000 {
        0 => String::new(),
        milliseconds => format!(".{milliseconds:03}"),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Year, month and day of a number of days since 1970-01-01, counted in years that begin in March, so that a leap
/// day is the last one.
const fn civil(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, of_month)
}

#[cfg(test)]
mod tests {
    //! A deadline that the preview misstates is a deadline that nobody agreed to.
    use super::*;

    #[test]
    fn times_are_shown_as_they_travel() {
        for (time, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_772_323_199_999, "2026-02-28T23:59:59.999Z"),
            (1_772_323_200_000, "2026-03-01T00:00:00Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(Timestamp(time)), text);
        }
        assert!(utc(Timestamp(u64::MAX)).ends_with('Z'));
    }
}
