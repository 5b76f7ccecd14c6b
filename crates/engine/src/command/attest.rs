//! Signing anew what this desk holds of a partner's stream, for whoever shall verify it later. proto-spec, sections 8.5
//! and 8.8.

use deskwire_store::local::LinkNo;
use serde::{Deserialize, Serialize};

use super::deliver::signed_receipt;
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
        // It is for a file, not for the partner: no row may learn from it what the partner knows.
        let signed = signed_receipt(step, self.link, &link, (self.known, u64::MAX))?;
        let upto = signed.body().upto;
        let receipt = signed.into_parts().0;
        Ok(Some(Attested { receipt, upto }))
    }
}
