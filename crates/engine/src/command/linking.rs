//! The linking exchange, on both sides. proto-spec, section 3.4.

use deskwire_machine::retry::Retry;
use deskwire_proto::code::Code;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::document::{Signed, V1};
use deskwire_proto::id::{DeskId, Hash, LinkId, Nonce};
use deskwire_proto::invitation::Secret;
use deskwire_proto::linking::{
    Approval, LinkAnswer, LinkRequest, LinkReveal, LinkState as StateDocument, commitment, link_id,
};
use deskwire_proto::terms::{Side, Terms};
use deskwire_proto::text::Label;
use deskwire_store::local::LinkNo;
use deskwire_store::record::{LinkExchange, LinkOpened, Record};
use deskwire_store::row::{ExchangeRow, LinkRow, LinkState};
use deskwire_store::table::{EXCHANGES, EXPECTED, INVITATIONS, LINK_IDS, LINKS, Rows};
use serde_bytes::ByteBuf;

use super::{find, link};
use crate::port::Effect;
use crate::{Command, Refusal, Step, refused};

/// Composes our request to another desk. Nothing is recorded: the exchange can be begun again at any time.
#[derive(Debug, Clone)]
pub struct ComposeRequest {
    /// The other desk.
    pub to: DeskId,
    /// The terms, as offered.
    pub terms: Terms,
    /// The secret of the invitation; none for a link by hand.
    pub secret: Option<Secret>,
}

/// A request and the nonce that it commits to.
#[derive(Debug, Clone)]
pub struct ComposedRequest {
    /// The signed request.
    pub raw: Vec<u8>,
    /// Nonce A, to be revealed after the answer.
    pub nonce: Nonce,
}

impl Command for ComposeRequest {
    type Reply = ComposedRequest;

    fn run(self, step: &mut Step<'_>) -> Result<ComposedRequest, Refusal> {
        if self.to == step.identity.desk() {
            return Err(link::own_desk());
        }
        let nonce = Nonce::new(step.random());
        let request = LinkRequest {
            v: V1,
            to: self.to,
            from: step.identity.desk(),
            time: step.now,
            terms: self.terms,
            commit: commitment(&nonce),
            secret: self.secret,
            descriptor: ByteBuf::from(step.identity.descriptor().raw()),
        };
        Ok(ComposedRequest { raw: Signed::seal(request, step.identity.secret()).into_parts().0, nonce })
    }
}

/// Answers another desk's request. What allows it is an unused invitation, or that an operator added the desk.
#[derive(Debug, Clone)]
pub struct AnswerRequest {
    /// Verified with the newest key of its own descriptor.
    pub request: Signed<LinkRequest>,
    /// That descriptor.
    pub descriptor: Descriptor,
}

impl Command for AnswerRequest {
    type Reply = Vec<u8>;

    fn run(self, step: &mut Step<'_>) -> Result<Vec<u8>, Refusal> {
        crate::quota::has_room(step)?;
        let body = self.request.body();
        if body.to != step.identity.desk() || body.from != self.descriptor.desk() {
            return Err(Code::WrongDesk.into());
        }
        if body.from == step.identity.desk() {
            return Err(link::own_desk());
        }
        if let Some(answer) = answered_before(step, body.secret.as_ref(), self.request.hash())? {
            return Ok(answer);
        }
        if step.identity.descriptor().body().endpoints.is_empty()
            && self.descriptor.body().endpoints.is_empty()
        {
            return Err(Code::NoEndpoint.into());
        }
        if let Some((no, row)) = link::open_link_with(step, body.from)?
            && !gives_way(step, body.from, body.secret.is_none(), &row)
        {
            tracing::info!(link = %no, "a desk that is linked already asks to be linked");
            return Err(Code::AlreadyLinked.into());
        }
        let (terms, invitation) = match &body.secret {
            Some(secret) => invited(step, secret, body.from)?,
            None => (expected(step, body.from)?, None),
        };
        if terms != body.terms {
            return Err(Code::TermsDiffer.into());
        }
        let answer = LinkAnswer {
            v: V1,
            to: body.from,
            from: step.identity.desk(),
            time: step.now,
            nonce: Nonce::new(step.random()),
            terms: terms.clone(),
            request: self.request.hash(),
            descriptor: ByteBuf::from(step.identity.descriptor().raw()),
        };
        let answer = Signed::seal(answer, step.identity.secret()).into_parts().0;
        let record = Record::LinkAnswered {
            desk: body.from,
            request: ByteBuf::from(self.request.raw()),
            answer: ByteBuf::from(answer.clone()),
            invitation,
            terms,
            at: step.now,
        };
        step.record(&record, None)?;
        Ok(answer)
    }
}

