//! What is committed, for everybody but the writer.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::envelope::Stream;
use deskwire_proto::id::{DelegationId, DeskId, Hash, LinkId, Spki};
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::terms::Terms;
use deskwire_proto::text::Url;
use deskwire_proto::time::Timestamp;
use deskwire_store::local::{DelegationNo, FileNo, LinkNo};
use deskwire_store::record::Record;
use deskwire_store::row::{ExpectedRow, FileRow, LinkRow, StreamRow};
use deskwire_store::table::{
    ANNOUNCED, BLOB_FILES, Committed, DELEGATION_IDS, EXPECTED, FETCHING, FILES, GRANTS, LINK_IDS, LINKS,
    Rows, STREAMS,
};
use deskwire_store::{BlobId, Blobs, Entry, EntryRef, Error, JournalReader, Keeper, Result};

use crate::command::clock::Skew;
use crate::command::file::is_wanted;
use crate::core::Core;
use crate::identity::Identity;
use crate::port::Clock;
use crate::project::terms::proposed;

/// Reads the committed rows, journal and files. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    rows: Committed,
    journal: Arc<dyn JournalReader>,
    blobs: Arc<dyn Blobs>,
    keeper: Arc<dyn Keeper>,
    identity: Arc<Identity>,
    clock: Arc<dyn Clock>,
    skews: Skews,
    contacts: Contacts,
    asked: Contacts,
    arriving: Arriving,
    doubts: Doubts,
    /// Descriptors and terms are verified and decoded once for each record that holds them; the newest of each link are
    /// kept, however often a partner sends a new one.
    partners: Arc<Mutex<HashMap<LinkNo, Known>>>,
    /// On which links delegations that were asked for were found: whoever asks for one asks for it again.
    delegations: Arc<Mutex<HashMap<DelegationId, LinkNo>>>,
}

/// Delegations whose links are kept in memory; all are forgotten when they become more.
const DELEGATIONS_KNOWN: usize = 4_096;

/// What two records hold.
struct Known {
    records: (EntryRef, Option<EntryRef>, EntryRef),
    descriptor: Arc<Descriptor>,
    keys: Arc<KeyLog>,
    terms: Arc<Terms>,
}

/// When an authenticated word of a partner last came; kept in memory alone.
pub(crate) type Contacts = Arc<Mutex<HashMap<LinkNo, Timestamp>>>;

/// How many bytes are here of the files that are arriving; kept in memory alone.
type Arriving = Arc<Mutex<HashMap<FileNo, u64>>>;

/// Files of which somebody has met wrong bytes, and whether the care of the store was told; kept in memory alone.
type Doubts = Arc<Mutex<BTreeMap<BlobId, bool>>>;

/// How the clocks of partners differ; kept in memory alone.
pub(crate) type Skews = Arc<Mutex<HashMap<LinkNo, Skew>>>;

/// One link with what is known of the partner.
#[derive(Debug, Clone)]
pub struct Partner {
    /// This desk's number of the link.
    pub no: LinkNo,
    /// The link as stored.
    pub row: LinkRow,
    /// What the partner says of itself.
    pub descriptor: Arc<Descriptor>,
    keys: Arc<KeyLog>,
    /// What both have signed.
    pub terms: Arc<Terms>,
    us: DeskId,
}

impl Partner {
    /// The partner's desk.
    #[must_use]
    pub fn desk(&self) -> DeskId {
        self.row.partner
    }

    /// The partner's keys, as its newest key log has them.
    #[must_use]
    pub fn keys(&self) -> &KeyLog {
        &self.keys
    }

    /// Where the partner can be reached.
    #[must_use]
    pub fn endpoints(&self) -> &[Url] {
        &self.descriptor.body().endpoints
    }

    /// The TLS keys by which its server is known.
    #[must_use]
    pub fn tls(&self) -> &[Spki] {
        &self.descriptor.body().tls
    }

    /// The partner's stream to us.
    #[must_use]
    pub fn stream_in(&self) -> Stream {
        Stream { link: self.row.link, from: self.row.partner, to: self.us }
    }

