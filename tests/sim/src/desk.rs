//! One desk as a process: its store, its engine, the two stages of its writer, its clock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use deskwire_engine::identity::{Face, Identity};
use deskwire_engine::port::{Effect, Entropy};
use deskwire_engine::{Command, Core, Refusal};
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::id::{DeskId, Hash, Spki};
use deskwire_proto::key::SecretKey;
use deskwire_proto::keylog::KeyLog;
use deskwire_proto::text::{Label, Url};
use deskwire_proto::time::Timestamp;
use deskwire_store::journal::JournalConfig;
use deskwire_store::local::LinkNo;
use deskwire_store::memory::MemoryStore;
use deskwire_store::row::{LinkRow, StreamRow};
use deskwire_store::table::{Committed, LINKS, Rows, SCHEMA, STREAMS};
use deskwire_store::{EntryRef, SealedGroup, Sink};

use crate::courier::Courier;
use crate::endpoint::Early;
use crate::pull::{Polls, Puller};
use crate::world::World;

/// The moment at which every history begins, ms.
const BEGINNING: u64 = 1_790_000_000_000;
/// The largest file that the desks take: announced larger ones are refused by the receiver.
pub const FILE_BYTES: u64 = 4_096;

/// What becomes of an answer once the fate of its group is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// On stable storage.
    Done,
    /// The disk was full.
    Full,
}

pub(crate) type Release = Box<dyn FnOnce(&mut World, Fate)>;

/// A clock that may be wrong and go wrong.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// What it showed at the moment `since` of the simulation.
    pub shows: u64,
    /// See `shows`.
    pub since: u64,
    /// How fast it goes, in thousandths.
    pub rate: u64,
}

impl Clock {
    /// What it shows.
    #[must_use]
    pub const fn at(&self, now: u64) -> u64 {
        self.shows + (now - self.since) * self.rate / 1_000
    }
}

/// A desk, running or down.
pub struct Desk {
    /// Whose desk it is: a copy of another one has that one's number here.
    pub who: usize,
    /// Its disk.
    pub store: MemoryStore,
    /// The seed that the store was made with.
    pub store_seed: u64,
    /// The engine, while the process runs.
    pub core: Option<Core>,
    /// How often the process has ended: whatever began before is void.
    pub generation: u64,
    /// Its clock.
    pub clock: Clock,
    pub(crate) sink: Option<Box<dyn Sink>>,
    pub(crate) building: Vec<Release>,
    pub(crate) syncing: Vec<Release>,
    pub(crate) sealed: Option<Arc<SealedGroup>>,
    pub(crate) launching: bool,
    pub(crate) couriers: BTreeMap<usize, Courier>,
    pub(crate) early: Vec<Early>,
    pub(crate) fetching: BTreeMap<usize, u64>,
    pub(crate) pullers: BTreeMap<usize, Puller>,
    pub(crate) polls: BTreeMap<usize, Polls>,
    /// Whether it tells partners of an address.
    pub reachable: bool,
    /// How often its key was changed.
    pub rotations: u8,
    id: DeskId,
    identity: Option<Arc<Identity>>,
    version: u64,
    entropy: u64,
    descriptors: HashMap<EntryRef, Arc<Descriptor>>,
}

impl Desk {
    /// A desk that has never run.
    #[must_use]
    pub fn new(who: usize, seed: u64) -> Self {
        let store_seed = seed ^ (who as u64 + 1);
        let config = JournalConfig { segment_bytes: 32 << 10, reserve_bytes: 4 << 10 };
        Self {
            who,
            store: MemoryStore::with_config(store_seed, config),
            store_seed,
            core: None,
            generation: 0,
            clock: Clock { shows: BEGINNING, since: 0, rate: 1_000 },
            sink: None,
            building: Vec::new(),
            syncing: Vec::new(),
            sealed: None,
            launching: false,
            couriers: BTreeMap::new(),
            early: Vec::new(),
            fetching: BTreeMap::new(),
            pullers: BTreeMap::new(),
            polls: BTreeMap::new(),
            reachable: true,
            rotations: 0,
            id: KeyLog::incept(&key_of(who, 0), &key_of(who, 1).public()).desk(),
            identity: None,
            version: 0,
            entropy: seed.wrapping_mul(31).wrapping_add((who as u64) << 40),
            descriptors: HashMap::new(),
        }
    }

    /// Another copy of it, with its own copy of the disk and its own chance.
    #[must_use]
    pub fn copy(&self) -> Self {
        let mut copy = Self::new(self.who, 0);
        copy.store_seed = self.store_seed;
        copy.store = copy_of(&self.store, self.store_seed);
        copy.clock = self.clock;
        copy.version = self.version;
        (copy.reachable, copy.rotations) = (self.reachable, self.rotations);
        copy.identity = self.identity.clone();
        copy.entropy = self.entropy ^ (1 << 60);
        copy
    }