/// The same signed request gets the same signed answer.
fn answered_before(
    step: &Step<'_>,
    secret: Option<&Secret>,
    request: Hash,
) -> Result<Option<Vec<u8>>, Refusal> {
    let Some(secret) = secret else { return Ok(None) };
    let row = step.rows().get(INVITATIONS, &secret.stored_hash())?;
    let asked = row.map(|row| row.asked).unwrap_or_default();
    let Some(place) = asked.iter().position(|(before, _)| *before == request) else { return Ok(None) };
    if place + 1 < asked.len() {
        // A late copy of a request that a newer one has made void must not void that one in turn.
        return Err(Code::InvitationUsed.into());
    }
    let (_, answer) = asked[place];
    let exchange =
        step.rows().get(EXCHANGES, &answer)?.ok_or_else(|| find::broken("an answer without a row"))?;
    match step.read(exchange.entry)? {
        Record::LinkAnswered { answer, .. } => Ok(Some(answer.into_vec())),
        _ => Err(find::broken("an exchange that is another record")),
    }
}

/// How often the desk that an invitation is bound to may begin the exchange again: each time is one more try for
/// somebody between who looks for matching words.
const EXCHANGES_PER_INVITATION: usize = 16;
/// How long after the expiry an exchange that began before it may finish, milliseconds. proto-spec, section 3.4.
const FINISH_WITHIN: u64 = 24 * 3_600 * 1_000;

fn invited(step: &Step<'_>, secret: &Secret, desk: DeskId) -> Result<(Terms, Option<Hash>), Refusal> {
    let hash = secret.stored_hash();
    let row = step.rows().get(INVITATIONS, &hash)?.ok_or(Code::InvitationUnknown)?;
    let often = row.asked.len() >= EXCHANGES_PER_INVITATION;
    if row.used.is_some() || often || row.desk.is_some_and(|bound| bound != desk) {
        return Err(Code::InvitationUsed.into());
    }
    if row.revoked || row.expires < step.now {
        return Err(Code::InvitationExpired.into());
    }
    match step.read(row.entry)? {
        Record::InvitationMade { terms, .. } => Ok((terms, Some(hash))),
        _ => Err(find::broken("an invitation that is another record")),
    }
}

/// A desk that an operator added may ask. If both ask at once, the request of the smaller desk id stands.
fn expected(step: &Step<'_>, desk: DeskId) -> Result<Terms, Refusal> {
    let row = step.rows().get(EXPECTED, &desk)?.ok_or(Code::NotExpected)?;
    let asking = row.endpoint.is_some() && row.trouble.is_none();
    if asking && step.identity.desk() < desk {
        return Err(Code::LinkCrossed.into());
    }
    match step.read(row.entry)? {
        Record::LinkExpected { terms, .. } => Ok(terms),
        _ => Err(find::broken("an expected desk that is another record")),
    }
}

/// Takes the nonce that the request committed to: the link exists from here on.
#[derive(Debug, Clone)]
pub struct TakeReveal {
    /// Verified with the key of the request's descriptor.
    pub reveal: Signed<LinkReveal>,
}

