//! What of a neighbour's contributions goes onward in a chain, and what is said of its author there (proto-spec,
//! sections 9.4 and 9.6).
//!
//! A relay makes items of its own: with ids that only this desk can connect with their source, in its own name.

use deskwire_proto::id::{Hash, ItemId, LinkId, LoopTag};
use deskwire_proto::list::List;
use deskwire_proto::message::common::{Audience, Person};
use deskwire_proto::message::{Body, comment_add, comment_edit, file_add, resolve};
use deskwire_proto::number::Revision;
use deskwire_proto::terms::{Redelegate, Terms};
use deskwire_proto::text::Label;
use serde::{Deserialize, Serialize};

use crate::disclosure;
use crate::thread::Shareable;

/// Whether what neighbours contribute goes onward over a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It does not.
    #[default]
    Off,
    /// Each contribution waits for a person of this desk.
    Click,
    /// By itself.
    Automatic,
}

/// What this desk has set for a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Setting {
    /// What goes onward over it.
    pub mode: Mode,
    /// Whether authors are named there, where they may be; otherwise they are "a partner".
    pub named: bool,
    /// Whether this desk's own contributions for all partners carry its proof there, so that relays behind the partner
    /// may name it.
    pub sign: bool,
}

/// What becomes of a neighbour's contribution at another link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does not go there.
    Stays,
    /// It waits for a person.
    Waits,
    /// It goes.
    Goes,
}

/// Whether a contribution with this audience goes onward over a link with this setting.
#[must_use]
pub const fn verdict(audience: Audience, setting: Setting) -> Verdict {
    match (audience, setting.mode) {
        (Audience::Delegation, _) | (Audience::Thread, Mode::Off) => Verdict::Stays,
        (Audience::Thread, Mode::Click) => Verdict::Waits,
        (Audience::Thread, Mode::Automatic) => Verdict::Goes,
    }
}

/// The link over which something goes onward, and who it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Onward<'a> {
    /// How the neighbour that it came from calls itself.
    pub from: &'a Label,
    /// What this desk has set for the link.
    pub setting: Setting,
    /// Its terms.
    pub terms: &'a Terms,
    /// Whether the partner there is the principal: whoever works for this desk may be named to it by the terms.
    pub upward: bool,
}

impl Onward<'_> {
    /// Whether the author may be named there: this desk has set so, and the author allowed it with its proof or the
    /// terms let the next desk be named.
    fn names(&self, proof: bool) -> bool {
        let by_terms = self.upward && matches!(self.terms.redelegate, Redelegate::Named);
        self.setting.named && (proof || by_terms)
    }

    fn origin(&self, named: bool, relayed: Option<bool>, before: Option<&Label>) -> Option<Label> {
        match (named, relayed) {
            (false, _) => None,
            // Who wrote it is not who handed it on.
            (true, Some(true)) => before.cloned(),
            (true, Some(false) | None) => Some(self.from.clone()),
        }
    }

    /// As much of the person as the terms let travel, where the desk is named: both members are free text, and either
    /// could name it.
    fn by(&self, named: bool, by: Option<&Person>) -> Option<Person> {
        by.filter(|_| named).and_then(|by| disclosure::person(by, self.terms))
    }

    fn text(&self, text: &comment_add::Text) -> comment_add::Text {
        let named = self.names(text.proof.is_some());
        comment_add::Text {
            by: self.by(named, text.by.as_ref()),
            body: text.body.clone(),
            proof: text.proof.clone().filter(|_| named),
            origin: self.origin(named, text.relayed, text.origin.as_ref()),
            relayed: Some(true),
        }
    }
}

/// What the contractor below says of its solution, as this desk hands it up with its own resolution.
#[must_use]
pub fn solution(text: &resolve::Text, onward: &Onward<'_>) -> resolve::Text {
    let named = onward.names(false);
    resolve::Text {
        by: onward.by(named, text.by.as_ref()),
        origin: onward.origin(named, text.relayed, text.origin.as_ref()),
        relayed: Some(true),
        solution: text.solution.clone(),
    }
}

