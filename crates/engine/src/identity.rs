//! Who this desk is: its keys, its name, and what it says of itself.

use deskwire_proto::code::Code;
use deskwire_proto::descriptor::{Descriptor, DescriptorBody, Limits};
use deskwire_proto::document::V1;
use deskwire_proto::id::{DeskId, Spki};
use deskwire_proto::key::SecretKey;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::text::{Code as Word, Label, Url};
use deskwire_proto::time::Timestamp;

/// The identity of the desk that this daemon is.
#[derive(Debug)]
pub struct Identity {
    keys: KeyLog,
    secret: SecretKey,
    descriptor: Descriptor,
    prefix: String,
    warn: u8,
}

/// Share of the time, in percent, that is left when people are warned of a deadline, if nobody sets another.
pub const WARN: u8 = 25;

/// What the operator configures of a desk's public face.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    /// Its name for people.
    pub name: Label,
    /// What stands before its ticket numbers, such as `ACME`.
    pub prefix: String,
    /// Where it can be reached.
    pub endpoints: Vec<Url>,
    /// TLS keys in use, and next.
    pub tls: Vec<Spki>,
    /// Largest file it takes, bytes.
    pub file_bytes: u64,
}

impl Identity {
    /// Signs a descriptor for this run.
    ///
    /// # Errors
    /// [`Code::KeyUnknown`] if `secret` is not the newest key of the log.
    pub fn new(keys: KeyLog, secret: SecretKey, face: Face, version: Timestamp) -> Result<Self, Code> {
        let body = DescriptorBody {
            v: V1,
            tls: face.tls,
            desk: keys.desk(),
            keys: keys.events().to_vec(),
            name: face.name,
            limits: Limits::with_file(face.file_bytes),
            version,
            features: features(!face.endpoints.is_empty()),
            endpoints: face.endpoints,
            protocols: vec![1],
        };
        let descriptor = Descriptor::seal(body, &secret)?;
        Ok(Self { keys, secret, descriptor, prefix: face.prefix, warn: WARN })
    }

    /// The identity of an earlier run, with the descriptor that was signed for it.
    #[must_use]
    pub const fn resume(keys: KeyLog, secret: SecretKey, descriptor: Descriptor, prefix: String) -> Self {
        Self { keys, secret, descriptor, prefix, warn: WARN }
    }

    /// With another share of the time, in percent, that is left when people are warned of a deadline.
    #[must_use]
    pub fn warning(self, warn: u8) -> Self {
        Self { warn, ..self }
    }

    /// How much of the time is left when people are warned of a deadline, percent.
    #[must_use]
    pub const fn warn(&self) -> u8 {
        self.warn
    }

    /// This desk.
    #[must_use]
    pub const fn desk(&self) -> DeskId {
        self.keys.desk()
    }

    /// Its key log.
    #[must_use]
    pub const fn keys(&self) -> &KeyLog {
        &self.keys
    }

    /// Its descriptor.
    #[must_use]
    pub const fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// What stands before its ticket numbers.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The signing key. A desk signs only typed documents and messages that it composed itself.
    #[must_use]
    pub const fn secret(&self) -> &SecretKey {
        &self.secret
    }

    /// A ticket number as people read it.
    #[must_use]
    pub fn ticket_label(&self, ticket: deskwire_store::local::TicketNumber) -> Label {
        Label::new(format!("{}-{ticket}", self.prefix)).expect("the prefix is short and on one line")
    }
}

/// What this desk does beyond the base of the protocol, in order. proto-spec, section 13.3.
fn features(reachable: bool) -> Vec<Word> {
    // Who cannot be reached cannot be asked.
    let names: &[&str] = if reachable {
        &["chain", "files", "pull", "recovery", "statements"]
    } else {
        &["chain", "files", "recovery", "statements"]
    };
    names.iter().map(|name| Word::new(*name).expect("a short word")).collect()
}
