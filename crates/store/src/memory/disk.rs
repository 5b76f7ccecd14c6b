//! A disk in memory that loses, tears and refuses what a real one may, when it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::file::SimFile;
use super::random::Random;
use crate::{Disk, DiskFile};

/// A simulated disk. Clones are the same disk.
///
/// What is written is visible at once and durable after a sync, as on a real one: content by the sync of the file,
/// names by the sync of the folder. A power cut keeps or loses each unsynced sector, length and name by chance.
#[derive(Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<DiskState>>,
}

#[derive(Default)]
struct DiskState {
    /// Handles of an earlier generation belong to a process that is gone.
    generation: u64,
    next_inode: u64,
    files: BTreeMap<u64, SimFile>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    /// Changes of names since the sync of their folder, in order.
    pending: Vec<Rename>,
    folders: BTreeSet<String>,
    capacity: Option<u64>,
    fail_syncs: u32,
    /// Syncs that succeed before the first that fails.
    spare_syncs: u32,
    /// The file whose bytes cannot be read.
    unreadable: Option<u64>,
    /// Syncs say that all is well and do nothing.
    lies: bool,
    /// Changing operations left until the process dies.
    crash_after: Option<u64>,
    operations: u64,
}

/// The name `name` now belongs to `inode`, or to nothing; `from` gave it up.
struct Rename {
    name: String,
    inode: Option<u64>,
    from: Option<String>,
}

impl SimDisk {
    /// Ends the process that uses the disk: its handles fail from now on, everything it wrote stays.
    pub fn kill(&self) {
        let mut state = self.lock();
        state.generation += 1;
        state.crash_after = None;
        state.forget_deleted();
    }

    /// Cuts the power: the process ends, and what was not synced is kept or lost by chance, which the seed decides.
    pub fn power_cut(&self, seed: u64) {
        let mut state = self.lock();
        let mut random = Random::new(seed);
        state.generation += 1;
        state.crash_after = None;
        for file in state.files.values_mut() {
            file.power_cut(&mut random);
        }
        state.lose_names(&mut random);
    }

    /// Limits the disk to so many bytes, or lifts the limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    /// Lets the next syncs fail. What they covered is lost in a power cut unless it is written again.
    pub fn fail_syncs(&self, count: u32) {
        self.fail_syncs_after(0, count);
    }

    /// As [`SimDisk::fail_syncs`], after some that succeed.
    pub fn fail_syncs_after(&self, spared: u32, count: u32) {
        let mut state = self.lock();
        (state.spare_syncs, state.fail_syncs) = (spared, count);
    }

    /// Lets every reading of one file fail, as a bad sector does, until this is called with `None`.
    pub fn fail_reads(&self, name: Option<&str>) {
        let mut state = self.lock();
        state.unreadable = name.and_then(|name| state.names.get(name).copied());
    }

    /// Lets syncs say that all is well although they have done nothing, as some disks do.
    pub fn lie_about_syncs(&self, lies: bool) {
        self.lock().lies = lies;
    }

    /// Lets the process die in the middle of the changing operation that follows so many others: that one and all
    /// later ones fail, until [`SimDisk::kill`] or [`SimDisk::power_cut`].
    pub fn crash_after(&self, operations: u64) {
        self.lock().crash_after = Some(operations + 1);
    }

    /// How many changing operations (creations, writes, syncs and so on) there have been.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Bytes used by all files, room reserved included.
    pub fn used(&self) -> u64 {
        self.lock().used()
    }

    /// Bytes free, if there is a limit.
    pub fn free(&self) -> Option<u64> {
        let state = self.lock();
        state.capacity.map(|capacity| capacity.saturating_sub(state.used()))
    }

    /// The names of all files.
    pub fn names(&self) -> Vec<String> {
        self.lock().names.keys().cloned().collect()
    }

