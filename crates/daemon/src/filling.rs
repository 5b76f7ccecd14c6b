//! Filling the store of a stopped desk fast, for measurements: the engine's own commands, with no network and no API
//! around them. What comes of it is the same journal and the same rows.

use std::ops::ControlFlow;
use std::sync::Arc;

use deskwire_engine::command::comment::AddComment;
use deskwire_engine::command::ticket::NewTicket;
use deskwire_engine::port::{Clock, SystemClock};
use deskwire_engine::{Command, Core, Keyed, Refusal, fill};
use deskwire_proto::id::Hash;
use deskwire_proto::message::common::{Person, Priority};
use deskwire_proto::text::{Line, Prose, TextError};
use deskwire_store::WriteError;
use deskwire_store::local::{DelegationNo, LinkNo, TicketNumber};
use deskwire_store::row::Audience;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::daemon::{open_core, open_store, store_failed};
use crate::error::StartError;
use crate::face;
use crate::folder::Folder;
use crate::material::Material;
use crate::serve::load;

/// Calls that are made durable together.
const GROUP: u64 = 500;

/// A stopped desk whose store is being filled. Dropped without [`Filling::close`] it ends as in a crash.
pub struct Filling {
    core: Core,
    calls: u64,
}

impl Filling {
    /// Opens the desk in a folder. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]: there is none, or it runs.
    pub async fn open(folder: &Folder) -> Result<Self, StartError> {
        let config = load(folder, Vec::new())?;
        let (opened, known) = open_store(folder, &config).await?;
        let material = Material::load(folder, &config)?;
        let versions = (known, SystemClock.now());
        let identity = Arc::new(face::identity(folder, &config, &material, config.peer.listen, versions)?);
        Ok(Self { core: open_core(opened, identity).await?, calls: 0 })
    }

    /// Makes so many tickets.
    ///
    /// # Errors
    /// When the store fails.
    pub fn tickets(&mut self, count: u64) -> Result<(), StartError> {
        for number in 0..count {
            let command = NewTicket {
                title: Line::new(format!("Measured {number}: the till does not print")).map_err(not_taken)?,
                description: Some(Prose::new("It shows an error since this morning.").map_err(not_taken)?),
                priority: Priority::Normal,
                category: None,
                requester: None,
                company: None,
                object: None,
                equipment: None,
                agreement: None,
                custom: Vec::new(),
                by: Person::default(),
            };
            self.call(command)?;
        }
        self.commit()
    }

    /// Writes comments for the partner of a delegation, by the numbers that this desk has for ticket and delegation;
    /// they wait for the partner.
    ///
    /// # Errors
    /// When a text is none, there are no such ticket and delegation, or the store fails.
    pub fn comments(
        &mut self,
        (ticket, delegation): (u64, u64),
        bodies: impl IntoIterator<Item = String>,
    ) -> Result<(), StartError> {
        for body in bodies {
            let command = AddComment {
                ticket: TicketNumber(ticket),
                body: Prose::new(body).map_err(not_taken)?,
                audience: Audience::Delegations(vec![DelegationNo(delegation)]),
                by: Person::default(),
            };
            self.call(command)?;
        }
        self.commit()
    }

    /// Puts so many lines of work more beside the first one of the first link, each approved, and figures of so many
    /// delegations. See [`fill::account`].
    ///
    /// # Errors
    /// When this desk has not approved a line of its partner there, or the store fails.
    pub fn account(&mut self, lines: u64, delegations: u64) -> Result<(), StartError> {
        self.commit()?;
        let filled = fill::account(&self.core, LinkNo(1), lines, delegations);
        filled.map_err(|refusal: Refusal| StartError::new(refusal.code, refusal.words, refusal.next))
    }

    /// Makes a snapshot of what lies in closed segments; its size, where there was something to be put into one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn snapshot(&self) -> Result<Option<u64>, StartError> {
        let made = self.core.custody().snapshot(&mut |_| ControlFlow::Continue(()))?;
        Ok(made.map(|made| made.bytes))
    }

    /// Ends as a daemon does.
    ///
    /// # Errors
    /// When the store fails.
    pub fn close(self) -> Result<(), StartError> {
        Ok(self.core.keeper().close()?)
    }

    /// One call with a key of its own, as the API makes them.
    fn call<C>(&mut self, command: C) -> Result<(), StartError>
    where
        C: Command,
        C::Reply: Serialize + DeserializeOwned,
    {
        self.calls += 1;
        let now = SystemClock.now();
        let number = self.calls.to_be_bytes();
        let key = Hash::of_parts(&[b"deskwire filling", &now.0.to_be_bytes(), &number]);
        let called = self.core.step(now, Keyed { key, request: Hash::of(&number), command });
        called.map_err(|refusal: Refusal| StartError::new(refusal.code, refusal.words, refusal.next))?;
        if self.calls.is_multiple_of(GROUP) { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), StartError> {
        self.core.commit().map(drop).map_err(|error: WriteError| store_failed(&error))
    }
}

fn not_taken(error: TextError) -> StartError {
    let words = format!("A text for the measurement cannot be taken: it {error}.");
    StartError::new("invalid-value", words, "Choose another size.")
}
