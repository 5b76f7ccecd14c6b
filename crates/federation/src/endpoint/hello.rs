//! `POST /deskwire/1/hello`: the author of a stream says where it stands. proto-spec, section 5.3.

use axum::extract::{Request, State};
use deskwire_engine::command::link::TakeDescriptor;
use deskwire_engine::command::session::AnswerHello;
use deskwire_proto::code::Code;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::session::Hello;

use super::refuse::Refused;
use super::{Answer, Shelf, body, document};
use crate::verify;

/// About what a welcome and its rows take.
const WELCOME: usize = 2_048;

pub(super) async fn hello(State(endpoint): Shelf, request: Request) -> Answer {
    let bytes = body::document(request).await?;
    let (partner, lane, _permit) = endpoint.door(&verify::link_of::<Hello>(&bytes)?)?;
    let shared = &endpoint.shared;
    let opened = match verify::open::<Hello>(&bytes, &partner, shared.us()) {
        Ok(opened) => opened,
        Err(code) => {
            let Some(descriptor) = verify::forked::<Hello>(&bytes, &partner) else { return Err(code.into()) };
            lane.meter.spend().map_err(Refused::limited)?;
            shared.engine.call(TakeDescriptor { link: partner.no, descriptor }).await?;
            return Err(Code::BadKeyLog.into());
        }
    };
    lane.meter.spend().map_err(Refused::limited)?;
    // Each hello is stored with its answer, for longer than a year.
    lane.idle.open().map_err(Refused::limited)?;
    lane.idle.charge(bytes.len() + WELCOME);
    let keys = opened.descriptor.as_ref().map_or(partner.keys(), Descriptor::keys);
    if opened.signed.body().keys != keys.head() {
        return Err(Code::KeyUnknown.into());
    }
    if let Some(descriptor) = opened.descriptor {
        shared.engine.call(TakeDescriptor { link: partner.no, descriptor }).await?;
    }
    match shared.engine.call(AnswerHello { link: partner.no, hello: opened.signed }).await? {
        Ok(welcome) => {
            tracing::debug!(link = %partner.no, "welcomed the partner");
            shared.counters.hellos_answered.one();
            endpoint.heard(partner.no, &lane).await;
            Ok(document(welcome))
        }
        Err(code) => {
            tracing::info!(link = %partner.no, %code, "a hello of the partner was refused");
            Err(endpoint.refused_at(partner.no, code))
        }
    }
}
