//! Corrects single flipped bits: a CRC-32C tells which one bit would have to be another for it to hold.
//!
//! A group is corrected only if everything in it verifies then, the hash chain included. The sector with the bit is
//! written again in its place and synced: a power cut leaves the bit flipped or corrected, and both can be read.

use std::sync::Arc;

use super::entry::{EntryRef, JournalId, Position};
use super::format::{
    Check, ENTRY_HEADER, EntryHeader, FRAME_HEADER, FrameHeader, Place, SECTOR, SEGMENT_HEADER,
    SegmentHeader, walk_entries,
};
use super::segments::file_name;
use crate::disk::read_fully;
use crate::error::sync_failed;
use crate::{DiskFile, Error, Result};

/// The polynomial of CRC-32C, bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// Most bits corrected in one group: what has more is not a flipped bit.
const MOST: usize = 4;

/// A flipped bit that was corrected, or can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Correction {
    /// The segment's number.
    pub segment: u64,
    /// The byte in the segment.
    pub offset: u64,
    /// The bit in that byte, 0 for the lowest.
    pub bit: u8,
    /// The group it belongs to; 0 for the header of the segment.
    pub group: u64,
}

/// Finds the flipped bits of the group that begins at a position and does not verify. Returns them with the frame as it
/// was; `None` if it is damaged more than that.
pub(crate) fn find(
    file: &dyn DiskFile,
    id: JournalId,
    at: Position,
    end: u64,
) -> Result<Option<(Vec<Correction>, Vec<u8>)>> {
    let read = |bytes: &mut [u8]| {
        read_fully(file, bytes, at.offset)
            .map_err(|error| Error::io(format!("read {}", file_name(at.segment)), error))
    };
    let place = Place::new(id, at.segment, at.offset);
    let mut head = vec![0; FRAME_HEADER];
    read(&mut head)?;
    let mut flips = Vec::new();
    let Some(header) = mend_header(&mut head, &mut flips, |bytes| {
        FrameHeader::decode(bytes, place).filter(|header| header.group == at.group + 1)
    }) else {
        return Ok(None);
    };
    if at.offset + header.padded() > end.next_multiple_of(SECTOR) {
        return Ok(None);
    }
    let mut frame = vec![0; header.padded() as usize];
    read(&mut frame)?;
    frame[..FRAME_HEADER].copy_from_slice(&head);
    if mend_body(&mut frame, &header, place, &mut flips).is_none() || !holds(&frame, &header, place, at) {
        return Ok(None);
    }
    let correction = |(byte, bit): &(usize, u8)| Correction {
        segment: at.segment,
        offset: at.offset + *byte as u64,
        bit: *bit,
        group: header.group,
    };
    let found: Vec<Correction> = flips.iter().map(correction).collect();
    Ok((!found.is_empty()).then_some((found, frame)))
}

/// Corrects the group that begins at a position, durably. Empty if that cannot be done.
pub(crate) fn mend(
    file: &Arc<dyn DiskFile>,
    id: JournalId,
    at: Position,
    end: u64,
) -> Result<Vec<Correction>> {
    let Some((found, frame)) = find(file.as_ref(), id, at, end)? else { return Ok(Vec::new()) };
    let write = || {
        for correction in &found {
            let from = (correction.offset - at.offset) / SECTOR * SECTOR;
            let sector = &frame[from as usize..(from + SECTOR) as usize];
            file.write_at(sector, at.offset + from)?;
        }
        file.sync_data().map_err(sync_failed)
    };
    write().map_err(|error| Error::io(format!("correct {}", file_name(at.segment)), error))?;
    Ok(found)
}

/// The header of a segment with one bit flipped, as it was, and where the bit is.
pub(crate) fn find_in_segment_header(sector: &[u8], number: u64) -> Option<(SegmentHeader, Correction)> {
    let mut bytes = sector.to_vec();
    let mut flips = Vec::new();
    let header =
        flip_each(&mut bytes, SEGMENT_HEADER, &mut flips, |bytes| SegmentHeader::decode(bytes, number).ok())?;
    let (byte, bit) = flips.pop()?;
    Some((header, Correction { segment: number, offset: byte as u64, bit, group: 0 }))
}