impl Command for TakeReveal {
    type Reply = Vec<u8>;

    fn run(self, step: &mut Step<'_>) -> Result<Vec<u8>, Refusal> {
        let body = self.reveal.body();
        if body.to != step.identity.desk() {
            return Err(Code::WrongDesk.into());
        }
        let exchange = step.rows().get(EXCHANGES, &body.answer)?.ok_or(Code::BadReveal)?;
        let no = match exchange.link {
            Some(no) => no,
            None => open(step, &exchange, body)?,
        };
        let row = find::link(step, no)?;
        if row.partner != body.from {
            return Err(Code::WrongDesk.into());
        }
        let state = match row.state {
            LinkState::WaitingApproval | LinkState::WaitingPartner => Approval::Waiting,
            LinkState::Active | LinkState::Paused(_) | LinkState::Quarantined(_) => Approval::Active,
            LinkState::Closed => return Err(Code::LinkClosed.into()),
        };
        let document =
            StateDocument { v: V1, to: row.partner, from: step.identity.desk(), link: row.link, state };
        Ok(Signed::seal(document, step.identity.secret()).into_parts().0)
    }
}

/// The request of an exchange whose reveal has come, with the descriptor in it.
///
/// # Errors
/// When the store fails, or there is no such exchange.
pub fn exchange_descriptor(reader: &crate::Reader, answer: &Hash) -> Result<Descriptor, Refusal> {
    let row = reader.rows().get(EXCHANGES, answer)?.ok_or(Code::BadReveal)?;
    let Record::LinkAnswered { request, .. } = reader.record(row.entry)? else {
        return Err(find::broken("an exchange that is another record"));
    };
    let mut found = Err(Code::Malformed);
    Signed::open_with(&request, |body: &LinkRequest| {
        found = Descriptor::open(&body.descriptor);
        found.clone().map(|descriptor| *descriptor.keys().current())
    })?;
    Ok(found?)
}

fn open(step: &mut Step<'_>, exchange: &ExchangeRow, reveal: &LinkReveal) -> Result<LinkNo, Refusal> {
    let Record::LinkAnswered { request, answer, invitation, terms, .. } = step.read(exchange.entry)? else {
        return Err(find::broken("an exchange that is another record"));
    };
    let asked = request_body(&request)?;
    if commitment(&reveal.nonce) != asked.commit || reveal.from != asked.from {
        return Err(Code::BadReveal.into());
    }
    let mut waiting = false;
    if let Some(secret) = &invitation {
        let row = step.rows().get(INVITATIONS, secret)?.ok_or(Code::InvitationUnknown)?;
        // Only the exchange that was answered last can end in a link.
        let last = row.asked.last().is_some_and(|(_, last)| *last == reveal.answer);
        if row.used.is_some() || !last {
            return Err(Code::InvitationUsed.into());
        }
        if row.revoked || row.expires.plus(FINISH_WITHIN) < step.now {
            return Err(Code::InvitationExpired.into());
        }
        waiting = !row.approved;
    }
    let descriptor = Descriptor::open(&asked.descriptor)?;
    let side = side(step, &descriptor, invitation.is_none(), Side::Inviter);
    let opening = Opening {
        link: link_id(&request, &answer, &reveal.nonce),
        name: expected_name(step, descriptor.desk())?,
        side,
        descriptor,
        terms,
        waiting,
        invitation,
        answer: Hash::of(&answer),
        reveal: None,
        accepted: None,
        exchange: LinkExchange { request, answer, nonce: reveal.nonce },
    };
    opening.record(step).map(|(no, _)| no)
}

/// For a link by hand the desk with the smaller id counts as the inviter, whoever asked.
fn side(step: &Step<'_>, partner: &Descriptor, by_hand: bool, otherwise: Side) -> Side {
    match (by_hand, step.identity.desk() < partner.desk()) {
        (false, _) => otherwise,
        (true, true) => Side::Inviter,
        (true, false) => Side::Accepter,
    }
}

