//! Bytes of files, apart from the streams: what is asked for, brought and held. proto-spec, chapter 10.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::cbor::{self, Bounds};
use crate::code::Code;
use crate::cose::{Purpose, push_head};
use crate::delivery::take_bytes;
use crate::document::{Document, Signed, V1, code_of};
use crate::id::{DeskId, Hash, LinkId};
use crate::key::PublicKey;
use crate::limits::{CHUNK_BYTES, CHUNKS_PER_REQUEST, FILE_BYTES, UPLOAD_BYTES};
use crate::number::ChunkCount;
use crate::time::Timestamp;

/// A desk wants a part of a file that was announced to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRequest {
    /// Version of the protocol.
    pub v: V1,
    /// The desk that announced the file.
    pub to: DeskId,
    /// SHA-256 of the file.
    pub blob: Hash,
    /// The desk that wants it.
    pub from: DeskId,
    /// The link.
    pub link: LinkId,
    /// Which bytes.
    pub part: Part,
    /// The sender's time.
    pub time: Timestamp,
}

impl Document for BlobRequest {
    const PURPOSE: Purpose = Purpose::Blob;
}

/// A desk without an endpoint brings a part of a file that it announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobPut {
    /// Version of the protocol.
    pub v: V1,
    /// The desk that wants the file.
    pub to: DeskId,
    /// SHA-256 of the file.
    pub blob: Hash,
    /// The desk that announced it.
    pub from: DeskId,
    /// The link.
    pub link: LinkId,
    /// Which bytes.
    pub part: Part,
    /// The sender's time.
    pub time: Timestamp,
    /// SHA-256 of the bytes brought.
    pub bytes: Hash,
}

impl Document for BlobPut {
    const PURPOSE: Purpose = Purpose::BlobPut;
}

/// The chunk list of a file, or some chunks of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The list of chunk hashes, 32 bytes each.
    ChunkList,
    /// Chunks one behind the other.
    Chunks {
        /// Place of the first, from 0.
        first: u64,
        /// How many.
        count: ChunkCount,
    },
}

const CHUNK_LIST: &str = "chunks";

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::ChunkList => serializer.serialize_str(CHUNK_LIST),
            Self::Chunks { first, count } => (first, count).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> de::Visitor<'de> for Either {
            type Value = Part;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"chunks\" or [first, count]")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Part, E> {
                if text == CHUNK_LIST {
                    Ok(Part::ChunkList)
                } else {
                    Err(E::custom("another word than chunks"))
                }
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Part, A::Error> {
                let missing = || de::Error::custom("[first, count] has two numbers");
                let first = items.next_element()?.ok_or_else(missing)?;
                let count = items.next_element()?.ok_or_else(missing)?;
                if items.next_element::<de::IgnoredAny>()?.is_some() {
                    return Err(missing());
                }
                Ok(Part::Chunks { first, count })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Part {
    /// Where these bytes lie in the file, or in the chunk list.
    ///
    /// # Errors
    /// [`Code::Malformed`] if the file has no such chunk.
    pub fn range(&self, file_size: u64) -> Result<std::ops::Range<u64>, Code> {
        let chunks = chunk_count(file_size);
        match self {
            Self::ChunkList => Ok(0..chunks * HASH_BYTES),
            Self::Chunks { first, count } => {
                let end =
                    first.checked_add(count.get()).filter(|end| *end <= chunks).ok_or(Code::Malformed)?;
                Ok(first * CHUNK..(end * CHUNK).min(file_size))
            }
        }
    }
}

/// Most bytes that one part has: eight chunks, which is more than any chunk list below a file of 256 GiB.
pub const PART_BYTES: usize = CHUNK_BYTES * CHUNKS_PER_REQUEST as usize;

const CHUNK: u64 = CHUNK_BYTES as u64;
const HASH_BYTES: u64 = Hash::SIZE as u64;

/// How many chunks a file of this size has; none if it is empty.
#[must_use]
pub const fn chunk_count(size: u64) -> u64 {
    size.div_ceil(CHUNK)
}

/// The list of chunk hashes of a file, verified against the hash that the `file.add` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkList(Vec<Hash>);

impl ChunkList {
    /// Takes hashes computed from our own file.
    #[must_use]
    pub const fn new(hashes: Vec<Hash>) -> Self {
        Self(hashes)
    }

    /// Takes the bytes of a peer, if they are those announced.
    ///
    /// # Errors
    /// [`Code::Malformed`] if size or hash do not fit the announcement.
    pub fn decode(bytes: &[u8], file_size: u64, announced: Hash) -> Result<Self, Code> {
        let fits = file_size <= FILE_BYTES
            && bytes.len() as u64 == chunk_count(file_size) * HASH_BYTES
            && Hash::of(bytes) == announced;
        if !fits {
            return Err(Code::Malformed);
        }
        let hash = |chunk: &[u8]| Hash::try_from(chunk).map_err(|_| Code::Malformed);
        bytes.chunks(Hash::SIZE).map(hash).collect::<Result<_, _>>().map(Self)
    }

    /// The bytes as they travel: the hashes one behind the other.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.0.iter().flat_map(|hash| *hash.as_bytes()).collect()
    }

    /// SHA-256 of [`ChunkList::encode`]: `chunks` of the `file.add`.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(&self.encode())
    }

    /// The hashes in order.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.0
    }
}