    /// The content of a file, as a process would read it.
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        let state = self.lock();
        Some(state.files.get(state.names.get(name)?)?.bytes().to_vec())
    }

    /// Replaces the content of a file behind everybody's back: bit rot, a torn image, a restored backup.
    pub fn set_content(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.lock();
        let inode = state.inode_for(name);
        state.durable_names.insert(name.to_owned(), inode);
        state.pending.retain(|change| change.name != name);
        state.files.insert(inode, SimFile::durable(bytes));
    }

    /// Deletes a file behind everybody's back.
    pub fn lose(&self, name: &str) {
        let mut state = self.lock();
        state.names.remove(name);
        state.durable_names.remove(name);
        state.pending.retain(|change| change.name != name);
    }

    /// The disk as the present process sees it.
    pub fn session(&self) -> SimSession {
        SimSession { disk: self.clone(), generation: self.lock().generation }
    }

    fn lock(&self) -> MutexGuard<'_, DiskState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DiskState {
    fn inode_for(&mut self, name: &str) -> u64 {
        if let Some(inode) = self.names.get(name) {
            return *inode;
        }
        self.next_inode += 1;
        self.names.insert(name.to_owned(), self.next_inode);
        self.next_inode
    }

    fn used(&self) -> u64 {
        self.names
            .values()
            .filter_map(|inode| self.files.get(inode))
            .map(|file| file.bytes().len() as u64)
            .sum()
    }

    fn free(&self) -> u64 {
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used()))
    }

    /// Checks that the process is alive.
    fn alive(&self, generation: u64) -> io::Result<()> {
        if self.generation == generation && self.crash_after != Some(0) { Ok(()) } else { Err(dead()) }
    }

    /// Counts a changing operation. `true` when the process dies in the middle of it.
    fn change(&mut self, generation: u64) -> io::Result<bool> {
        self.alive(generation)?;
        self.operations += 1;
        match &mut self.crash_after {
            Some(left) => {
                *left -= 1;
                Ok(*left == 0)
            }
            None => Ok(false),
        }
    }

    /// Counts a changing operation that happens as a whole or not at all.
    fn atomic_change(&mut self, generation: u64) -> io::Result<()> {
        if self.change(generation)? { Err(dead()) } else { Ok(()) }
    }

    fn sync(&mut self, generation: u64) -> io::Result<bool> {
        self.atomic_change(generation)?;
        if self.spare_syncs > 0 {
            self.spare_syncs -= 1;
            return Ok(false);
        }
        let fails = self.fail_syncs > 0;
        self.fail_syncs = self.fail_syncs.saturating_sub(1);
        Ok(fails)
    }

    fn note(&mut self, name: &str, inode: Option<u64>, from: Option<&str>) {
        self.pending.push(Rename { name: name.to_owned(), inode, from: from.map(str::to_owned) });
    }

    /// Makes the pending changes of names durable for which `keep` says so, in order.
    fn settle(&mut self, mut keep: impl FnMut(&Rename) -> bool) {
        let (settled, pending) =
            std::mem::take(&mut self.pending).into_iter().partition(|change| keep(change));
        self.pending = pending;
        let settled: Vec<Rename> = settled;
        for change in settled {
            if let Some(from) = &change.from {
                self.durable_names.remove(from);
            }
            match change.inode {
                Some(inode) => self.durable_names.insert(change.name, inode),
                None => self.durable_names.remove(&change.name),
            };
        }
    }

    /// Of each folder's pending changes the first few survive.
    fn lose_names(&mut self, random: &mut Random) {
        let mut lost: BTreeSet<String> = BTreeSet::new();
        self.settle(|change| {
            let folder = folder_of(&change.name).to_owned();
            let keep = !lost.contains(&folder) && random.coin();
            if !keep {
                lost.insert(folder);
            }
            keep
        });
        self.pending.clear();
        self.names = self.durable_names.clone();
        self.forget_deleted();
    }

    /// Drops the content of files that no name leads to.
    fn forget_deleted(&mut self) {
        let kept: BTreeSet<u64> = self.names.values().chain(self.durable_names.values()).copied().collect();
        self.files.retain(|inode, _| kept.contains(inode));
    }
}

/// A [`SimDisk`] as one process sees it, until it is killed.
#[derive(Clone)]
pub struct SimSession {
    disk: SimDisk,
    generation: u64,
}

impl SimSession {
    /// Whether the process that this belongs to still lives.
    pub fn is_alive(&self) -> bool {
        self.disk.lock().alive(self.generation).is_ok()
    }

    fn handle(&self, inode: u64) -> Arc<dyn DiskFile> {
        Arc::new(SimHandle { session: self.clone(), inode })
    }
}