/// A neighbour's comment as it goes onward.
#[must_use]
pub fn comment(words: &Shareable<comment_add::Text>, onward: &Onward<'_>) -> Body {
    let facts = comment_add::Facts { audience: words.audience() };
    Body::CommentAdd { facts, text: onward.text(words.content()) }
}

/// New words of a comment that went onward as `comment`.
#[must_use]
pub fn edit(
    words: &Shareable<comment_add::Text>,
    comment: ItemId,
    version: Revision,
    onward: &Onward<'_>,
) -> Body {
    let facts = comment_edit::Facts { comment, version };
    Body::CommentEdit { facts, text: onward.text(words.content()) }
}

/// A neighbour's file as it goes onward; it belongs to no comment there.
#[must_use]
pub fn file(file: &Shareable<(file_add::Facts, file_add::Text)>, onward: &Onward<'_>) -> Body {
    let (facts, text) = file.content();
    let named = onward.names(false);
    Body::FileAdd {
        facts: file_add::Facts { comment: None, audience: file.audience(), ..facts.clone() },
        text: file_add::Text {
            by: onward.by(named, text.by.as_ref()),
            name: text.name.clone(),
            media: text.media.clone(),
            origin: onward.origin(named, text.relayed, text.origin.as_ref()),
            relayed: Some(true),
        },
    }
}

/// The id of the item that a message of a partner (by its hash) causes on a link, as the one with this number there.
/// The same cause always makes the same id, and nobody without the key can connect the two.
#[must_use]
pub fn item(key: &[u8], cause: &Hash, to: &LinkId, place: u32) -> ItemId {
    let hash = keyed(key, &[b"deskwire relay", cause.as_bytes(), to.as_bytes(), &place.to_be_bytes()]);
    ItemId::new(first(&hash))
}

/// The loop tag of a case of this desk on a link.
#[must_use]
pub fn tag(key: &[u8], case: u64, link: &LinkId) -> LoopTag {
    LoopTag::new(first(&keyed(key, &[&case.to_be_bytes(), link.as_bytes()])))
}

/// The tags of an offer: those of the offer before, and our own. The oldest gives way.
#[must_use]
pub fn tags(before: &[LoopTag], own: LoopTag) -> List<LoopTag, 0, 8> {
    let mut tags: Vec<_> = before.iter().copied().filter(|tag| *tag != own).collect();
    tags.push(own);
    let surplus = tags.len().saturating_sub(8);
    tags.drain(..surplus);
    List::new(tags).expect("at most eight are left")
}

fn first(hash: &Hash) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    bytes
}

/// HMAC-SHA-256 (RFC 2104).
fn keyed(key: &[u8], parts: &[&[u8]]) -> Hash {
    const BLOCK: usize = 64;
    let mut padded = [0; BLOCK];
    if key.len() > BLOCK {
        padded[..Hash::SIZE].copy_from_slice(Hash::of(key).as_bytes());
    } else {
        padded[..key.len()].copy_from_slice(key);
    }
    let inner_pad = padded.map(|byte| byte ^ 0x36);
    let outer_pad = padded.map(|byte| byte ^ 0x5c);
    let mut inner: Vec<&[u8]> = vec![&inner_pad];
    inner.extend_from_slice(parts);
    Hash::of_parts(&[&outer_pad, Hash::of_parts(&inner).as_bytes()])
}

#[cfg(test)]
mod tests {
    //! If these failed, a chain would tell what its desks keep to themselves.
    use deskwire_proto::terms::PersonRule;
    use deskwire_proto::text::Prose;

    use super::*;

    fn text() -> comment_add::Text {
        comment_add::Text {
            by: Some(Person { name: Label::new("Pavel").ok(), function: Label::new("fitter").ok() }),
            body: Prose::new("The part is in.").unwrap(),
            proof: None,
            origin: None,
            relayed: None,
        }
    }

