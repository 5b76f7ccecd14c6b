//! Writes a snapshot, row after row.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{BLOCK, FOOT_MAGIC, HEAD_MAGIC, HEADER, SNAPSHOT_VERSION, TableSum};
use crate::{DiskFile, Error, Position, Result};

/// A snapshot being written. Rows come in the order of their keys.
pub struct SnapshotWriter {
    file: Arc<dyn DiskFile>,
    position: Position,
    offset: u64,
    block: Vec<u8>,
    first_key: Vec<u8>,
    index: Vec<u8>,
    blocks: u64,
    tables: Vec<TableSum>,
    /// The table being written.
    table: Option<(u8, u64, Sha256)>,
}

impl SnapshotWriter {
    pub(super) fn begin(file: Arc<dyn DiskFile>, schema: u32, position: Position) -> Result<Self> {
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(HEAD_MAGIC);
        header.extend_from_slice(&SNAPSHOT_VERSION.to_be_bytes());
        header.extend_from_slice(&schema.to_be_bytes());
        header.extend_from_slice(&position.to_bytes());
        header.resize(HEADER - 4, 0);
        header.extend_from_slice(&crc32c::crc32c(&header).to_be_bytes());
        let mut writer = Self {
            file,
            position,
            offset: 0,
            block: Vec::with_capacity(2 * BLOCK),
            first_key: Vec::new(),
            index: Vec::new(),
            blocks: 0,
            tables: Vec::new(),
            table: None,
        };
        writer.append(&header)?;
        Ok(writer)
    }

    /// Writes the next row.
    ///
    /// # Errors
    /// [`Error::Full`], and whatever else the disk says.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        if self.block.is_empty() {
            self.first_key = key.to_vec();
        }
        let from = self.block.len();
        self.block.extend_from_slice(&(key.len() as u16).to_be_bytes());
        self.block.extend_from_slice(&(value.len() as u32).to_be_bytes());
        self.block.extend_from_slice(key);
        self.block.extend_from_slice(value);
        let prefix = key.first().copied().unwrap_or_default();
        if self.table.as_ref().is_none_or(|(table, ..)| *table != prefix) {
            self.end_table();
            self.table = Some((prefix, 0, Sha256::new()));
        }
        if let Some((_, rows, sum)) = &mut self.table {
            *rows += 1;
            sum.update(&self.block[from..]);
        }
        if self.block.len() >= BLOCK { self.end_block() } else { Ok(()) }
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.offset
    }

    /// What it reflects.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Writes the end; what is written is not durable yet.
    pub(super) fn finish(mut self) -> Result<Arc<dyn DiskFile>> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        self.end_table();
        let mut tail = self.blocks.to_be_bytes().to_vec();
        tail.append(&mut self.index);
        let (at, index) = (self.offset, tail.len() as u64);
        tail.extend_from_slice(&(self.tables.len() as u16).to_be_bytes());
        for table in &self.tables {
            tail.push(table.prefix);
            tail.extend_from_slice(&table.rows.to_be_bytes());
            tail.extend_from_slice(&table.sum);
        }
        let tables = tail.len() as u64 - index;
        let mut footer = FOOT_MAGIC.to_vec();
        for number in [at, index, tables] {
            footer.extend_from_slice(&number.to_be_bytes());
        }
        footer.extend_from_slice(&crc32c::crc32c(&tail).to_be_bytes());
        footer.extend_from_slice(&crc32c::crc32c(&footer).to_be_bytes());
        tail.append(&mut footer);
        self.append(&tail)?;
        // A file of this name that was left over may have been longer.
        self.file.set_len(self.offset).map_err(|error| Error::io("write a snapshot", error))?;
        Ok(self.file)
    }

    fn end_block(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.block);
        self.index.extend_from_slice(&self.offset.to_be_bytes());
        self.index.extend_from_slice(&(rows.len() as u32).to_be_bytes());
        self.index.extend_from_slice(&(self.first_key.len() as u16).to_be_bytes());
        self.index.extend_from_slice(&self.first_key);
        self.blocks += 1;
        let mut framed = Vec::with_capacity(rows.len() + 8);
        framed.extend_from_slice(&(rows.len() as u32).to_be_bytes());
        framed.extend_from_slice(&crc32c::crc32c(&rows).to_be_bytes());
        framed.extend_from_slice(&rows);
        self.block = rows;
        self.block.clear();
        self.append(&framed)
    }

    fn end_table(&mut self) {
        if let Some((prefix, rows, sum)) = self.table.take() {
            self.tables.push(TableSum { prefix, rows, sum: sum.finalize().into() });
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_at(bytes, self.offset).map_err(|error| Error::io("write a snapshot", error))?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}