    /// Its name for people.
    #[must_use]
    pub fn name(&self) -> String {
        format!("desk{}", self.who)
    }

    /// The signing key.
    #[must_use]
    pub fn secret(&self) -> SecretKey {
        self.key(self.rotations)
    }

    /// The key that it has after so many changes.
    #[must_use]
    pub fn key(&self, rotations: u8) -> SecretKey {
        key_of(self.who, rotations)
    }

    /// Its key log after so many changes.
    pub(crate) fn keys(&self, rotations: u8) -> KeyLog {
        (1..=rotations).fold(KeyLog::incept(&self.key(0), &self.key(1).public()), |keys, place| {
            keys.rotate(&self.key(place), &self.key(place + 1).public()).expect("the next key")
        })
    }

    /// It has the next key, or another face, from its next start on.
    pub(crate) fn renew(&mut self, rotations: u8, reachable: bool) {
        (self.rotations, self.reachable) = (rotations, reachable);
        self.identity = None;
    }

    /// Runs a command on the stopped desk, as `key rotate` does before it changes the key.
    ///
    /// # Errors
    /// What the store or the engine says.
    pub(crate) fn run_stopped<C: Command>(&mut self, now: u64, command: C) -> Result<C::Reply, String> {
        self.start(now)?;
        let reply =
            self.step(now, command).ok_or("the desk is down")?.map_err(|refusal| refusal.to_string())?;
        let (Some(core), Some(sink)) = (&mut self.core, &mut self.sink) else {
            return Err("it is down".into());
        };
        if let Some(group) = core.seal() {
            let written = sink.write(std::slice::from_ref(group.as_ref()));
            core.land(written).map_err(|error| error.to_string())?;
        }
        Ok(reply)
    }

    /// Starts the process over what is on the disk.
    ///
    /// # Errors
    /// What the store or the engine says.
    pub fn start(&mut self, now: u64) -> Result<(), String> {
        let time = Timestamp(self.clock.at(now));
        let identity = self.identity(time);
        let opened = self.store.open(SCHEMA).map_err(|error| error.to_string())?;
        self.entropy += 1 << 20;
        let entropy = Box::new(Drawn { seed: self.entropy, drawn: 0 });
        let core = Core::open(opened, identity, entropy, time, &mut |_| {});
        let mut core = core.map_err(|refusal| refusal.to_string())?;
        self.sink = core.take_sink();
        self.core = Some(core);
        Ok(())
    }

    fn identity(&mut self, now: Timestamp) -> Arc<Identity> {
        if let Some(identity) = &self.identity {
            return Arc::clone(identity);
        }
        let (keys, key) = (self.keys(self.rotations), self.secret());
        let name = self.name();
        let face = Face {
            prefix: name.to_uppercase(),
            endpoints: if self.reachable {
                vec![Url::new(format!("https://{name}.example:8441")).expect("a URL")]
            } else {
                Vec::new()
            },
            name: Label::new(name).expect("a label"),
            tls: vec![Spki::new([u8::try_from(self.who % 250).unwrap_or(0) + 1; 32])],
            file_bytes: FILE_BYTES,
        };
        self.version = now.0.max(self.version + 1);
        let identity = Identity::new(keys, key, face, Timestamp(self.version)).expect("the newest key");
        let identity = Arc::new(identity);
        self.identity = Some(Arc::clone(&identity));
        identity
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> DeskId {
        self.id
    }

    /// Who it is, known once it has started.
    #[must_use]
    pub fn face(&self) -> Arc<Identity> {
        Arc::clone(self.identity.as_ref().expect("the desk has started once"))
    }

    /// Ends the process: what was not on the disk is gone.
    pub fn end(&mut self) {
        self.generation += 1;
        self.core = None;
        self.sink = None;
        self.building.clear();
        self.syncing.clear();
        self.sealed = None;
        self.launching = false;
        self.couriers.clear();
        self.early.clear();
        self.fetching.clear();
        self.pullers.clear();
        self.polls.clear();
    }

    /// Whether the process lives, as far as its disk lets it.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.core.is_some()
    }

