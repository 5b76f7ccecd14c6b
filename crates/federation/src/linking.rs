//! Accepting an invitation on behalf of a person who waits for the outcome.

use std::sync::Arc;
use std::time::Duration;

use deskwire_engine::port::{Linker, Pending};
use deskwire_engine::{Fault, Partner, Refusal};
use deskwire_proto::code::Code;
use deskwire_proto::endpoint::Endpoint;
use deskwire_proto::id::{DeskId, LinkId};
use deskwire_proto::invitation::{Invitation, InvitationError};
use deskwire_proto::text::Label;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::LinkState;
use tokio::time::timeout;

use crate::exchange::Exchange;
use crate::peer::Trouble;
use crate::shared::{Missed, Shared};

/// How long a person waits to see whether the link is active at once.
const PATIENCE: Duration = Duration::from_secs(5);
/// An invitation that ended longer ago than any clock is wrong is not even tried.
const DOUBT: u64 = 24 * 3_600 * 1_000;

/// The engine's port for linking.
pub(crate) struct Links(pub(crate) Arc<Shared>);

impl Linker for Links {
    fn accept(&self, invitation: String, name: Option<Label>) -> Pending<'_, Result<LinkId, Refusal>> {
        let shared = Arc::clone(&self.0);
        // A person who goes away must not tear the exchange in the middle: the invitation would be used for nothing.
        let work = tokio::spawn(async move { accept(&shared, &invitation, name).await });
        Box::pin(async move { work.await.unwrap_or_else(|_| Err(Refusal::stopping())) })
    }

    fn ask(&self, desk: DeskId) {
        self.0.askers.at_once(desk);
    }

    fn find(&self, link: LinkNo, endpoint: Endpoint) -> Pending<'_, Result<(), Refusal>> {
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.find(link, &endpoint).await.map_err(|missed| missed.told(&endpoint)) })
    }
}

impl Missed {
    /// What it means for the person who gave the address.
    fn told(self, endpoint: &Endpoint) -> Refusal {
        let refused = |code, words, next| Refusal::new(Fault::Partner, code, words, next);
        match self {
            Self::Refused(refusal) => refusal,
            Self::Unread(trouble) => refused(
                trouble.code,
                trouble.words,
                "Ask the partner's operator for the address of its desk, and whether it is up.",
            ),
            Self::OtherDesk(name) => refused(
                "other-desk",
                format!("At {endpoint} is another desk, which calls itself {name}."),
                "Ask the partner's operator for the address of its desk.",
            ),
            Self::Unvouched => {
                let trouble = Trouble::other_key(endpoint);
                refused(trouble.code, trouble.words, "Call the partner before you try again.")
            }
            Self::Older => refused(
                "descriptor-old",
                format!("What the desk at {endpoint} says of itself is older than what is known here."),
                "If it is a copy or was restored, let its operator start it anew first; then try again.",
            ),
        }
    }
}

async fn accept(shared: &Shared, text: &str, name: Option<Label>) -> Result<LinkId, Refusal> {
    let invitation = read(text, shared.us(), shared.engine.now())?;
    let linked = shared
        .engine
        .reader()
        .partners()?
        .into_iter()
        .find(|partner| partner.desk() == invitation.desk && partner.row.state != LinkState::Closed);
    if let Some(partner) = linked {
        // Whoever did not see the answer says the same again.
        if !came_of(shared, &partner, &invitation)? {
            return Err(already_linked(&partner.row.partner_name, &partner.row.name));
        }
        wait_for_state(shared, partner.no).await?;
        return Ok(partner.row.link);
    }
    let endpoint = Endpoint::try_from(&invitation.endpoint).map_err(|error| damaged(&error.to_string()))?;
    let exchange = Exchange {
        desk: invitation.desk,
        endpoint,
        terms: invitation.terms,
        secret: Some(invitation.secret),
        name,
    };
    let composed = exchange.compose(shared).await?;
    let heard = exchange.converse(shared, &composed).await.map_err(told)?;
    let (no, link) = exchange.conclude(shared, &composed, heard).await?;
    wait_for_state(shared, no).await?;
    Ok(link)
}

/// Whether a link was made by accepting this invitation.
///
/// # Errors
/// When the store fails.
fn came_of(shared: &Shared, partner: &Partner, invitation: &Invitation) -> Result<bool, Refusal> {
    let opened = match shared.engine.reader().record(partner.row.terms)? {
        Record::LinkOpened(opened) => opened,
        _ => return Ok(false),
    };
    Ok(opened.accepted == Some(invitation.secret.stored_hash()))
}

/// Reads an invitation and refuses what need not be tried.
///
/// # Errors
/// What is wrong with it and what to do.
fn read(text: &str, us: DeskId, now: Timestamp) -> Result<Invitation, Refusal> {
    let invitation: Invitation = text.parse().map_err(|error: InvitationError| unreadable(&error))?;
    if invitation.desk == us {
        return Err(Refusal::new(
            Fault::Invalid,
            "own-invitation",
            "This invitation was made by this desk itself.",
            "Give it to the partner, who accepts it at the other desk.",
        ));
    }
    if invitation.expires.plus(DOUBT) < now {
        return Err(expired());
    }
    Ok(invitation)
}

