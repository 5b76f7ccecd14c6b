//! Signing anew what this desk holds of a partner's stream, for whoever shall verify it later. proto-spec, sections 8.5
//! and 8.8.

use deskwire_store::local::LinkNo;
use serde::{Deserialize, Serialize};

use super::deliver::receipt_upto;
use super::find;
use crate::{Command, Refusal, Step};

/// Signs a receipt for the partner's messages behind `known`, with the outcomes and times that were decided then.
#[derive(Debug, Clone, Copy)]
pub struct Attest {
    /// The link.
    pub link: LinkNo,
    /// Messages up to here are not told of.
    pub known: u64,
}

/// A receipt that was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attested {
    /// The signed receipt.
    pub receipt: Vec<u8>,
    /// The last message that it tells of; one receipt takes 4096 at most.
    pub upto: u64,
}

impl Command for Attest {
    type Reply = Option<Attested>;

    fn run(self, step: &mut Step<'_>) -> Result<Option<Attested>, Refusal> {
        let stream = find::stream(step, self.link)?;
        if self.known >= stream.in_length {
            return Ok(None);
        }
        let link = find::link(step, self.link)?;
        let receipt = receipt_upto(step, self.link, &link, (self.known, u64::MAX))?;
        let upto =
            crate::project::stream::read_receipt(&receipt).map_or(stream.in_length, |receipt| receipt.upto);
        Ok(Some(Attested { receipt, upto }))
    }
}
