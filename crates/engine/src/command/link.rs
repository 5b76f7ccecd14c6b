//! What operators and couriers do with links.

use deskwire_machine::retry::{Delivery, Failure, Retry};
use deskwire_proto::code::Code;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::document::V1;
use deskwire_proto::id::{DeskId, Hash};
use deskwire_proto::invitation::{Invitation, Secret};
use deskwire_proto::limits::INVITATION_LIFE;
use deskwire_proto::terms::Terms;
use deskwire_proto::text::{Label, Url};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::{LinkRow, LinkState, Pause};
use deskwire_store::table::{INVITATIONS, LINKS, Rows};
use serde::{Deserialize, Serialize};

pub use super::closing::End;
use super::{closing, find, key};
use crate::identity::Identity;
use crate::port::Effect;
use crate::sabotage::{self, Sabotage};
use crate::{Command, Fault, Refusal, Step, refused};

/// Makes an invitation. The secret is derived from `draw` and never stored.
#[derive(Debug, Clone)]
pub struct MakeInvitation {
    /// Unpredictable and new for each invitation.
    pub draw: Hash,
    /// How long it is good for; seven days unless said otherwise.
    pub life_ms: Option<u64>,
    /// The terms that are offered.
    pub terms: Terms,
    /// Whether the link is approved in advance.
    pub approved: bool,
}

/// An invitation that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationMade {
    /// Hash of its secret, by which it is listed and revoked.
    pub id: Hash,
    /// When it ends.
    pub expires: Timestamp,
    /// Whether the link is approved in advance.
    pub approved: bool,
}

impl Command for MakeInvitation {
    type Reply = InvitationMade;

    fn run(self, step: &mut Step<'_>) -> Result<InvitationMade, Refusal> {
        endpoint(step.identity)?;
        let id = secret(step.identity, &self.draw).stored_hash();
        let expires = step.now.plus(self.life_ms.unwrap_or(INVITATION_LIFE));
        let (approved, terms, at) = (self.approved, self.terms, step.now);
        step.record(&Record::InvitationMade { secret: id, expires, approved, terms, at }, None)?;
        Ok(InvitationMade { id, expires, approved })
    }
}

/// The text of an invitation, for the partner alone: it holds the secret.
///
/// # Errors
/// A refusal if this desk cannot be reached from outside.
pub fn invitation_text(
    identity: &Identity,
    made: &InvitationMade,
    draw: &Hash,
    terms: &Terms,
) -> Result<String, Refusal> {
    let invitation = Invitation {
        v: V1,
        desk: identity.desk(),
        terms: terms.clone(),
        secret: secret(identity, draw),
        expires: made.expires,
        approved: made.approved.then_some(true),
        endpoint: endpoint(identity)?,
    };
    Ok(invitation.to_string())
}

fn secret(identity: &Identity, draw: &Hash) -> Secret {
    let seed = identity.secret().seed();
    let hash = Hash::of_parts(&[b"deskwire invitation secret", seed.as_slice(), draw.as_bytes()]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    Secret::new(bytes)
}

fn endpoint(identity: &Identity) -> Result<Url, Refusal> {
    identity.descriptor().body().endpoints.first().cloned().ok_or_else(|| {
        Refusal::new(
            Fault::Conflict,
            "no-endpoint",
            "This desk has no address at which a partner could reach it, so it cannot invite.",
            "Let the partner invite you, or set the endpoint in deskwire.toml.",
        )
    })
}

/// Takes an invitation back.
#[derive(Debug, Clone, Copy)]
pub struct RevokeInvitation {
    /// Hash of its secret.
    pub id: Hash,
}

impl Command for RevokeInvitation {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let row = step.rows().get(INVITATIONS, &self.id)?;
        let row = row.ok_or_else(|| {
            Refusal::new(
                Fault::NotFound,
                "unknown-invitation",
                "There is no such invitation at this desk.",
                "See what there is with `deskwire link list`.",
            )
        })?;
        if !row.revoked {
            step.record(&Record::InvitationRevoked { secret: self.id, at: step.now }, None)?;
        }
        Ok(())
    }
}

/// Adds a desk by hand: both operators do, and the desks link when they meet.
#[derive(Debug, Clone)]
pub struct Expect {
    /// The other desk.
    pub desk: DeskId,
    /// Where it can be reached, if this side knows.
    pub endpoint: Option<Url>,
    /// How the link will be called.
    pub name: Option<Label>,
    /// The terms; both sides must enter the same.
    pub terms: Terms,
}

