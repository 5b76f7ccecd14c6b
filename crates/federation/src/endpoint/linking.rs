//! `POST /deskwire/1/link/request` and `/link/reveal`: a desk asks to be linked. proto-spec, sections 3.4 and 3.5.

use axum::extract::{Request, State};
use data_encoding::BASE64URL_NOPAD;
use deskwire_engine::Refusal;
use deskwire_engine::command::linking::{AnswerRequest, TakeReveal, exchange_descriptor};
use deskwire_proto::cbor;
use deskwire_proto::code::Code;
use deskwire_proto::cose::Sign1;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::document::Signed;
use deskwire_proto::linking::{LinkRequest, LinkReveal};
use deskwire_proto::terms::Terms;
use deskwire_store::record::Record;
use deskwire_store::table::{EXPECTED, INVITATIONS, Rows};

use super::refuse::Refused;
use super::{Answer, Endpoint, Shelf, address, body, document};
use crate::ask::Knocker;
use crate::verify::standing;

pub(super) async fn request(State(endpoint): Shelf, request: Request) -> Answer {
    let stranger = address(&request);
    endpoint.strangers.spend(stranger).map_err(Refused::limited)?;
    let bytes = body::document(request).await?;
    let (answer, invited) = endpoint.answer_request(&bytes).await?;
    // An invitation is good for a few answers only. A desk that is expected may ask on the schedule, and no faster: each
    // of its requests is stored.
    if invited {
        endpoint.strangers.refund(stranger);
    }
    Ok(document(answer))
}

pub(super) async fn reveal(State(endpoint): Shelf, request: Request) -> Answer {
    let stranger = address(&request);
    endpoint.strangers.spend(stranger).map_err(Refused::limited)?;
    let bytes = body::document(request).await?;
    let reveal = endpoint.open_reveal(&bytes)?;
    let state = endpoint.shared.engine.call(TakeReveal { reveal }).await?;
    endpoint.strangers.refund(stranger);
    Ok(document(state))
}

impl Endpoint {
    /// The answer, and whether the request came with an invitation.
    async fn answer_request(&self, bytes: &[u8]) -> Result<(Vec<u8>, bool), Refused> {
        let (request, descriptor) = open_request(bytes)?;
        if request.body().to != self.shared.us() || request.body().from == self.shared.us() {
            return Err(Code::WrongDesk.into());
        }
        let asked = request.body().clone();
        let crossing = match asked.secret {
            Some(_) => None,
            None => self.shared.askers.known(asked.from),
        };
        let answered = self.answer_in_turn(AnswerRequest { request, descriptor }, crossing.as_deref()).await;
        answered.map(|answer| (answer, asked.secret.is_some())).map_err(|refusal| {
            tracing::info!(desk = %asked.from, code = refusal.code, "a request to link was refused");
            match Code::from_text(refusal.code) {
                Some(Code::TermsDiffer) => self.terms_differ(&asked),
                _ => refusal.into(),
            }
        })
    }

    /// If both desks ask at once, the request of the smaller desk id stands. proto-spec, section 3.9.
    async fn answer_in_turn(
        &self,
        answer: AnswerRequest,
        crossing: Option<&Knocker>,
    ) -> Result<Vec<u8>, Refusal> {
        let Some(knocker) = crossing else { return self.shared.engine.call(answer).await };
        let _turn = knocker.turn().await;
        if knocker.is_asking() && self.shared.us() < answer.descriptor.desk() {
            return Err(Code::LinkCrossed.into());
        }
        let answered = self.shared.engine.call(answer).await?;
        knocker.has_answered();
        Ok(answered)
    }

    /// Whoever has the secret, or is expected, may see the terms that this side has.
    fn terms_differ(&self, asked: &LinkRequest) -> Refused {
        let ours = self.terms_for(asked).ok().flatten();
        let encoded = ours.and_then(|terms| cbor::encode(&terms).ok());
        encoded.map_or(Code::TermsDiffer.into(), |bytes| Refused::terms(BASE64URL_NOPAD.encode(&bytes)))
    }

    fn terms_for(&self, asked: &LinkRequest) -> deskwire_store::Result<Option<Terms>> {
        let reader = self.shared.engine.reader();
        let Some(secret) = &asked.secret else {
            let row = reader.rows().get(EXPECTED, &asked.from)?;
            return row.map(|row| reader.expected_terms(&row)).transpose();
        };
        let Some(row) = reader.rows().get(INVITATIONS, &secret.stored_hash())? else { return Ok(None) };
        Ok(match reader.record(row.entry)? {
            Record::InvitationMade { terms, .. } => Some(terms),
            _ => None,
        })
    }

    /// A reveal names its exchange; the key that must have signed it is that of the desk that asked there.
    fn open_reveal(&self, bytes: &[u8]) -> Result<Signed<LinkReveal>, Refused> {
        let kid = Sign1::parse(bytes)?.key_id();
        let mut failed = None;
        let opened = Signed::open_with(bytes, |reveal: &LinkReveal| {
            let asker =
                exchange_descriptor(self.shared.engine.reader(), &reveal.answer).map_err(|refusal| {
                    failed = Some(Refused::from(refusal));
                    Code::Internal
                })?;
            if reveal.to != self.shared.us() || reveal.from != asker.desk() {
                return Err(Code::WrongDesk);
            }
            standing(asker.keys(), kid)
        });
        opened.map_err(|code| failed.unwrap_or_else(|| code.into()))
    }
}

/// A request verifies by itself: it carries the descriptor whose newest key signed it.
fn open_request(bytes: &[u8]) -> Result<(Signed<LinkRequest>, Descriptor), Code> {
    let mut found = None;
    let signed = Signed::open_with(bytes, |request: &LinkRequest| {
        let descriptor = Descriptor::open(&request.descriptor)?;
        if descriptor.desk() != request.from {
            return Err(Code::WrongDesk);
        }
        let key = *descriptor.keys().current();
        found = Some(descriptor);
        Ok(key)
    })?;
    Ok((signed, found.ok_or(Code::Malformed)?))
}