impl Disk for SimSession {
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.disk.lock();
        state.atomic_change(self.generation)?;
        if !state.folders.contains(folder_of(name)) && !folder_of(name).is_empty() {
            return Err(missing(folder_of(name)));
        }
        let is_new = !state.names.contains_key(name);
        let inode = state.inode_for(name);
        state.files.entry(inode).or_default().set_len(0);
        if is_new {
            state.note(name, Some(inode), None);
        }
        Ok(self.handle(inode))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.disk.lock();
        state.alive(self.generation)?;
        state.names.get(name).map(|inode| self.handle(*inode)).ok_or_else(|| missing(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.atomic_change(self.generation)?;
        let inode = state.names.remove(from).ok_or_else(|| missing(from))?;
        state.names.insert(to.to_owned(), inode);
        state.note(to, Some(inode), Some(from));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.atomic_change(self.generation)?;
        state.names.remove(name).ok_or_else(|| missing(name))?;
        state.note(name, None, None);
        Ok(())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let state = self.disk.lock();
        state.alive(self.generation)?;
        let prefix = format!("{folder}/");
        let all = state.names.keys().chain(&state.folders);
        let mut names: Vec<String> = all
            .filter_map(|name| name.strip_prefix(&prefix))
            .filter(|rest| !rest.contains('/'))
            .map(str::to_owned)
            .collect();
        names.dedup();
        Ok(names)
    }

    fn create_folder(&self, folder: &str) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.atomic_change(self.generation)?;
        state.folders.insert(folder.to_owned());
        Ok(())
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        let mut state = self.disk.lock();
        if state.sync(self.generation)? {
            return Err(io::Error::other("simulated failure of a folder's sync"));
        }
        if state.lies {
            return Ok(());
        }
        state.settle(|change| {
            folder_of(&change.name) == folder || change.from.as_deref().map(folder_of) == Some(folder)
        });
        Ok(())
    }
}

struct SimHandle {
    session: SimSession,
    inode: u64,
}

impl SimHandle {
    /// Runs a change on the file, unless the process is dead; told whether it dies in the middle of it.
    fn change<T>(&self, run: impl FnOnce(&mut SimFile, u64, bool) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.session.disk.lock();
        let dies = state.change(self.session.generation)?;
        let free = state.free();
        let file = state.files.get_mut(&self.inode).ok_or_else(|| missing("a deleted file"))?;
        let done = run(file, free, dies)?;
        if dies { Err(dead()) } else { Ok(done) }
    }

    fn read<T>(&self, run: impl FnOnce(&SimFile) -> T) -> io::Result<T> {
        let state = self.session.disk.lock();
        state.alive(self.session.generation)?;
        state.files.get(&self.inode).map(run).ok_or_else(|| missing("a deleted file"))
    }
}

impl DiskFile for SimHandle {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.session.disk.lock().unreadable == Some(self.inode) {
            return Err(io::Error::other("simulated failure of a sector"));
        }
        self.read(|file| file.read_at(buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change(|file, free, dies| {
            let room = (file.bytes().len() as u64).saturating_add(free).saturating_sub(offset);
            let fits = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
            // A process that dies while it writes has written a part of it.
            let written = if dies { fits / 2 } else { fits };
            file.write_at(&bytes[..written], offset);
            if fits < bytes.len() { Err(full()) } else { Ok(()) }
        })
    }

    fn allocate(&self, size: u64) -> io::Result<()> {
        self.change(|file, free, dies| {
            let length = file.bytes().len() as u64;
            if size.saturating_sub(length) > free {
                return Err(full());
            }
            if size > length && !dies {
                file.set_len(size);
            }
            Ok(())
        })
    }

    fn set_len(&self, size: u64) -> io::Result<()> {
        self.change(|file, free, dies| {
            if size.saturating_sub(file.bytes().len() as u64) > free {
                return Err(full());
            }
            if !dies {
                file.set_len(size);
            }
            Ok(())
        })
    }

    fn size(&self) -> io::Result<u64> {
        self.read(|file| file.bytes().len() as u64)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.session.disk.lock();
        let fails = state.sync(self.session.generation)?;
        if state.lies {
            return Ok(());
        }
        let file = state.files.get_mut(&self.inode).ok_or_else(|| missing("a deleted file"))?;
        if fails {
            file.fail_sync();
            return Err(io::Error::other("simulated failure of a sync"));
        }
        file.sync();
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }
}

fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn missing(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no {name} on the simulated disk"))
}

fn full() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "the simulated disk is full")
}

fn dead() -> io::Error {
    io::Error::other("the simulated process is dead")
}
