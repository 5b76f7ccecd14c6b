//! Links, what leads to them, and how they fare.

use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_proto::id::{DeskId, Hash};
use deskwire_proto::terms::{Side, Terms};
use deskwire_proto::text::Label;
use deskwire_proto::time::Timestamp;
use deskwire_proto::words::VerificationWords;
use deskwire_store::Direction;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::{ExpectedRow, InvitationRow, LinkEventRow, LinkState, Pause, StreamRow};
use deskwire_store::table::{EXPECTED, INVITATIONS, LINK_EVENTS, LINKS, Rows};

use super::accord::{self, SaidOnLink};
use super::health::{self, Health};
use super::lookup::broken;
use super::ticket::quoted;
use crate::{Partner, Reader, Refusal};

/// One link.
#[derive(Debug, Clone)]
pub struct Link {
    /// The link, the partner and the terms.
    pub partner: Arc<Partner>,
    /// Where both streams stand.
    pub stream: StreamRow,
    /// What both sides read to each other.
    pub words: VerificationWords,
    /// When an authenticated word of the partner last came, since the daemon runs.
    pub last_contact: Option<Timestamp>,
    /// What stands in the way.
    pub trouble: Option<LinkTrouble>,
    /// When the next attempt is due; nothing when nothing waits or nothing will be tried.
    pub next_attempt: Option<Timestamp>,
    /// The partner has no endpoint: it fetches what we have for it.
    pub partner_fetches: bool,
    /// When it last asked, since the daemon runs.
    pub last_asked: Option<Timestamp>,
    /// We have no endpoint: we fetch what the partner has for us.
    pub fetches: bool,
    /// How it fares.
    pub health: Health,
    /// The suspensions that stand, ours first.
    pub suspensions: Vec<SaidOnLink>,
    /// What was said of its end, ours first.
    pub ends: Vec<SaidOnLink>,
    /// What happened to it, newest first, at most twenty.
    pub events: Vec<LinkEventRow>,
}

/// Events of a link that are shown with it.
pub(super) const EVENTS: usize = 20;

/// What stands in the way of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTrouble {
    /// Stable, for programs.
    pub code: String,
    /// What is wrong and what to do.
    pub words: String,
}

/// A desk that was added by hand and has not linked yet.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The desk.
    pub desk: DeskId,
    /// How the link is called until then, and after it if the operator chose the name.
    pub name: String,
    /// What is stored of it.
    pub row: ExpectedRow,
    /// The terms that this desk asks for.
    pub terms: Terms,
    /// Which side this desk will be.
    pub side: Side,
    /// Why the last try failed.
    pub trouble: Option<LinkTrouble>,
    /// When the next try is due; nothing when the partner has to come.
    pub next_attempt: Option<Timestamp>,
}

/// An invitation that was made here.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// The hash of its secret.
    pub id: Hash,
    /// What is stored of it.
    pub row: InvitationRow,
    /// The terms that it offers.
    pub terms: Terms,
    /// Whether it can still be accepted.
    pub state: InvitationState,
    /// How the link is called that came of it.
    pub link: Option<Label>,
}

/// Whether an invitation can still be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationState {
    /// It can.
    Open,
    /// Somebody accepted it.
    Used,
    /// Its time is over.
    Expired,
    /// This desk took it back.
    Revoked,
}

/// All links, by name.
///
/// # Errors
/// When the store fails.
pub fn links(reader: &Reader) -> Result<Vec<Link>, Refusal> {
    let mut links: Vec<_> =
        reader.partners()?.into_iter().map(|partner| whole(reader, partner)).collect::<Result<_, _>>()?;
    links.sort_by(|one, other| one.partner.row.name.cmp(&other.partner.row.name));
    Ok(links)
}

/// The link with this local name or id.
///
/// # Errors
/// `unknown-link`, or when the store fails.
pub fn link(reader: &Reader, name: &str) -> Result<Link, Refusal> {
    let partner = reader.partner_by_name(name)?;
    let unknown = || Refusal::unknown("link", quoted(name), "deskwire link list");
    whole(reader, partner.ok_or_else(unknown)?)
}

