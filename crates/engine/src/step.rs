//! One step of the writer: what a command may read, draw and record.

use std::collections::BTreeSet;
use std::sync::Arc;

use deskwire_proto::id::{DelegationId, Hash, ItemId};
use deskwire_proto::time::Timestamp;
use deskwire_store::local::LinkNo;
use deskwire_store::record::Record;
use deskwire_store::row::CounterRow;
use deskwire_store::table::{COUNTERS, Rows};
use deskwire_store::{Entry, EntryRef, JournalReader, SealedGroup, Stage, Text};

use crate::Refusal;
use crate::identity::Identity;
use crate::memory::Memory;
use crate::overlay::Overlay;
use crate::port::{Effect, Entropy};
use crate::project::project;
use crate::sabotage::{self, Sabotage};

/// What is noted in memory after a step that is kept.
pub(crate) type Note = Box<dyn FnOnce(&mut Memory)>;

/// What one command works on. Records become rows at once, so that what follows sees them; nothing is final before
/// the group is on stable storage, and all of it is taken back if the command refuses.
pub struct Step<'a> {
    /// The moment at which this step happens; the same for all of it.
    pub now: Timestamp,
    /// Who this desk is.
    pub identity: &'a Identity,
    /// What lives as long as the process.
    pub memory: &'a mut Memory,
    pub(crate) overlay: &'a mut Overlay,
    pub(crate) stage: &'a mut Stage,
    pub(crate) syncing: Option<&'a SealedGroup>,
    pub(crate) journal: &'a Arc<dyn JournalReader>,
    pub(crate) entropy: &'a mut dyn Entropy,
    pub(crate) effects: BTreeSet<Effect>,
    /// What the memory notes once nothing of this step can be taken back.
    pub(crate) notes: Vec<Note>,
    /// The idempotency key of the call, and how many ids were drawn from it.
    pub(crate) key: Option<(Hash, u32)>,
}

impl Step<'_> {
    /// The rows as they stand with everything recorded so far.
    pub fn rows(&self) -> &Overlay {
        self.overlay
    }

    /// Records a decision, and folds it into the rows.
    ///
    /// # Errors
    /// When the store fails.
    pub fn record(&mut self, record: &Record, text: Option<Vec<u8>>) -> Result<EntryRef, Refusal> {
        let entry = record.entry(text)?;
        let at = self.stage.stage(&entry)?;
        project(self.overlay, at, record, entry.text.bytes())?;
        Ok(at)
    }

    /// Does a part of what is done that must not stop the rest: if it is refused, it alone is taken back.
    ///
    /// # Errors
    /// The refusal of that part.
    pub(crate) fn attempt<T>(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let (staged, changed, noted) = (self.stage.mark(), self.overlay.mark(), self.notes.len());
        let effects = self.effects.clone();
        let outcome = part(self).and_then(|done| Ok(self.overlay.check().map(|()| done)?));
        if outcome.is_err() {
            self.stage.rollback(staged);
            self.overlay.undo_to(changed);
            self.notes.truncate(noted);
            self.effects = effects;
        }
        outcome
    }

    /// Whether this entry is not on stable storage yet, and may never be.
    pub(crate) fn is_staged(&self, at: EntryRef) -> bool {
        self.stage.get(at).is_some()
    }

    /// An entry of the journal, also one that is not on stable storage yet. One that is being erased has no text any more,
    /// whether the disk has it still or not.
    ///
    /// # Errors
    /// When the store fails.
    pub fn entry(&self, at: EntryRef) -> Result<Entry, Refusal> {
        let fresh = self.stage.get(at).or_else(|| self.syncing.and_then(|group| group.get(at)));
        let entry = match fresh {
            Some(entry) => entry,
            None => self.journal.read(at)?,
        };
        Ok(if self.memory.hides(at) { blank(entry)? } else { entry })
    }

    /// The record of an entry.
    ///
    /// # Errors
    /// When the store fails.
    pub fn read(&self, at: EntryRef) -> Result<Record, Refusal> {
        Ok(Record::read(&self.entry(at)?)?)
    }

    /// Fresh random bytes.
    pub fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// The id of a new item: drawn from the caller's idempotency key where there is one, so that the same call
    /// repeated against a restored desk makes the same item.
    pub fn item_id(&mut self) -> ItemId {
        let Some((key, drawn)) = &mut self.key else {
            return ItemId::new(self.random());
        };
        *drawn += 1;
        let hash = Hash::of_parts(&[b"deskwire item", key.as_bytes(), &drawn.to_be_bytes()]);
        let mut id = [0; ItemId::SIZE];
        id.copy_from_slice(&hash.as_bytes()[..ItemId::SIZE]);
        ItemId::new(id)
    }

    /// The id of a new delegation: as [`Step::item_id`].
    pub fn delegation_id(&mut self) -> DelegationId {
        let Some((key, drawn)) = &mut self.key else {
            return DelegationId::new(self.random());
        };
        *drawn += 1;
        let hash = Hash::of_parts(&[b"deskwire delegation", key.as_bytes(), &drawn.to_be_bytes()]);
        let mut id = [0; DelegationId::SIZE];
        id.copy_from_slice(&hash.as_bytes()[..DelegationId::SIZE]);
        DelegationId::new(id)
    }

    /// What this desk counts; each number is taken by the record that uses it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn counters(&self) -> Result<CounterRow, Refusal> {
        Ok(self.overlay.get(COUNTERS, &())?.unwrap_or_default())
    }

    /// Has something happen once this step is on stable storage.
    pub fn after(&mut self, effect: Effect) {
        self.effects.insert(effect);
    }

    /// Notes something in memory, unless this step is taken back.
    pub(crate) fn once_kept(&mut self, note: impl FnOnce(&mut Memory) + 'static) {
        self.notes.push(Box::new(note));
    }

    /// Wakes the courier of a link after the commit.
    pub fn wake(&mut self, link: LinkNo) {
        self.after(Effect::Wake(link));
    }
}