    /// Our stream to the partner.
    #[must_use]
    pub fn stream_out(&self) -> Stream {
        Stream { link: self.row.link, from: self.us, to: self.row.partner }
    }
}

impl Reader {
    /// Reads what a core has committed.
    #[must_use]
    pub fn new(core: &Core, clock: Arc<dyn Clock>) -> Self {
        Self {
            rows: Committed(Arc::clone(core.view())),
            journal: Arc::clone(core.journal()),
            blobs: Arc::clone(core.blobs()),
            keeper: Arc::clone(core.keeper()),
            identity: Arc::clone(core.identity()),
            clock,
            skews: core.skews(),
            contacts: core.contacts(),
            asked: core.asked(),
            arriving: Arriving::default(),
            doubts: Doubts::default(),
            partners: Arc::default(),
            delegations: Arc::default(),
        }
    }

    /// Now, by the engine's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The committed rows.
    #[must_use]
    pub const fn rows(&self) -> &Committed {
        &self.rows
    }

    /// The committed journal.
    #[must_use]
    pub fn journal(&self) -> &dyn JournalReader {
        self.journal.as_ref()
    }

    /// One entry of the journal.
    ///
    /// # Errors
    /// Whatever the journal says.
    pub fn entry(&self, at: EntryRef) -> Result<Entry> {
        self.journal.read(at)
    }

    /// The record of an entry.
    ///
    /// # Errors
    /// Whatever the journal says.
    pub fn record(&self, at: EntryRef) -> Result<Record> {
        Record::read(&self.entry(at)?)
    }

    /// The files.
    #[must_use]
    pub fn blobs(&self) -> &Arc<dyn Blobs> {
        &self.blobs
    }

    /// Disk space.
    #[must_use]
    pub fn keeper(&self) -> &Arc<dyn Keeper> {
        &self.keeper
    }

    /// Who this desk is.
    #[must_use]
    pub fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// One link.
    ///
    /// # Errors
    /// When the store fails.
    pub fn partner(&self, no: LinkNo) -> Result<Option<Arc<Partner>>> {
        let row = self.rows().get(LINKS, &no)?;
        row.map(|row| self.known(no, row)).transpose()
    }

    /// The link with this shared id.
    ///
    /// # Errors
    /// When the store fails.
    pub fn partner_by_id(&self, link: &LinkId) -> Result<Option<Arc<Partner>>> {
        match self.rows().get(LINK_IDS, link)? {
            Some(no) => self.partner(no),
            None => Ok(None),
        }
    }

    /// The link with this local name or hexadecimal id.
    ///
    /// # Errors
    /// When the store fails.
    pub fn partner_by_name(&self, name: &str) -> Result<Option<Arc<Partner>>> {
        if let Some(link) = LinkId::from_hex(name) {
            return self.partner_by_id(&link);
        }
        let all = self.partners()?;
        Ok(all.into_iter().find(|partner| partner.row.name.as_str() == name))
    }

    /// The delegation with this id, on whichever link.
    ///
    /// # Errors
    /// When the store fails.
    pub fn delegation_by_id(&self, id: &DelegationId) -> Result<Option<DelegationNo>> {
        let known = self.delegations.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied();
        if let Some(link) = known
            && let Some(no) = self.rows().get(DELEGATION_IDS, &(link, *id))?
        {
            return Ok(Some(no));
        }
        for (link, _) in self.rows().list(LINKS, &(), usize::MAX)? {
            if let Some(no) = self.rows().get(DELEGATION_IDS, &(link, *id))? {
                let mut known = self.delegations.lock().unwrap_or_else(PoisonError::into_inner);
                if known.len() >= DELEGATIONS_KNOWN {
                    known.clear();
                }
                known.insert(*id, link);
                return Ok(Some(no));
            }
        }
        Ok(None)
    }

    /// All links.
    ///
    /// # Errors
    /// When the store fails.
    pub fn partners(&self) -> Result<Vec<Arc<Partner>>> {
        let rows = self.rows().list(LINKS, &(), usize::MAX)?;
        rows.into_iter().map(|(no, row)| self.known(no, row)).collect()
    }