fn request_body(raw: &[u8]) -> Result<LinkRequest, Refusal> {
    let opened = Signed::open_with(raw, |body: &LinkRequest| {
        Descriptor::open(&body.descriptor).map(|descriptor| *descriptor.keys().current())
    })?;
    Ok(opened.into_parts().1)
}

fn expected_name(step: &Step<'_>, desk: DeskId) -> Result<Option<Label>, Refusal> {
    Ok(step.rows().get(EXPECTED, &desk)?.and_then(|row| row.name))
}

/// The other desk has answered our request: the link is recorded here, and the reveal goes out until it is answered.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Our signed request.
    pub request: Vec<u8>,
    /// The signed answer, verified.
    pub answer: Vec<u8>,
    /// Nonce A.
    pub nonce: Nonce,
    /// The other desk's descriptor.
    pub descriptor: Descriptor,
    /// How the link will be called.
    pub name: Option<Label>,
    /// Whether both operators added each other's desk.
    pub by_hand: bool,
}

impl Command for Accepted {
    type Reply = (LinkNo, LinkId);

    fn run(self, step: &mut Step<'_>) -> Result<(LinkNo, LinkId), Refusal> {
        let asked = request_body(&self.request)?;
        let key = *self.descriptor.keys().current();
        let answer = Signed::<LinkAnswer>::open(&self.answer, &key)?;
        let said = answer.body();
        if said.to != step.identity.desk() || said.from != self.descriptor.desk() {
            return Err(Code::WrongDesk.into());
        }
        if said.request != Hash::of(&self.request) || commitment(&self.nonce) != asked.commit {
            return Err(Code::Malformed.into());
        }
        if said.terms != asked.terms {
            return Err(Code::TermsDiffer.into());
        }
        let reveal = LinkReveal {
            v: V1,
            to: self.descriptor.desk(),
            from: step.identity.desk(),
            nonce: self.nonce,
            answer: answer.hash(),
        };
        let reveal = Signed::seal(reveal, step.identity.secret()).into_parts().0;
        let opening = Opening {
            link: link_id(&self.request, &self.answer, &self.nonce),
            name: match self.name {
                Some(name) => Some(name),
                None => expected_name(step, self.descriptor.desk())?,
            },
            side: side(step, &self.descriptor, self.by_hand, Side::Accepter),
            terms: asked.terms,
            waiting: true,
            invitation: None,
            answer: answer.hash(),
            reveal: Some(ByteBuf::from(reveal)),
            accepted: asked.secret.as_ref().map(Secret::stored_hash),
            descriptor: self.descriptor,
            exchange: LinkExchange {
                request: self.request.into(),
                answer: self.answer.into(),
                nonce: self.nonce,
            },
        };
        opening.record(step)
    }
}

/// Of two requests by hand that crossed, the one of the desk with the smaller id stands: the other desk drops the link
/// that its own request began. proto-spec, section 3.9.
fn gives_way(step: &Step<'_>, partner: DeskId, by_hand: bool, former: &LinkRow) -> bool {
    by_hand && former.state == LinkState::WaitingPartner && partner < step.identity.desk()
}

/// A link about to be recorded.
struct Opening {
    link: LinkId,
    name: Option<Label>,
    side: Side,
    descriptor: Descriptor,
    terms: Terms,
    waiting: bool,
    invitation: Option<Hash>,
    answer: Hash,
    reveal: Option<ByteBuf>,
    accepted: Option<Hash>,
    exchange: LinkExchange,
}