/// An entry as it stands on the disk when its text is gone.
fn blank(entry: Entry) -> Result<Entry, Refusal> {
    let facts = Record::blanked(&entry)?.unwrap_or_else(|| entry.facts.clone());
    let text = match entry.text {
        Text::Kept(bytes) => Text::Erased(u32::try_from(bytes.len()).unwrap_or(u32::MAX)),
        text @ (Text::None | Text::Erased(_)) => text,
    };
    Ok(Entry { facts, text })
}

/// Something that the writer does: one file each under `command`.
pub trait Command: Send + 'static {
    /// What the caller gets.
    type Reply: Send + 'static;
    /// Whether whoever asks is turned away with `busy` while much waits for the writer. What this desk itself has begun
    /// is not.
    const CAN_COME_AGAIN: bool = false;

    /// Reads, decides, records. A refusal takes everything back.
    ///
    /// # Errors
    /// The [`Refusal`] for the caller.
    fn run(self, step: &mut Step<'_>) -> Result<Self::Reply, Refusal>;
}

/// A changing call with its idempotency key: run once, answered alike ever after.
pub struct Keyed<C> {
    /// SHA-256 over the caller and its key.
    pub key: Hash,
    /// SHA-256 over the request.
    pub request: Hash,
    /// What to do the first time.
    pub command: C,
}

impl<C> Command for Keyed<C>
where
    C: Command,
    C::Reply: serde::Serialize + serde::de::DeserializeOwned,
{
    type Reply = C::Reply;
    const CAN_COME_AGAIN: bool = true;

    fn run(self, step: &mut Step<'_>) -> Result<C::Reply, Refusal> {
        use deskwire_proto::cbor;
        use deskwire_store::table::KEYED;

        let broken = |error: cbor::CborError| Refusal::from(deskwire_store::Error::BadRow(error.to_string()));
        let before = step.overlay.get(KEYED, &self.key)?;
        if let Some(before) = before.filter(|_| !sabotage::makes(Sabotage::KeysForgotten)) {
            if before.request != self.request {
                return Err(Refusal::new(
                    crate::Fault::Conflict,
                    "idempotency-key-reused",
                    "This idempotency key was used for another request.",
                    "Draw a new key for each new request; repeat a key only with the same request.",
                ));
            }
            return cbor::decode_plain(&before.reply).map_err(broken);
        }
        crate::quota::has_room(step)?;
        step.key = Some((self.key, 0));
        let reply = self.command.run(step)?;
        let stored = cbor::encode_plain(&reply).map_err(broken)?;
        let at = step.now;
        step.record(
            &Record::Answered { key: self.key, request: self.request, reply: stored.into(), at },
            None,
        )?;
        Ok(reply)
    }
}