impl Command for Expect {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        if self.desk == step.identity.desk() {
            return Err(own_desk());
        }
        if let Some((_, link)) = open_link_with(step, self.desk)? {
            return Err(Refusal::new(
                Fault::Conflict,
                "already-linked",
                format!("This desk is linked with {} already: {}.", link.partner_name, link.name),
                "Use that link.",
            ));
        }
        if self.endpoint.is_none() && step.identity.descriptor().body().endpoints.is_empty() {
            return Err(Refusal::new(
                Fault::Conflict,
                "no-endpoint",
                "This desk has no address, so the partner cannot come to it, and no address of the partner was given.",
                "Give the partner's address with --endpoint. Where neither desk has one they cannot be linked: give one of \
                 them a public address.",
            ));
        }
        let Self { desk, endpoint, name, terms } = self;
        step.record(&Record::LinkExpected { desk, endpoint, name, terms, at: step.now }, None)?;
        step.after(Effect::Links);
        Ok(())
    }
}

pub(super) fn own_desk() -> Refusal {
    Refusal::new(
        Fault::Conflict,
        "own-desk",
        "That is this desk itself; a desk cannot be linked with itself.",
        "Run the command at the other desk, with --data for its folder.",
    )
}

/// A link with this desk that is not closed.
pub(super) fn open_link_with(step: &Step<'_>, desk: DeskId) -> Result<Option<(LinkNo, LinkRow)>, Refusal> {
    let links = step.rows().list(LINKS, &(), usize::MAX)?;
    Ok(links.into_iter().find(|(_, row)| row.partner == desk && row.state != LinkState::Closed))
}

/// An operator approves a link that was asked for with an invitation.
#[derive(Debug, Clone, Copy)]
pub struct Approve {
    /// The link.
    pub link: LinkNo,
}

impl Command for Approve {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let row = find::link(step, self.link)?;
        match row.state {
            LinkState::WaitingApproval => {
                step.record(&Record::LinkApproved { no: self.link, at: step.now }, None)?;
                step.wake(self.link);
                Ok(())
            }
            LinkState::WaitingPartner => Err(Refusal::new(
                Fault::Conflict,
                "not-yours-to-approve",
                format!("{} invited, so its operator approves the link {}.", row.partner_name, row.name),
                "Compare the words with that operator by telephone.",
            )),
            LinkState::Active | LinkState::Paused(_) | LinkState::Quarantined(_) | LinkState::Closed => {
                Err(Refusal::new(
                    Fault::Conflict,
                    "already-approved",
                    format!("The link {} is not waiting for approval.", row.name),
                    format!("See how it stands with `deskwire link show {}`.", row.name),
                ))
            }
        }
    }
}

/// An operator has compared the verification words. If they differ, the link ends.
#[derive(Debug, Clone, Copy)]
pub struct Verify {
    /// The link.
    pub link: LinkNo,
    /// Whether they are the same on both sides.
    pub matches: bool,
}

impl Command for Verify {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        find::link(step, self.link)?;
        let (no, at) = (self.link, step.now);
        step.record(&Record::LinkChecked { no, matches: self.matches, at }, None)?;
        if !self.matches {
            // Somebody stands between: nothing more may go over this link, and a new one can be made.
            step.record(&Record::LinkClosed { no, at }, None)?;
            step.wake(no);
        }
        Ok(())
    }
}

/// An operator lets a quarantined link be tried again.
#[derive(Debug, Clone, Copy)]
pub struct Resume {
    /// The link.
    pub link: LinkNo,
}

impl Command for Resume {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let row = find::link(step, self.link)?;
        match row.state {
            // Two copies: one was stopped. A page that did not fit: another backup, or another try.
            LinkState::Quarantined(_) | LinkState::Paused(Pause::Clone | Pause::BadPage(_)) => {
                resume(step, self.link)
            }
            LinkState::Paused(Pause::Recovery) => resume(step, self.link),
            LinkState::Paused(Pause::Told(why)) if why.code.as_str() == "clone-suspected" => {
                resume(step, self.link)
            }
            LinkState::Active if closing::take_up(step, self.link, &row)? => Ok(()),
            LinkState::Active if row.accord.their_stop.is_some() => Err(closing::not_ours_to_end(&row)),
            LinkState::Active => {
                step.record(&Record::DeliveryBack { no: self.link, at: step.now }, None)?;
                step.wake(self.link);
                Ok(())
            }
            LinkState::WaitingApproval
            | LinkState::WaitingPartner
            | LinkState::Paused(_)
            | LinkState::Closed => Err(Refusal::new(
                Fault::Conflict,
                "cannot-resume",
                format!("The link {} cannot simply go on.", row.name),
                format!(
                    "See why with `deskwire link show {0}`. A link that is of no more use ends with `deskwire link end {0}`.",
                    row.name
                ),
            )),
        }
    }
}

