//! Reads a snapshot: one row, a range of rows, or all of them with every checksum.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::{FOOT_MAGIC, FOOTER, HEAD_MAGIC, HEADER, SNAPSHOT_VERSION, TableSum, Unfit};
use crate::disk::read_fully;
use crate::{Direction, DiskFile, Error, Position, Result, VisitRow};

/// Blocks kept in memory.
const KEPT: usize = 128;

/// A snapshot open for reading.
pub struct Snapshot {
    file: Arc<dyn DiskFile>,
    position: Position,
    blocks: Vec<Block>,
    tables: Vec<TableSum>,
    bytes: u64,
    kept: Mutex<BTreeMap<usize, Arc<Vec<u8>>>>,
}

/// Where a block stands.
struct Block {
    offset: u64,
    length: u32,
    first: Vec<u8>,
}

/// Why a snapshot cannot be used.
type Why = (String, Unfit);

impl Snapshot {
    pub(super) fn read(file: Arc<dyn DiskFile>, schema: u32) -> Result<Self, Why> {
        let failed = |error: std::io::Error| (format!("it cannot be read: {error}"), Unfit::Unread);
        let bytes = file.size().map_err(failed)?;
        let mut header = [0; HEADER];
        read_fully(file.as_ref(), &mut header, 0).map_err(failed)?;
        let position = read_header(&header, schema)?;
        let mut footer = [0; FOOTER];
        let foot = bytes.checked_sub(FOOTER as u64).ok_or_else(|| damaged("it is cut off"))?;
        read_fully(file.as_ref(), &mut footer, foot).map_err(failed)?;
        let [at, index, tables] = read_footer(&footer, foot)?;
        let mut tail = vec![0; (index + tables) as usize];
        read_fully(file.as_ref(), &mut tail, at).map_err(failed)?;
        if !ends_with_sum(&tail, &footer[32..36]) {
            return Err(damaged("the checksum of its index does not hold"));
        }
        let (index, sums) = tail.split_at(index as usize);
        let blocks = read_index(index).ok_or_else(|| damaged("its index makes no sense"))?;
        let tables = read_tables(sums).ok_or_else(|| damaged("its list of tables makes no sense"))?;
        Ok(Self { file, position, blocks, tables, bytes, kept: Mutex::default() })
    }

    /// What it reflects.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Its size, bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its tables.
    pub fn tables(&self) -> &[TableSum] {
        &self.tables
    }

    /// The value of a key.
    ///
    /// # Errors
    /// [`Error::SnapshotDamaged`] when the rows asked for do not verify.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(number) = self.block_of(key) else { return Ok(None) };
        let rows = self.block(number, true)?;
        for row in Rows(&rows) {
            let (found, value) = row.ok_or_else(|| self.damaged(number))?;
            if found >= key {
                return Ok((found == key).then(|| value.to_vec()));
            }
        }
        Ok(None)
    }

    /// Visits the rows within the bounds.
    ///
    /// # Errors
    /// [`Error::SnapshotDamaged`] when the rows asked for do not verify.
    pub fn scan(
        &self,
        start: &[u8],
        end: Option<&[u8]>,
        direction: Direction,
        visit: &mut VisitRow<'_>,
    ) -> Result<()> {
        let last = match end {
            Some(end) => self.blocks.partition_point(|block| block.first.as_slice() < end),
            None => self.blocks.len(),
        };
        let first = self.block_of(start).unwrap_or(0);
        let mut numbers: Vec<usize> = (first..last).collect();
        if direction == Direction::Backward {
            numbers.reverse();
        }
        for number in numbers {
            let rows = self.block(number, last - first < 4)?;
            let rows: Option<Vec<_>> = Rows(&rows).collect();
            let mut rows = rows.ok_or_else(|| self.damaged(number))?;
            if direction == Direction::Backward {
                rows.reverse();
            }
            let within =
                rows.into_iter().filter(|(key, _)| *key >= start && end.is_none_or(|end| *key < end));
            for (key, value) in within {
                if visit(key, value).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Reads everything and compares it with the checksums.
    ///
    /// # Errors
    /// [`Error::SnapshotDamaged`].
    pub fn verify(&self, mut pace: impl FnMut(u64) -> ControlFlow<()>) -> Result<()> {
        let mut sums: BTreeMap<u8, (u64, Sha256)> = BTreeMap::new();
        let mut before = Vec::new();
        for number in 0..self.blocks.len() {
            let rows = self.block(number, false)?;
            for row in Rows(&rows) {
                let (key, value) = row.ok_or_else(|| self.damaged(number))?;
                if key <= before.as_slice() {
                    return Err(self.damaged(number));
                }
                before = key.to_vec();
                let (count, sum) = sums.entry(key[0]).or_default();
                *count += 1;
                sum.update((key.len() as u16).to_be_bytes());
                sum.update((value.len() as u32).to_be_bytes());
                sum.update(key);
                sum.update(value);
            }
            if pace(rows.len() as u64).is_break() {
                return Ok(());
            }
        }
        let found: Vec<TableSum> = sums
            .into_iter()
            .map(|(prefix, (rows, sum))| TableSum { prefix, rows, sum: sum.finalize().into() })
            .collect();
        if found == self.tables {
            return Ok(());
        }
        let reason = "the checksum of a table does not hold".into();
        Err(Error::SnapshotDamaged { group: self.position.group, reason })
    }

    /// The block in which a key stands, if it stands in any.
    fn block_of(&self, key: &[u8]) -> Option<usize> {
        self.blocks.partition_point(|block| block.first.as_slice() <= key).checked_sub(1)
    }

    fn block(&self, number: usize, keep: bool) -> Result<Arc<Vec<u8>>> {
        if let Some(rows) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&number) {
            return Ok(rows.clone());
        }
        let block = &self.blocks[number];
        let mut framed = vec![0; block.length as usize + 8];
        read_fully(self.file.as_ref(), &mut framed, block.offset)
            .map_err(|error| Error::io("read a snapshot", error))?;
        let rows = framed.split_off(8);
        if framed[..4] != block.length.to_be_bytes() || !ends_with_sum(&rows, &framed[4..]) {
            return Err(self.damaged(number));
        }
        let rows = Arc::new(rows);
        if keep {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= KEPT {
                // Any will do; neighbours tend to be read together.
                if number.is_multiple_of(2) {
                    kept.pop_first()
                } else {
                    kept.pop_last()
                };
            }
            kept.insert(number, rows.clone());
        }
        Ok(rows)
    }

    fn damaged(&self, number: usize) -> Error {
        let at = self.blocks.get(number).map_or(0, |block| block.offset);
        Error::SnapshotDamaged {
            group: self.position.group,
            reason: format!("its rows at offset {at} do not verify"),
        }
    }
}

/// The rows of a block; `None` for what is no row.
struct Rows<'a>(&'a [u8]);