impl Opening {
    fn record(self, step: &mut Step<'_>) -> Result<(LinkNo, LinkId), Refusal> {
        if let Some(no) = step.rows().get(LINK_IDS, &self.link)? {
            return Ok((no, self.link));
        }
        if let Some((former, row)) = link::open_link_with(step, self.descriptor.desk())? {
            let answering = self.reveal.is_none();
            let by_hand = answering && self.invitation.is_none();
            if !gives_way(step, self.descriptor.desk(), by_hand, &row) {
                return Err(Code::AlreadyLinked.into());
            }
            step.record(&Record::LinkClosed { no: former, at: step.now }, None)?;
        }
        let no = LinkNo(step.counters()?.link);
        let wanted = self.name.as_ref().unwrap_or(&self.descriptor.body().name);
        let opened = LinkOpened {
            no,
            link: self.link,
            name: free_name(step, wanted)?,
            side: self.side,
            descriptor: ByteBuf::from(self.descriptor.raw()),
            terms: self.terms,
            waiting: self.waiting,
            invitation: self.invitation,
            answer: self.answer,
            reveal: self.reveal,
            at: step.now,
            accepted: self.accepted,
            exchange: Some(self.exchange),
        };
        step.record(&Record::LinkOpened(Box::new(opened)), None)?;
        step.after(Effect::Links);
        step.wake(no);
        Ok((no, self.link))
    }
}

/// Words of the API's paths, which no link can be called.
const RESERVED: [&str; 3] = ["accept", "add", "invitations"];

/// A name for commands: lower case, words joined by hyphens, unique among the links of this desk.
fn free_name(step: &Step<'_>, wanted: &Label) -> Result<Label, Refusal> {
    let mut slug = String::new();
    for letter in wanted.as_str().chars().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    // Room for a number behind it; small letters may take more bytes than large ones.
    slug.truncate(slug.floor_char_boundary(Label::MAX - "-4294967295".len()));
    let slug = slug.trim_end_matches('-');
    let slug = if slug.is_empty() { "link" } else { slug };
    let taken: Vec<Label> =
        step.rows().list(LINKS, &(), usize::MAX)?.into_iter().map(|(_, row)| row.name).collect();
    let names = std::iter::once(slug.to_owned()).chain((2u32..).map(|number| format!("{slug}-{number}")));
    let mut labels = names.filter_map(|name| Label::new(name).ok());
    let free = labels.find(|name| !taken.contains(name) && !RESERVED.contains(&name.as_str()));
    free.ok_or_else(|| Refusal::invalid("name", "no free name of this beginning"))
}

/// Takes the inviter's word on whether the link is approved.
#[derive(Debug, Clone)]
pub struct TakeLinkState {
    /// The link.
    pub link: LinkNo,
    /// Verified with the partner's key.
    pub state: Signed<StateDocument>,
}

impl Command for TakeLinkState {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let row = find::link(step, self.link)?;
        let body = self.state.body();
        if body.link != row.link {
            return Err(Code::WrongLink.into());
        }
        if body.to != step.identity.desk() || body.from != row.partner {
            return Err(Code::WrongDesk.into());
        }
        step.memory.heard(self.link, step.now);
        if body.state == Approval::Active && row.state == LinkState::WaitingPartner {
            step.record(&Record::LinkActive { no: self.link, at: step.now }, None)?;
            step.wake(self.link);
        }
        Ok(())
    }
}

/// Our request to a desk that was added by hand failed; it is tried again.
#[derive(Debug, Clone)]
pub struct AskFailed {
    /// The other desk.
    pub desk: DeskId,
    /// Stable code.
    pub code: String,
    /// What is wrong, for the operator.
    pub words: String,
}

impl Command for AskFailed {
    type Reply = ();

    fn run(self, step: &mut Step<'_>) -> Result<(), Refusal> {
        let Some(row) = step.rows().get(EXPECTED, &self.desk)? else { return Ok(()) };
        let jitter = u16::from_be_bytes(step.random());
        let Retry { attempt, next_at: next } = row.retry.failed(step.now, jitter);
        let why = refused(&self.code, &self.words);
        let record = Record::AskFailed { desk: self.desk, attempt, next, why, at: step.now };
        step.record(&record, None)?;
        Ok(())
    }
}