fn resume(step: &mut Step<'_>, link: LinkNo) -> Result<(), Refusal> {
    step.record(&Record::Resumed { no: link, at: step.now }, None)?;
    step.memory.sessions.remove(&link);
    step.wake(link);
    // While the link stood still nobody looked for its files.
    step.after(Effect::Fetch(link));
    Ok(())
}

/// The partner says that our stream forks, or that two copies of this desk run: the link pauses here as well.
#[derive(Debug, Clone)]
pub struct PauseTold {
    /// The link.
    pub link: LinkNo,
    /// What the partner answered.
    pub code: Code,
}

impl Command for PauseTold {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let link = find::link(step, self.link)?;
        if !matches!(link.state, LinkState::Active | LinkState::Quarantined(_)) {
            return Ok(());
        }
        let (name, partner) = (&link.name, &link.partner_name);
        let words = match self.code {
            Code::CloneSuspected => format!(
                "{partner} says that two copies of this desk run. Stop one of them and start the other anew; then both \
                 operators run `deskwire link resume`, here for {name}. It gets back what the copy has said meanwhile."
            ),
            code => format!(
                "{partner} holds another history of this desk's own messages ({code}). Both are kept, and the link stands \
                 still. Look at them with `deskwire link repair {name}`, speak with the other operator, and choose the \
                 same one. If another copy of this desk had another address, start this desk anew after that."
            ),
        };
        // The other copy may have told partners another address.
        key::told_elsewhere(step, step.now)?;
        let pause = Pause::Told(refused(self.code.as_str(), &words));
        super::recover::pause(step, self.link, pause, self.code.as_str(), &words)
    }
}

/// Delivery on a link failed. Replies when it is tried again; never by itself once the partner refuses.
#[derive(Debug, Clone)]
pub struct DeliveryFailed {
    /// The link.
    pub link: LinkNo,
    /// How it failed.
    pub failure: Failure,
    /// Stable code.
    pub code: String,
    /// What is wrong, for the operator.
    pub words: String,
}

impl Command for DeliveryFailed {
    type Reply = Option<Timestamp>;

    fn run(self, step: &mut Step<'_>) -> Result<Option<Timestamp>, Refusal> {
        let row = find::link(step, self.link)?;
        let (no, at) = (self.link, step.now);
        if self.code == Code::LinkClosed.as_str() && closing::told_over(step, no, &row)? {
            return Ok(None);
        }
        let why = refused(&self.code, &self.words);
        let jitter = u16::from_be_bytes(step.random());
        step.memory.sessions.remove(&no);
        let forgotten = sabotage::makes(Sabotage::BackOffForgotten);
        let retry = if forgotten { Retry::reset() } else { row.retry };
        match Delivery::Trying(retry).failed(self.failure, at, jitter) {
            Delivery::Trying(Retry { attempt, next_at: next }) => {
                step.record(&Record::DeliveryFailed { no, attempt, next, why, at }, None)?;
                Ok(Some(next))
            }
            Delivery::Quarantined { .. } => {
                if !matches!(row.state, LinkState::Paused(_) | LinkState::Closed) {
                    step.record(&Record::Quarantined { no, why, at }, None)?;
                }
                Ok(None)
            }
        }
    }
}

/// The partner was heard: delivery is tried at once, and what stood in its way is over.
#[derive(Debug, Clone, Copy)]
pub struct Contact {
    /// The link.
    pub link: LinkNo,
}

impl Command for Contact {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let row = find::link(step, self.link)?;
        step.memory.heard(self.link, step.now);
        if row.trouble.is_some() || row.retry.attempt > 0 {
            step.record(&Record::DeliveryBack { no: self.link, at: step.now }, None)?;
            step.wake(self.link);
        }
        Ok(())
    }
}

/// Takes a newer descriptor of a partner.
#[derive(Debug, Clone)]
pub struct TakeDescriptor {
    /// The link.
    pub link: LinkNo,
    /// What the partner says of itself now.
    pub descriptor: Descriptor,
}

impl Command for TakeDescriptor {
    type Reply = key::Taken;

    fn run(self, step: &mut Step<'_>) -> Result<key::Taken, Refusal> {
        if self.descriptor.desk() != find::link(step, self.link)?.partner {
            return Err(Code::WrongDesk.into());
        }
        key::take(step, self.link, &self.descriptor)
    }
}