/// What happened to a link, newest first, at most `limit`; what concerns the whole desk stands under link 0.
///
/// # Errors
/// When the store fails.
pub fn link_events(reader: &Reader, no: LinkNo, limit: usize) -> Result<Vec<LinkEventRow>, Refusal> {
    let mut events = Vec::new();
    reader.rows().scan(LINK_EVENTS, &no, None, Direction::Backward, &mut |_, event| {
        events.push(event);
        Ok(if events.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    Ok(events)
}

/// Desks added by hand that have not linked yet, by name.
///
/// # Errors
/// When the store fails.
pub fn expected(reader: &Reader) -> Result<Vec<Expected>, Refusal> {
    let ours = reader.identity().desk();
    let one = |(desk, row): (DeskId, ExpectedRow)| {
        let terms = reader.expected_terms(&row)?;
        let name = row.name.as_ref().map_or_else(|| provisional_name(&desk), ToString::to_string);
        // Who accepts and who invites is settled by the ids (proto-spec, section 3.8).
        let side = if ours < desk { Side::Inviter } else { Side::Accepter };
        let trouble = row.trouble.as_ref().map(|why| LinkTrouble::new(why.code.as_str(), why.words.as_str()));
        let next_attempt = row.endpoint.as_ref().and(row.retry.waits_until());
        Ok(Expected { desk, name, terms, side, trouble, next_attempt, row })
    };
    let rows = reader.rows().list(EXPECTED, &(), usize::MAX)?;
    let mut expected: Vec<_> = rows.into_iter().map(one).collect::<Result<_, Refusal>>()?;
    expected.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(expected)
}

/// The invitations made here, newest first.
///
/// # Errors
/// When the store fails.
pub fn invitations(reader: &Reader, now: Timestamp) -> Result<Vec<Invitation>, Refusal> {
    let rows = reader.rows().list(INVITATIONS, &(), usize::MAX)?;
    let mut all: Vec<_> =
        rows.into_iter().map(|(id, row)| invited(reader, id, row, now)).collect::<Result<_, _>>()?;
    all.sort_by_key(|invitation| std::cmp::Reverse(invitation.row.created));
    Ok(all)
}

/// One invitation.
///
/// # Errors
/// `unknown-invitation`, or when the store fails.
pub fn invitation(reader: &Reader, id: &Hash, now: Timestamp) -> Result<Invitation, Refusal> {
    let row = reader.rows().get(INVITATIONS, id)?;
    let unknown = || {
        Refusal::new(
            crate::Fault::NotFound,
            "unknown-invitation",
            format!("There is no invitation {id} at this desk."),
            "See what there is with `deskwire link invitations`.",
        )
    };
    invited(reader, *id, row.ok_or_else(unknown)?, now)
}

impl LinkTrouble {
    fn new(code: &str, words: &str) -> Self {
        Self { code: code.to_owned(), words: words.to_owned() }
    }
}

fn whole(reader: &Reader, partner: Arc<Partner>) -> Result<Link, Refusal> {
    let stream = reader.stream(partner.no)?;
    let trouble = trouble(&partner).or_else(|| recovering(&partner, &stream));
    let health = health::health(reader, &partner, &stream)?;
    let tried = match &partner.row.state {
        LinkState::Active => stream.waiting > 0 || stream.acked < stream.out_length,
        LinkState::WaitingApproval | LinkState::WaitingPartner => partner.row.reveal.is_some(),
        LinkState::Paused(_) | LinkState::Quarantined(_) | LinkState::Closed => false,
    };
    let partner_fetches = partner.endpoints().is_empty();
    Ok(Link {
        words: VerificationWords::new(partner.row.link.as_bytes()),
        last_contact: health.last_contact,
        next_attempt: partner.row.retry.waits_until().filter(|_| tried && !partner_fetches),
        partner_fetches,
        last_asked: reader.last_asked(partner.no),
        fetches: reader.identity().descriptor().body().endpoints.is_empty(),
        suspensions: accord::suspensions(reader, &partner.row)?,
        ends: accord::ends(reader, &partner.row)?,
        events: link_events(reader, partner.no, EVENTS)?,
        health,
        trouble,
        stream,
        partner,
    })
}

/// What was lost here is on its way back.
fn recovering(partner: &Partner, stream: &StreamRow) -> Option<LinkTrouble> {
    let recovery = stream.recovery.as_ref()?;
    let name = &partner.row.partner_name;
    let words = if recovery.complete {
        format!(
            "This desk was restored from an older state. Its own messages are here again, {} of {} of {name} too; nothing \
             new is sent before all are.",
            stream.in_length, recovery.upto
        )
    } else {
        format!(
            "This desk was restored from an older state and fetches its own messages back from {name}: {} of {} are here. \
             Nothing new is sent before all are.",
            stream.out_length,
            recovery.length.max(stream.out_length)
        )
    };
    Some(LinkTrouble::new("recovering", &words))
}

fn trouble(partner: &Partner) -> Option<LinkTrouble> {
    let name = &partner.row.partner_name;
    let paused = match &partner.row.state {
        LinkState::Paused(Pause::Fork(_)) => Some((
            "fork",
            format!(
                "{name} has signed two different messages with one number. Both are kept, and nothing is taken or \
                 sent any more: look at both with `deskwire link repair`, speak with its operator, and choose the same one."
            ),
        )),
        LinkState::Paused(Pause::Recovery) => Some((
            "recovery-needed",
            format!(
                "{name} holds another history of this desk's own messages than this desk. If an old backup was \
                 restored here, restore the newest one; else ask its operator what happened."
            ),
        )),
        LinkState::Paused(Pause::Clone) => Some((
            "clone-suspected",
            format!(
                "Two copies of the desk of {name} seem to run, and nothing is taken or sent any more: ask its operator \
                 to stop one of them, then go on with `deskwire link resume`."
            ),
        )),
        LinkState::Paused(Pause::Told(why) | Pause::BadPage(why)) | LinkState::Quarantined(why) => {
            Some((why.code.as_str(), why.words.to_string()))
        }
        LinkState::Paused(Pause::OwnFork(_)) => Some((
            "fork",
            format!(
                "{name} holds another history of this desk's own messages. Both are kept, and nothing is taken or sent \
                 any more: speak with its operator, look at both with `deskwire link repair`, and choose the same one."
            ),
        )),
        LinkState::Paused(Pause::Beyond(upto)) => Some((
            "history-lost",
            format!(
                "This desk has seen message {upto} of {name}, which {name} itself does not have any more: both were \
                 restored. Speak with its operator; `deskwire link repair --theirs` goes on with what there is."
            ),
        )),
        LinkState::WaitingApproval | LinkState::WaitingPartner | LinkState::Active | LinkState::Closed => {
            None
        }
    };
    match paused {
        Some((code, words)) => Some(LinkTrouble::new(code, &words)),
        None => {
            let last = partner.row.trouble.as_ref().map(|trouble| &trouble.last);
            last.map(|why| LinkTrouble::new(why.code.as_str(), why.words.as_str()))
        }
    }
}

/// A name for a desk of which only the id is known.
fn provisional_name(desk: &DeskId) -> String {
    let id = desk.to_string().to_ascii_lowercase();
    format!("desk-{}", id.split('-').next().unwrap_or_default())
}

fn invited(reader: &Reader, id: Hash, row: InvitationRow, now: Timestamp) -> Result<Invitation, Refusal> {
    let Record::InvitationMade { terms, .. } = reader.record(row.entry)? else {
        return Err(broken("an invitation is another record"));
    };
    let state = match (row.used, row.revoked) {
        (Some(_), _) => InvitationState::Used,
        (None, true) => InvitationState::Revoked,
        (None, false) if row.expires <= now => InvitationState::Expired,
        (None, false) => InvitationState::Open,
    };
    let link = match row.used {
        Some(no) => reader.rows().get(LINKS, &no)?.map(|link| link.name),
        None => None,
    };
    Ok(Invitation { id, row, terms, state, link })
}