    fn known(&self, no: LinkNo, row: LinkRow) -> Result<Arc<Partner>> {
        let records = (row.descriptor, row.key_log, row.terms);
        let mut cache = self.partners.lock().unwrap_or_else(PoisonError::into_inner);
        let (descriptor, keys, terms) = match cache.get(&no).filter(|known| known.records == records) {
            Some(known) => (Arc::clone(&known.descriptor), Arc::clone(&known.keys), Arc::clone(&known.terms)),
            None => {
                let descriptor = Arc::new(self.descriptor(row.descriptor)?);
                let terms = Arc::new(self.terms(row.terms)?);
                let keys = Arc::new(self.key_log(&row, &descriptor)?);
                let known = Known {
                    records,
                    descriptor: Arc::clone(&descriptor),
                    keys: Arc::clone(&keys),
                    terms: Arc::clone(&terms),
                };
                cache.insert(no, known);
                (descriptor, keys, terms)
            }
        };
        Ok(Arc::new(Partner { no, row, descriptor, keys, terms, us: self.identity.desk() }))
    }

    fn descriptor(&self, at: EntryRef) -> Result<Descriptor> {
        let raw = match self.record(at)? {
            Record::LinkOpened(opened) => opened.descriptor,
            Record::DescriptorTaken { descriptor, .. } => descriptor,
            _ => return Err(Error::BadRow("a link's descriptor is another record".into())),
        };
        Descriptor::open(&raw).map_err(|code| Error::BadRow(format!("a partner's descriptor: {code}")))
    }

    fn key_log(&self, row: &LinkRow, descriptor: &Descriptor) -> Result<KeyLog> {
        let known = descriptor.keys();
        let Some(at) = row.key_log else { return Ok(known.clone()) };
        let Record::KeyLogTaken { log, .. } = self.record(at)? else {
            return Err(Error::BadRow("a key log is another record".into()));
        };
        let brought = KeyLog::decode(&log).map_err(|code| Error::BadRow(format!("a key log: {code}")))?;
        Ok(if brought.continues(known) { brought } else { known.clone() })
    }

    /// The terms that a record holds: that of the link's beginning, or a proposal.
    pub(crate) fn terms(&self, at: EntryRef) -> Result<Terms> {
        let other = || Error::BadRow("a link's terms are another record".into());
        match self.record(at)? {
            Record::LinkOpened(opened) => Ok(opened.terms),
            Record::Received(message) => proposed(&message.signed).ok_or_else(other),
            Record::Numbered { signed, .. } => proposed(&signed).ok_or_else(other),
            _ => Err(other()),
        }
    }

    /// Where both streams of a link stand.
    ///
    /// # Errors
    /// When the store fails, or there is no such link.
    pub fn stream(&self, no: LinkNo) -> Result<StreamRow> {
        self.rows().get(STREAMS, &no)?.ok_or_else(|| Error::BadRow("a link without streams".into()))
    }

    /// When an authenticated word of the partner last came, since this daemon runs.
    #[must_use]
    pub fn last_contact(&self, no: LinkNo) -> Option<Timestamp> {
        self.contacts.lock().unwrap_or_else(PoisonError::into_inner).get(&no).copied()
    }

