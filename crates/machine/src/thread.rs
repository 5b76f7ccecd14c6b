//! Audiences as types: what is said on a ticket is internal unless somebody said who shall see it, and nothing but
//! what may be shared becomes a message (proto-spec, section 9.1).
//!
//! What stays in the house has no way into a message:
//!
//! ```compile_fail,E0308
//! use deskwire_machine::thread::{Internal, comment};
//! use deskwire_proto::message::common::Person;
//! use deskwire_proto::terms::Terms;
//! use deskwire_proto::text::Prose;
//!
//! let note: Internal<Prose> = Internal::new(Prose::new("The client does not pay.").unwrap());
//! comment(&note, &Person::default(), &Terms::default());
//! ```
//!
//! The same with words for the partner does have one:
//!
//! ```
//! use deskwire_machine::thread::{Draft, Reach, comment};
//! use deskwire_proto::message::common::Person;
//! use deskwire_proto::terms::Terms;
//! use deskwire_proto::text::Prose;
//!
//! let words = Prose::new("The part has arrived.").unwrap();
//! let Draft::Shared(words) = Draft::new(words, Some(Reach::Delegation)) else { unreachable!() };
//! comment(&words, &Person::default(), &Terms::default());
//! ```

use std::fmt;

use deskwire_proto::id::{Hash, ItemId};
use deskwire_proto::message::comment_add::AuthorProof;
use deskwire_proto::message::common::{Audience, NoText, Person};
use deskwire_proto::message::{Body, comment_add, comment_edit, comment_retract, file_add, file_retract};
use deskwire_proto::number::{FileSize, Revision};
use deskwire_proto::terms::Terms;
use deskwire_proto::text::{FileName, Label, Prose};

use crate::disclosure;

/// Content that stays in the house. It can be shown on this desk's own screens and stored, and nothing else.
#[derive(Clone, PartialEq, Eq)]
pub struct Internal<T>(T);

impl<T> Internal<T> {
    /// Keeps content in the house.
    #[must_use]
    pub const fn new(content: T) -> Self {
        Self(content)
    }

    /// The content, for this desk's own screens and its own disk alone.
    #[must_use]
    pub const fn reveal_inside(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Internal<T> {
    /// Without the content: logs are read outside the house.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Internal(..)")
    }
}

/// Content whose author chose that partners shall see it, with the audience chosen. [`Draft::new`] makes it of this desk's
/// own, [`Shareable::of_partner`] of what a partner meant for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shareable<T> {
    content: T,
    audience: Audience,
}

impl<T> Shareable<T> {
    /// What a partner contributed, where it meant it for all partners of the case: that may go onward. What is for the
    /// two desks alone may not (proto-spec, section 9.1).
    #[must_use]
    pub fn of_partner(content: T, audience: Audience) -> Option<Self> {
        match audience {
            Audience::Thread => Some(Self { content, audience }),
            Audience::Delegation => None,
        }
    }

    /// The content.
    #[must_use]
    pub const fn content(&self) -> &T {
        &self.content
    }

    /// Who may see it beyond the desk that wrote it.
    #[must_use]
    pub const fn audience(&self) -> Audience {
        self.audience
    }
}

/// How far something shall reach beyond the people of this desk. Where nobody said it, it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// To the client of this desk; no partner sees it.
    Requester,
    /// To the other desk of the delegations chosen.
    Delegation,
    /// To all partners of the case that the relays allow.
    Thread,
}

/// Something that a person of this desk contributes to a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Draft<T> {
    /// For nobody outside this desk.
    Internal(Internal<T>),
    /// For the client of this desk. Partners do not see it, so it is internal towards them.
    Requester(Internal<T>),
    /// For partners.
    Shared(Shareable<T>),
}

impl<T> Draft<T> {
    /// Content with the reach that its author chose; without a choice it is internal.
    #[must_use]
    pub fn new(content: T, reach: Option<Reach>) -> Self {
        match reach {
            None => Self::Internal(Internal(content)),
            Some(Reach::Requester) => Self::Requester(Internal(content)),
            Some(Reach::Delegation) => Self::Shared(Shareable { content, audience: Audience::Delegation }),
            Some(Reach::Thread) => Self::Shared(Shareable { content, audience: Audience::Thread }),
        }
    }

    /// The content, for this desk's own screens and its own disk alone.
    #[must_use]
    pub const fn reveal_inside(&self) -> &T {
        match self {
            Self::Internal(content) | Self::Requester(content) => content.reveal_inside(),
            Self::Shared(content) => content.content(),
        }
    }

    /// The content with its audience, if partners may see it.
    #[must_use]
    pub const fn shared(&self) -> Option<&Shareable<T>> {
        match self {
            Self::Internal(_) | Self::Requester(_) => None,
            Self::Shared(content) => Some(content),
        }
    }
}