impl<'a> Iterator for Rows<'a> {
    type Item = Option<(&'a [u8], &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let row = read_row(&mut self.0);
        if row.is_none() {
            self.0 = &[];
        }
        Some(row)
    }
}

fn read_row<'a>(bytes: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let key = u16::from_be_bytes(take(bytes)?);
    let value = u32::from_be_bytes(take(bytes)?);
    let key = slice(bytes, usize::from(key))?;
    (!key.is_empty()).then_some((key, slice(bytes, value as usize)?))
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    slice(bytes, N)?.try_into().ok()
}

fn slice<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(front)
}

fn read_header(header: &[u8; HEADER], schema: u32) -> Result<Position, Why> {
    let (body, sum) = header.split_at(HEADER - 4);
    if !body.starts_with(HEAD_MAGIC) || !ends_with_sum(body, sum) {
        return Err(damaged("its header does not verify"));
    }
    let number = |at: usize| body[at..at + 4].try_into().map_or(0, u32::from_be_bytes);
    if number(8) != SNAPSHOT_VERSION {
        let found = number(8);
        return Err((
            format!("it has format version {found}, this program knows {SNAPSHOT_VERSION}"),
            Unfit::Version,
        ));
    }
    if number(12) != schema {
        return Err((
            format!("its rows have schema {}, this program uses {schema}", number(12)),
            Unfit::Version,
        ));
    }
    Position::from_bytes(&body[16..72]).ok_or_else(|| damaged("its position makes no sense"))
}

fn read_footer(footer: &[u8; FOOTER], foot: u64) -> Result<[u64; 3], Why> {
    if !footer.starts_with(FOOT_MAGIC) || !ends_with_sum(&footer[..36], &footer[36..]) {
        return Err(damaged("its end does not verify"));
    }
    let number = |at: usize| footer[at..at + 8].try_into().map_or(0, u64::from_be_bytes);
    let [at, index, tables] = [number(8), number(16), number(24)];
    let end = at.checked_add(index).and_then(|end| end.checked_add(tables));
    if end == Some(foot) { Ok([at, index, tables]) } else { Err(damaged("its end makes no sense")) }
}

fn read_index(mut bytes: &[u8]) -> Option<Vec<Block>> {
    let count = u64::from_be_bytes(take(&mut bytes)?);
    let mut blocks = Vec::with_capacity(usize::try_from(count.min(bytes.len() as u64)).ok()?);
    for _ in 0..count {
        let offset = u64::from_be_bytes(take(&mut bytes)?);
        let length = u32::from_be_bytes(take(&mut bytes)?);
        let key = u16::from_be_bytes(take(&mut bytes)?);
        blocks.push(Block { offset, length, first: slice(&mut bytes, usize::from(key))?.to_vec() });
    }
    bytes.is_empty().then_some(blocks)
}

fn read_tables(mut bytes: &[u8]) -> Option<Vec<TableSum>> {
    let count = u16::from_be_bytes(take(&mut bytes)?);
    let mut tables = Vec::new();
    for _ in 0..count {
        let [prefix] = take(&mut bytes)?;
        let rows = u64::from_be_bytes(take(&mut bytes)?);
        tables.push(TableSum { prefix, rows, sum: take(&mut bytes)? });
    }
    bytes.is_empty().then_some(tables)
}

fn ends_with_sum(bytes: &[u8], sum: &[u8]) -> bool {
    crc32c::crc32c(bytes).to_be_bytes() == sum
}

fn damaged(reason: &str) -> Why {
    (reason.into(), Unfit::Damaged)
}