/// A signed [`BlobPut`] and its bytes, as one CBOR sequence of two items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    put: Vec<u8>,
    bytes: Vec<u8>,
}

impl Upload {
    /// Puts the two side by side.
    #[must_use]
    pub fn new(put: &Signed<BlobPut>, bytes: Vec<u8>) -> Self {
        Self { put: put.raw().to_vec(), bytes }
    }

    /// The body of the POST.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.put.clone();
        push_head(2, self.bytes.len(), &mut out);
        out.extend_from_slice(&self.bytes);
        out
    }

    /// Takes the body of a POST apart; neither signature nor hash are verified yet.
    ///
    /// # Errors
    /// The [`Code`] to answer with.
    pub fn decode(body: &[u8]) -> Result<Self, Code> {
        if body.len() > UPLOAD_BYTES {
            return Err(Code::TooLarge);
        }
        let (put, rest) = cbor::split(body, Bounds::MESSAGE).map_err(|_| Code::NotDeterministic)?;
        let (item, rest) = cbor::split(rest, Bounds::MESSAGE).map_err(|_| Code::NotDeterministic)?;
        let (bytes, _) = take_bytes(item)?;
        if !rest.is_empty() {
            return Err(Code::Malformed);
        }
        Ok(Self { put: put.to_vec(), bytes: bytes.to_vec() })
    }

    /// Verifies what is brought: the signature with the bringer's key, and the hash of the bytes.
    ///
    /// # Errors
    /// The [`Code`] to answer with.
    pub fn open(&self, key: &PublicKey) -> Result<Signed<BlobPut>, Code> {
        let put = Signed::<BlobPut>::open(&self.put, key)?;
        if put.body().bytes == Hash::of(&self.bytes) { Ok(put) } else { Err(Code::BlobMismatch) }
    }

    /// The signed bytes of the [`BlobPut`].
    #[must_use]
    pub fn put(&self) -> &[u8] {
        &self.put
    }

    /// The bytes brought.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes brought, to be kept.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// How much of a file that is being brought is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobHave {
    /// Version of the protocol.
    pub v: V1,
    /// SHA-256 of the file.
    pub blob: Hash,
    /// Chunks held, from the first on, without a hole.
    pub have: u64,
}

impl BlobHave {
    /// The body of the answer.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode_plain(self).expect("numbers and maps have a CBOR form")
    }

    /// Reads the body of an answer.
    ///
    /// # Errors
    /// The [`Code`] of what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, Code> {
        cbor::decode(bytes, Bounds::LARGE).map_err(|error| code_of(&error))
    }
}

#[cfg(test)]
mod tests {
    //! A peer can neither make us read outside a file nor take bytes that were not announced.
    use super::*;

    fn chunks(first: u64, count: u64) -> Part {
        Part::Chunks { first, count: ChunkCount::new(count).unwrap() }
    }

    #[test]
    fn parts_lie_inside_the_file() {
        assert_eq!(
            (chunk_count(0), chunk_count(1), chunk_count(CHUNK), chunk_count(CHUNK + 1)),
            (0, 1, 1, 2)
        );
        assert_eq!(chunks(1, 1).range(CHUNK + 5), Ok(CHUNK..CHUNK + 5));
        assert_eq!(chunks(0, 2).range(CHUNK + 5), Ok(0..CHUNK + 5));
        assert_eq!(Part::ChunkList.range(CHUNK + 5), Ok(0..64));
        for outside in [chunks(2, 1), chunks(1, 2), chunks(u64::MAX, 1), chunks(u64::MAX - 1, 8)] {
            assert_eq!(outside.range(CHUNK + 5), Err(Code::Malformed), "{outside:?}");
        }
    }

    #[test]
    fn a_chunk_list_is_taken_only_as_announced() {
        let list = ChunkList::new(vec![Hash::of(b"1"), Hash::of(b"2")]);
        let bytes = list.encode();
        assert_eq!(ChunkList::decode(&bytes, CHUNK + 1, list.hash()).unwrap(), list);
        assert!(ChunkList::decode(&bytes, CHUNK, list.hash()).is_err(), "of another size");
        assert!(ChunkList::decode(&bytes, CHUNK + 1, Hash::of(b"x")).is_err(), "of another hash");
        assert!(ChunkList::decode(&bytes[..63], CHUNK + 1, Hash::of(&bytes[..63])).is_err(), "cut");
    }

    #[test]
    fn a_part_reads_back_and_nothing_else_does() {
        let taken = |bytes: &[u8]| cbor::decode::<Part>(bytes, Bounds::MESSAGE);
        for part in [Part::ChunkList, chunks(0, 8), chunks(70_000, 1)] {
            assert_eq!(taken(&cbor::encode(&part).unwrap()).unwrap(), part);
        }
        for wrong in [
            &[0x82, 0x00, 0x00][..],
            &[0x82, 0x00, 0x09],
            &[0x81, 0x00],
            &[0x83, 0, 1, 1],
            &[0x61, b'x'],
            &[0x00],
        ] {
            assert!(taken(wrong).is_err(), "{wrong:?}");
        }
    }
}