/// A `comment.add` in the name of `by`, of whom as much is said as the terms let travel.
#[must_use]
pub fn comment(words: &Shareable<Prose>, by: &Person, terms: &Terms) -> Body {
    let facts = comment_add::Facts { audience: words.audience };
    Body::CommentAdd { facts, text: comment_text(words, by, terms) }
}

/// The same comment or edit with this desk's proof, by which relays may name it.
#[must_use]
pub fn with_proof(mut body: Body, proof: AuthorProof) -> Body {
    if let Body::CommentAdd { text, .. } | Body::CommentEdit { text, .. } = &mut body {
        text.proof = Some(proof);
    }
    body
}

/// A `comment.edit`: all words of a comment, anew.
#[must_use]
pub fn edit(
    words: &Shareable<Prose>,
    comment: ItemId,
    version: Revision,
    by: &Person,
    terms: &Terms,
) -> Body {
    let facts = comment_edit::Facts { comment, version };
    Body::CommentEdit { facts, text: comment_text(words, by, terms) }
}

/// A `comment.retract`; it carries no content.
#[must_use]
pub const fn retract(comment: ItemId) -> Body {
    Body::CommentRetract { facts: comment_retract::Facts { comment }, text: NoText }
}

/// A file as it is announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: FileName,
    /// Its media type.
    pub media: Option<Label>,
    /// SHA-256 of its bytes.
    pub blob: Hash,
    /// Its size.
    pub size: FileSize,
    /// SHA-256 of its chunk list.
    pub chunks: Hash,
    /// The comment it belongs to.
    pub comment: Option<ItemId>,
}

/// A `file.add` in the name of `by`, of whom as much is said as the terms let travel.
#[must_use]
pub fn file(file: &Shareable<File>, by: &Person, terms: &Terms) -> Body {
    let File { name, media, blob, size, chunks, comment } = file.content();
    Body::FileAdd {
        facts: file_add::Facts {
            blob: *blob,
            size: *size,
            chunks: *chunks,
            comment: *comment,
            audience: file.audience,
        },
        text: file_add::Text {
            by: disclosure::person(by, terms),
            name: name.clone(),
            media: media.clone(),
            origin: None,
            relayed: None,
        },
    }
}

/// A `file.retract`; it carries no content.
#[must_use]
pub const fn retract_file(file: ItemId) -> Body {
    Body::FileRetract { facts: file_retract::Facts { file }, text: NoText }
}

fn comment_text(words: &Shareable<Prose>, by: &Person, terms: &Terms) -> comment_add::Text {
    comment_add::Text {
        by: disclosure::person(by, terms),
        body: words.content.clone(),
        proof: None,
        origin: None,
        relayed: None,
    }
}

#[cfg(test)]
mod tests {
    //! What nobody chose to share stays in the house; what is shared says no more of a person than was agreed.
    use deskwire_proto::terms::PersonRule;

    use super::*;

    fn words() -> Prose {
        Prose::new("The part has arrived.").unwrap()
    }

    fn engineer() -> Person {
        Person { name: Label::new("Ann").ok(), function: Label::new("engineer").ok() }
    }

    #[test]
    fn without_a_choice_no_partner_sees_it() {
        assert!(matches!(Draft::new(words(), None), Draft::Internal(_)));
        assert!(Draft::new(words(), None).shared().is_none());
        assert!(Draft::new(words(), Some(Reach::Requester)).shared().is_none());
        assert_eq!(Draft::new(words(), None).reveal_inside(), &words());
    }

    #[test]
    fn the_audience_on_the_wire_is_the_one_chosen() {
        for (reach, audience) in
            [(Reach::Delegation, Audience::Delegation), (Reach::Thread, Audience::Thread)]
        {
            let draft = Draft::new(words(), Some(reach));
            let body = comment(draft.shared().unwrap(), &engineer(), &Terms::default());
            let Body::CommentAdd { facts, text } = body else { panic!("another kind") };
            assert_eq!((facts.audience, text.body), (audience, words()));
        }
    }

    #[test]
    fn of_a_person_travels_what_the_terms_say() {
        let draft = Draft::new(words(), Some(Reach::Thread));
        let terms = Terms { person: PersonRule::Function, ..Terms::default() };
        let body = comment(draft.shared().unwrap(), &engineer(), &terms);
        let Body::CommentAdd { text, .. } = body else { panic!("another kind") };
        assert_eq!(text.by, Some(Person { name: None, function: Label::new("engineer").ok() }));
    }

    #[test]
    fn a_log_line_does_not_tell_what_is_internal() {
        assert_eq!(format!("{:?}", Draft::new(words(), None)), "Internal(Internal(..))");
    }
}