    /// When the partner last asked for our messages, since this daemon runs.
    #[must_use]
    pub fn last_asked(&self, no: LinkNo) -> Option<Timestamp> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(&no).copied()
    }

    /// Notes how many verified bytes of an arriving file are here; `None` once it has arrived or is given up.
    pub fn note_arrived(&self, file: FileNo, bytes: Option<u64>) {
        let mut arriving = self.arriving.lock().unwrap_or_else(PoisonError::into_inner);
        match bytes {
            Some(bytes) => arriving.insert(file, bytes),
            None => arriving.remove(&file),
        };
    }

    /// How many verified bytes of an arriving file are here, as far as this daemon has looked since its start.
    #[must_use]
    pub fn arrived(&self, file: FileNo) -> u64 {
        self.arriving.lock().unwrap_or_else(PoisonError::into_inner).get(&file).copied().unwrap_or_default()
    }

    /// Notes that a file has given wrong bytes, or none.
    pub fn doubt(&self, blob: BlobId) {
        self.doubts().entry(blob).or_insert(false);
    }

    /// Whether a file has given wrong bytes since it was last seen to be whole.
    #[must_use]
    pub fn is_doubted(&self, blob: &BlobId) -> bool {
        self.doubts().contains_key(blob)
    }

    /// Notes that a file was read and is whole.
    pub fn trust(&self, blob: &BlobId) {
        self.doubts().remove(blob);
    }

    /// The files that have given wrong bytes since this was last asked.
    #[must_use]
    pub fn new_doubts(&self) -> Vec<BlobId> {
        let mut doubts = self.doubts();
        let new =
            doubts.iter_mut().filter_map(|(blob, told)| (!std::mem::replace(told, true)).then_some(*blob));
        new.collect()
    }

    fn doubts(&self) -> MutexGuard<'_, BTreeMap<BlobId, bool>> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files with these bytes, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn files_of_blob(&self, blob: &Hash) -> Result<Vec<(FileNo, FileRow)>> {
        let keys = self.rows().list(BLOB_FILES, blob, usize::MAX)?;
        self.files(keys.into_iter().map(|((_, file), ())| file))
    }

    /// Whether a file with these bytes is here or still to come.
    ///
    /// # Errors
    /// When the store fails.
    pub fn is_wanted(&self, blob: &Hash) -> Result<bool> {
        Ok(self.files_of_blob(blob)?.iter().any(|(_, row)| is_wanted(&row.state)))
    }

    /// The files that our messages up to number `upto` announced and that the partner may not have yet, with those
    /// numbers.
    ///
    /// # Errors
    /// When the store fails.
    pub fn to_bring(&self, no: LinkNo, upto: u64) -> Result<Vec<(u64, FileRow)>> {
        let keys = self.rows().list(ANNOUNCED, &no, usize::MAX)?;
        let known = keys.into_iter().filter(|((_, seq), _)| *seq <= upto);
        let rows = known.map(|((_, seq), file)| Ok(self.rows().get(FILES, &file)?.map(|row| (seq, row))));
        rows.filter_map(Result::transpose).collect()
    }

    fn files(&self, numbers: impl Iterator<Item = FileNo>) -> Result<Vec<(FileNo, FileRow)>> {
        let rows = numbers.map(|file| Ok(self.rows().get(FILES, &file)?.map(|row| (file, row))));
        rows.filter_map(Result::transpose).collect()
    }

    /// How the partner's clock differs from this desk's, as it was last seen since this daemon runs.
    #[must_use]
    pub fn skew(&self, no: LinkNo) -> Option<Skew> {
        self.skews.lock().unwrap_or_else(PoisonError::into_inner).get(&no).copied()
    }

    /// Desks that the operator added by hand and that have not linked yet.
    ///
    /// # Errors
    /// When the store fails.
    pub fn expected(&self) -> Result<Vec<(DeskId, ExpectedRow)>> {
        self.rows().list(EXPECTED, &(), usize::MAX)
    }

    /// The terms under which a desk added by hand is expected.
    ///
    /// # Errors
    /// When the store fails.
    pub fn expected_terms(&self, row: &ExpectedRow) -> Result<Terms> {
        match self.record(row.entry)? {
            Record::LinkExpected { terms, .. } => Ok(terms),
            _ => Err(Error::BadRow("an expected desk's terms are another record".into())),
        }
    }

    /// A file that the partner may fetch.
    ///
    /// # Errors
    /// When the store fails.
    pub fn granted(&self, no: LinkNo, blob: &Hash) -> Result<Option<FileRow>> {
        match self.rows().get(GRANTS, &(no, *blob))? {
            Some(file) => self.rows().get(FILES, &file),
            None => Ok(None),
        }
    }

    /// The files that are still to be fetched from a partner.
    ///
    /// # Errors
    /// When the store fails.
    pub fn fetching(&self, no: LinkNo) -> Result<Vec<(FileNo, FileRow)>> {
        let keys = self.rows().list(FETCHING, &no, usize::MAX)?;
        self.files(keys.into_iter().map(|((_, file), ())| file))
    }
}