    /// Whether its disk has let the process die.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        !deskwire_store::memory::SimDisk::session(self.store.disk()).is_alive()
    }

    /// Its journal, a line for each record, as far as it can be read.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        use deskwire_store::{Replayed, record::Record};
        let Some(core) = self.core.as_ref() else { return Vec::new() };
        let mut lines = Vec::new();
        let read = core.journal().replay(None, &mut |step| {
            if let Replayed::Entry(_, entry) = step {
                let line = match Record::read(&entry) {
                    Ok(Record::Received(message)) => {
                        let head = deskwire_proto::envelope::read_head(&message.signed).ok();
                        let head = head.map(|head| (head.seen, head.kind, head.delegation));
                        format!("Received {}: {head:?} {:?} {:?}", message.seq, message.local, message.event)
                    }
                    Ok(record) => format!("{record:?}"),
                    Err(error) => error.to_string(),
                };
                lines.push(line);
            }
            std::ops::ControlFlow::Continue(())
        });
        lines.extend(read.err().map(|error| error.to_string()));
        lines
    }

    /// The committed rows of a running desk.
    #[must_use]
    pub fn rows(&self) -> Option<Committed> {
        self.core.as_ref().map(|core| Committed(Arc::clone(core.view())))
    }

    /// A link, as committed.
    #[must_use]
    pub fn link(&self, no: LinkNo) -> Option<LinkRow> {
        self.rows()?.get(LINKS, &no).ok()?
    }

    /// The streams of a link, as committed.
    #[must_use]
    pub fn stream(&self, no: LinkNo) -> Option<StreamRow> {
        self.rows()?.get(STREAMS, &no).ok()?
    }

    /// The partner's descriptor as this desk knows it.
    pub fn descriptor(&mut self, link: &LinkRow) -> Option<Arc<Descriptor>> {
        use deskwire_store::record::Record;
        if let Some(known) = self.descriptors.get(&link.descriptor) {
            return Some(Arc::clone(known));
        }
        let entry = self.core.as_ref()?.journal().read(link.descriptor).ok()?;
        let raw = match Record::read(&entry).ok()? {
            Record::LinkOpened(opened) => opened.descriptor,
            Record::DescriptorTaken { descriptor, .. } => descriptor,
            _ => return None,
        };
        let descriptor = Arc::new(Descriptor::open(&raw).ok()?);
        self.descriptors.insert(link.descriptor, Arc::clone(&descriptor));
        Some(descriptor)
    }

    /// Forgets what it remembers of its journal: the disk has another one now.
    pub fn forget(&mut self) {
        self.descriptors.clear();
    }

    /// Steps a command without its commit. `None` while the desk is down.
    pub fn step<C: Command>(&mut self, now: u64, command: C) -> Option<Result<C::Reply, Refusal>> {
        let now = Timestamp(self.clock.at(now));
        Some(self.core.as_mut()?.step(now, command))
    }

    /// Steps a command and commits it at once, as setting the scene does.
    pub fn run<C: Command>(&mut self, now: u64, command: C) -> Result<C::Reply, Refusal> {
        let reply = self.step(now, command).expect("the desk runs");
        let core = self.core.as_mut().expect("the desk runs");
        if let Some(group) = core.seal() {
            let written =
                self.sink.as_mut().expect("the sink is here").write(std::slice::from_ref(group.as_ref()));
            core.land(written).expect("the disk writes");
        }
        reply
    }
}

fn key_of(who: usize, rotations: u8) -> SecretKey {
    let mut seed = [rotations + 1; 32];
    seed[..8].copy_from_slice(&(who as u64 + 1).to_be_bytes());
    SecretKey::from_seed(&seed)
}

/// Another store with the same files.
#[must_use]
pub fn copy_of(store: &MemoryStore, seed: u64) -> MemoryStore {
    let config = JournalConfig { segment_bytes: 32 << 10, reserve_bytes: 4 << 10 };
    let copy = MemoryStore::with_config(seed, config);
    // Opened and ended once, it has its folders.
    drop(copy.open(SCHEMA).expect("an empty store opens"));
    copy.kill(0);
    put_files(&copy, &files(store));
    copy
}

/// The files of a store as a process sees them.
#[must_use]
pub fn files(store: &MemoryStore) -> Vec<(String, Vec<u8>)> {
    let disk = store.disk();
    disk.names().into_iter().filter_map(|name| disk.content(&name).map(|bytes| (name, bytes))).collect()
}

/// Puts files in the place of all others of a store whose process has ended.
pub fn put_files(store: &MemoryStore, files: &[(String, Vec<u8>)]) {
    let disk = store.disk();
    for name in disk.names() {
        if !files.iter().any(|(kept, _)| *kept == name) {
            disk.lose(&name);
        }
    }
    for (name, bytes) in files {
        disk.set_content(name, bytes.clone());
    }
}

/// Random bytes that are the same for the same seed.
struct Drawn {
    seed: u64,
    drawn: u64,
}

impl Entropy for Drawn {
    fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(32) {
            self.drawn += 1;
            let hash = Hash::of_parts(&[&self.seed.to_be_bytes(), &self.drawn.to_be_bytes()]);
            chunk.copy_from_slice(&hash.as_bytes()[..chunk.len()]);
        }
    }
}

/// The effects of a commit that lead to work.
pub(crate) fn woken(effects: impl IntoIterator<Item = Effect>) -> Vec<(Work, LinkNo)> {
    let works = effects.into_iter().filter_map(|effect| match effect {
        Effect::Wake(no) => Some((Work::Courier, no)),
        Effect::Fetch(no) => Some((Work::Files, no)),
        Effect::Advanced(no) => Some((Work::Early, no)),
        Effect::Links | Effect::Due => None,
    });
    works.collect()
}

/// Who has to look after a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Courier,
    Files,
    Early,
}