fn unreadable(error: &InvitationError) -> Refusal {
    let code = match error {
        InvitationError::NotAnInvitation => "not-an-invitation",
        InvitationError::Truncated => "invitation-cut",
        InvitationError::WrongCheck | InvitationError::EndpointDiffers => return damaged(&error.to_string()),
        InvitationError::NotUnderstood(_) => "invitation-not-understood",
    };
    let next = match error {
        InvitationError::NotUnderstood(_) => {
            "Install the newest version of Deskwire, or ask for a new invitation."
        }
        _ => "Copy the whole text of the invitation, from https:// to its last letter.",
    };
    Refusal::new(Fault::Invalid, code, sentence(&error.to_string()), next)
}

fn damaged(why: &str) -> Refusal {
    Refusal::new(
        Fault::Invalid,
        "invitation-damaged",
        sentence(why),
        "Copy the text of the invitation once more, or scan its QR code.",
    )
}

fn expired() -> Refusal {
    Refusal::new(
        Fault::Conflict,
        Code::InvitationExpired.as_str(),
        "The invitation has expired or was withdrawn.",
        "Ask the partner's operator for a new one.",
    )
}

fn already_linked(partner: &Label, name: &Label) -> Refusal {
    Refusal::new(
        Fault::Conflict,
        Code::AlreadyLinked.as_str(),
        format!("This desk is linked with {partner} already."),
        format!("See that link with `deskwire link show {name}`, or close it before you link anew."),
    )
}

/// What the partner's refusal means for the person who holds the invitation.
fn told(trouble: Trouble) -> Refusal {
    let (words, next) = match trouble.wire() {
        Some(Code::InvitationExpired) => return expired(),
        Some(Code::InvitationUsed) => (
            "The invitation has been used already.",
            "Ask the partner's operator for a new one. If you did not use it, ask who did.",
        ),
        Some(Code::InvitationUnknown) => {
            ("The partner's desk does not know this invitation.", "Ask the partner's operator for a new one.")
        }
        Some(Code::NoEndpoint) => (
            "Neither this desk nor the partner's has an address at which the other could reach it.",
            "Give one of the two desks a public address, and accept the invitation again.",
        ),
        Some(Code::AlreadyLinked) => (
            "The partner's desk has an open link with this one already.",
            "Ask the partner's operator to close the old link first.",
        ),
        Some(Code::TermsDiffer) => (
            "The partner's desk does not offer the terms of this invitation any more.",
            "Ask the partner's operator for a new invitation.",
        ),
        _ => return not_done(trouble),
    };
    Refusal::new(Fault::Partner, trouble.code, words, next)
}

fn not_done(trouble: Trouble) -> Refusal {
    let next = match trouble.code {
        "other-desk" | "not-a-desk" => {
            "Check with the partner's operator that the invitation is the newest one."
        }
        "tls-key-differs" => "Call the partner before you try again.",
        "address-not-allowed" => "Allow that range in deskwire.toml if the partner's desk really is there.",
        _ => "Nothing was changed. Try again, and ask the partner's operator if it goes on.",
    };
    Refusal::new(Fault::Partner, trouble.code, trouble.words, next)
}

/// Waits until the partner has said whether the link is active, or for as long as a person waits.
async fn wait_for_state(shared: &Shared, no: LinkNo) -> Result<(), Refusal> {
    let mut told = shared.lanes.of(no).told.subscribe();
    let waiting = |shared: &Shared| {
        let partner = shared.partner(no)?;
        Ok::<_, Refusal>(partner.is_some_and(|partner| partner.row.state == LinkState::WaitingPartner))
    };
    let answered = async {
        while waiting(shared)? && *told.borrow_and_update() == 0 {
            if told.changed().await.is_err() {
                break;
            }
        }
        Ok(())
    };
    timeout(PATIENCE, answered).await.unwrap_or(Ok(()))
}

/// Errors of the protocol crate begin small and end without a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

#[cfg(test)]
mod tests {
    //! A person with a broken invitation must learn what to do, before anything is sent.
    use deskwire_proto::document::V1;
    use deskwire_proto::invitation::Secret;
    use deskwire_proto::terms::Terms;
    use deskwire_proto::text::Url;

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const US: DeskId = DeskId::new([1; 32]);

    fn invitation(desk: DeskId, expires: Timestamp) -> String {
        Invitation {
            v: V1,
            desk,
            terms: Terms::default(),
            secret: Secret::new([9; 16]),
            expires,
            approved: None,
            endpoint: Url::new("https://a.example:8443").unwrap(),
        }
        .to_string()
    }

    fn code(text: &str) -> &'static str {
        read(text, US, NOW).unwrap_err().code
    }

    #[test]
    fn each_kind_of_broken_invitation_has_its_own_code() {
        let good = invitation(DeskId::new([2; 32]), NOW);
        assert!(read(&good, US, NOW).is_ok());
        assert!(read(&good, US, NOW.plus(DOUBT)).is_ok(), "the inviter's clock decides");
        assert_eq!(code(&good[..good.len() - 9]), "invitation-cut");
        assert_eq!(code(&good.replace("a.example", "b.example")), "invitation-damaged");
        assert_eq!(code("https://a.example/"), "not-an-invitation");
        assert_eq!(code(&invitation(US, NOW)), "own-invitation");
        assert_eq!(
            code(&invitation(DeskId::new([2; 32]), Timestamp(NOW.0 - DOUBT - 1))),
            "invitation-expired"
        );
    }

    #[test]
    fn refusals_are_sentences_with_advice() {
        let refusal = read("hello", US, NOW).unwrap_err();
        assert!(
            refusal.words.starts_with("This is no invitation") && refusal.words.ends_with('.'),
            "{refusal}"
        );
        assert!(!refusal.next.is_empty());
    }
}
