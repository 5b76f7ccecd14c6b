//! One file of the simulated disk: what a process reads, and what a power cut may leave of it.

use std::collections::BTreeMap;

use super::random::Random;

const SECTOR: usize = 512;

/// A file's content, with what is needed to lose the part that was not synced.
#[derive(Default)]
pub(super) struct SimFile {
    live: Vec<u8>,
    durable_len: usize,
    /// Sectors that differ from the durable ones, with their durable content.
    dirty: BTreeMap<usize, Dirty>,
}

struct Dirty {
    durable: Box<[u8; SECTOR]>,
    /// A sync of it failed: the system takes it for clean, and a later sync does not write it.
    forgotten: bool,
}

impl SimFile {
    /// A file that is durable as it is.
    pub(super) fn durable(live: Vec<u8>) -> Self {
        Self { durable_len: live.len(), live, dirty: BTreeMap::new() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.live
    }

    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> usize {
        let rest =
            usize::try_from(offset).ok().and_then(|offset| self.live.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        count
    }

    pub(super) fn write_at(&mut self, bytes: &[u8], offset: u64) {
        let begin = offset as usize;
        let end = begin + bytes.len();
        if bytes.is_empty() {
            return;
        }
        self.touch(begin, end);
        if self.live.len() < end {
            self.live.resize(end, 0);
        }
        self.live[begin..end].copy_from_slice(bytes);
    }

    pub(super) fn set_len(&mut self, size: u64) {
        let size = size as usize;
        if size < self.live.len() {
            self.touch(size, self.live.len());
        }
        self.live.resize(size, 0);
    }

    pub(super) fn sync(&mut self) {
        self.durable_len = self.live.len();
        self.dirty.retain(|_, sector| sector.forgotten);
    }

    pub(super) fn fail_sync(&mut self) {
        self.dirty.values_mut().for_each(|sector| sector.forgotten = true);
    }

    /// Each dirty sector and the length are the new or the durable ones.
    pub(super) fn power_cut(&mut self, random: &mut Random) {
        if self.durable_len != self.live.len() && random.coin() {
            self.live.resize(self.durable_len, 0);
        }
        for (sector, dirty) in std::mem::take(&mut self.dirty) {
            if dirty.forgotten || random.coin() {
                let begin = sector * SECTOR;
                let end = (begin + SECTOR).min(self.live.len());
                if begin < end {
                    self.live[begin..end].copy_from_slice(&dirty.durable[..end - begin]);
                }
            }
        }
        self.durable_len = self.live.len();
    }

    /// Keeps the durable content of the sectors about to change.
    fn touch(&mut self, begin: usize, end: usize) {
        for sector in begin / SECTOR..end.div_ceil(SECTOR) {
            let live = &self.live;
            let dirty = self.dirty.entry(sector).or_insert_with(|| {
                let mut durable = Box::new([0; SECTOR]);
                let kept = live.get(sector * SECTOR..).unwrap_or_default();
                let count = kept.len().min(SECTOR);
                durable[..count].copy_from_slice(&kept[..count]);
                Dirty { durable, forgotten: false }
            });
            dirty.forgotten = false;
        }
    }
}