type Flips = Vec<(usize, u8)>;

/// Reads a header, flipping one bit of it if that is what it needs.
fn mend_header<T>(bytes: &mut [u8], flips: &mut Flips, decode: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    let length = bytes.len();
    decode(bytes).or_else(|| flip_each(bytes, length, flips, decode))
}

/// Flips one bit after the other among the first bytes until they can be read.
fn flip_each<T>(
    bytes: &mut [u8],
    length: usize,
    flips: &mut Flips,
    decode: impl Fn(&[u8]) -> Option<T>,
) -> Option<T> {
    for byte in 0..length.min(bytes.len()) {
        for bit in 0..8 {
            bytes[byte] ^= 1 << bit;
            if let Some(found) = decode(bytes) {
                flips.push((byte, bit));
                return Some(found);
            }
            bytes[byte] ^= 1 << bit;
        }
    }
    None
}

/// Corrects the entries of a frame and its end mark.
fn mend_body(frame: &mut [u8], header: &FrameHeader, place: Place, flips: &mut Flips) -> Option<()> {
    let end = (header.length as usize).checked_sub(1).filter(|end| *end < frame.len())?;
    let mut offset = FRAME_HEADER;
    for _ in 0..header.entries {
        let at = EntryRef { segment: place.at.segment, offset: place.at.offset + offset as u64 };
        let entry_place = Place { id: place.id, at };
        let head = frame.get_mut(offset..offset + ENTRY_HEADER)?;
        let before = flips.len();
        let entry = mend_header(head, flips, |bytes| EntryHeader::decode(bytes, entry_place))?;
        flips[before..].iter_mut().for_each(|(byte, _)| *byte += offset);
        let facts = offset + ENTRY_HEADER;
        let text = facts + entry.facts as usize;
        let next = text + entry.text as usize;
        offset += entry.extent() as usize;
        if offset > end {
            return None;
        }
        mend_bytes(frame, (facts, text), entry.facts_checksum, flips)?;
        mend_bytes(frame, (text, next), entry.text_checksum, flips)?;
        if flips.len() > MOST {
            return None;
        }
    }
    let differs = frame[end] ^ super::format::END_MARK;
    if header.seal.is_none() && differs.is_power_of_two() {
        frame[end] = super::format::END_MARK;
        flips.push((end, differs.trailing_zeros() as u8));
    }
    Some(())
}

/// Makes a checksum hold by flipping one bit, if it does not.
fn mend_bytes(frame: &mut [u8], (from, to): (usize, usize), checksum: u32, flips: &mut Flips) -> Option<()> {
    let bytes = &mut frame[from..to];
    let syndrome = crc32c::crc32c(bytes) ^ checksum;
    if syndrome == 0 {
        return Some(());
    }
    let (byte, bit) = locate(syndrome, bytes.len())?;
    bytes[byte] ^= 1 << bit;
    flips.push((from + byte, bit));
    Some(())
}

/// Which bit of so many bytes changes their checksum by this much. The checksum is linear: a flipped bit changes it by
/// what depends on its distance from the end alone.
pub(crate) fn locate(syndrome: u32, length: usize) -> Option<(usize, u8)> {
    let step = |mut register: u32| {
        for _ in 0..8 {
            register = (register >> 1) ^ if register & 1 == 1 { POLYNOMIAL } else { 0 };
        }
        register
    };
    let mut table = [0; 256];
    for (byte, entry) in table.iter_mut().enumerate() {
        *entry = step(byte as u32);
    }
    let mut bits: [u32; 8] = std::array::from_fn(|bit| table[1 << bit]);
    for byte in (0..length).rev() {
        if let Some(bit) = bits.iter().position(|change| *change == syndrome) {
            return Some((byte, bit as u8));
        }
        for change in &mut bits {
            *change = table[(*change & 0xff) as usize] ^ (*change >> 8);
        }
    }
    None
}

/// Whether a frame verifies as the group after a position.
fn holds(frame: &[u8], header: &FrameHeader, place: Place, at: Position) -> bool {
    let mut check = Check::new(&at.chain, header);
    walk_entries(frame, header, place, |_, entry| check.entry(&entry)).is_ok() && check.holds(header)
}