    fn relayed(text: comment_add::Text, setting: Setting, terms: &Terms, upward: bool) -> comment_add::Text {
        let from = Label::new("Petrov").unwrap();
        let words = Shareable::of_partner(text, Audience::Thread).unwrap();
        let onward = Onward { from: &from, setting, terms, upward };
        match comment(&words, &onward) {
            Body::CommentAdd { text, .. } => text,
            other => panic!("{other:?}"),
        }
    }

    fn named() -> Setting {
        Setting { mode: Mode::Automatic, named: true, sign: false }
    }

    #[test]
    fn hmac_is_the_one_of_the_standard() {
        // RFC 4231, cases 1 and 6.
        let hash = keyed(&[0x0b; 20], &[b"Hi ", b"There"]);
        assert_eq!(hash.to_hex(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        let hash = keyed(&[0xaa; 131], &[b"Test Using Larger Than Block-Size Key - Hash Key First"]);
        assert_eq!(hash.to_hex(), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn what_is_for_two_desks_alone_goes_nowhere_whatever_is_set() {
        for mode in [Mode::Off, Mode::Click, Mode::Automatic] {
            let setting = Setting { mode, ..named() };
            assert_eq!(verdict(Audience::Delegation, setting), Verdict::Stays);
        }
        assert!(Shareable::of_partner(text(), Audience::Delegation).is_none());
        assert_eq!(verdict(Audience::Thread, Setting::default()), Verdict::Stays);
    }

    #[test]
    fn without_the_right_to_name_nothing_tells_who_wrote_it() {
        let unnamed = relayed(text(), Setting { named: false, ..named() }, &Terms::default(), true);
        let allowed = relayed(text(), named(), &Terms::default(), true);
        for text in [unnamed, allowed] {
            assert_eq!(text.relayed, Some(true));
            assert_eq!((text.origin, text.proof), (None, None));
            assert_eq!(text.by, None);
        }
    }

    #[test]
    fn terms_that_name_the_next_desk_name_it_upward_alone() {
        let terms = Terms { redelegate: Redelegate::Named, ..Terms::default() };
        assert_eq!(relayed(text(), named(), &terms, true).origin, Label::new("Petrov").ok());
        assert_eq!(relayed(text(), named(), &terms, false).origin, None);
    }

    #[test]
    fn a_person_travels_as_far_as_the_next_terms_let() {
        let terms = Terms { redelegate: Redelegate::Named, person: PersonRule::Function, ..Terms::default() };
        let by = relayed(text(), named(), &terms, true).by.unwrap();
        assert_eq!((by.name, by.function), (None, Label::new("fitter").ok()));
    }

    #[test]
    fn who_handed_it_on_is_not_taken_for_who_wrote_it() {
        let terms = Terms { redelegate: Redelegate::Named, ..Terms::default() };
        let further = comment_add::Text { relayed: Some(true), ..text() };
        assert_eq!(relayed(further, named(), &terms, true).origin, None);
    }

    #[test]
    fn ids_and_tags_differ_with_each_link_and_key() {
        let (one, other) = (LinkId::new([1; 32]), LinkId::new([2; 32]));
        let cause = Hash::of(b"message");
        let ids = [item(b"k", &cause, &one, 0), item(b"k", &cause, &other, 0), item(b"l", &cause, &one, 0)];
        assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[0] != item(b"k", &cause, &one, 1));
        assert_ne!(tag(b"k", 1, &one), tag(b"k", 1, &other));
        let many: Vec<_> = (0..8).map(|number| tag(b"k", number, &one)).collect();
        let own = tag(b"k", 9, &one);
        let tags = tags(&many, own);
        assert_eq!((tags.len(), tags.first(), tags.last()), (8, many.get(1), Some(&own)));
    }
}
