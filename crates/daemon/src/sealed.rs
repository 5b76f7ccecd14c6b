//! Bytes under a passphrase: what a backup or a key is wrapped in when it leaves the machine.
//!
//! A head, then pieces of 64 KiB, each encrypted and authenticated by itself, with a mark on the last one, so that
//! neither a change nor a cut goes unnoticed (Hoang, Reyhanitabar, Rogaway and Vizár: *Online Authenticated-Encryption
//! and its Nonce-Reuse Misuse-Resistance*, 2015, the STREAM construction).
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 16 | `deskwire sealed` and a line feed |
//! | 16 | 4 | version, 1; integers are big-endian |
//! | 20 | 12 | memory in KiB, passes and lanes of Argon2id (RFC 9106), 4 bytes each |
//! | 32 | 16 | random salt |
//! | 48 | | pieces: ChaCha20-Poly1305 (RFC 8439), nonce: 7 zero bytes, number of the piece (4), 1 for the last and else 0; the head is the associated data |

use std::io::{self, Read, Write};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use zeroize::Zeroizing;

use crate::error::StartError;

const MAGIC: &[u8; 16] = b"deskwire sealed\n";
const VERSION: u32 = 1;
const HEAD: usize = 48;
const PIECE: usize = 64 << 10;
const TAG: usize = 16;
/// RFC 9106, section 4, the second recommended option, with one lane.
const COST: (u32, u32, u32) = (64 << 10, 3, 1);
/// What a file may ask for at most: memory in KiB, passes, lanes.
const BOUNDS: (u32, u32, u32) = (1 << 20, 16, 8);

/// Whether these are the first bytes of something sealed.
pub(crate) fn is_sealed(first: &[u8]) -> bool {
    first.starts_with(MAGIC)
}

/// The cipher, and where in the stream it is.
struct Pieces {
    cipher: ChaCha20Poly1305,
    head: [u8; HEAD],
    next: u32,
}

impl Pieces {
    fn new(passphrase: &[u8], head: [u8; HEAD]) -> io::Result<Self> {
        let number = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (memory, passes, lanes) = (number(20), number(24), number(28));
        if number(16) != VERSION {
            return Err(invalid(format!("it has version {}, this program knows {VERSION}", number(16))));
        }
        if memory > BOUNDS.0 || passes > BOUNDS.1 || lanes > BOUNDS.2 {
            return Err(invalid("it asks for more work than any program of this kind does".into()));
        }
        let params =
            Params::new(memory, passes, lanes, Some(32)).map_err(|error| invalid(error.to_string()))?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase, &head[32..], &mut *key)
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Self { cipher: ChaCha20Poly1305::new(&Key::from(*key)), head, next: 0 })
    }

    fn nonce(&mut self, last: bool) -> io::Result<Nonce> {
        let mut nonce = [0; 12];
        nonce[7..11].copy_from_slice(&self.next.to_be_bytes());
        nonce[11] = u8::from(last);
        self.next = self.next.checked_add(1).ok_or_else(|| invalid("it is too long".into()))?;
        Ok(nonce.into())
    }
}

/// Writes sealed bytes. What is not [finished](Sealing::finish) cannot be opened.
pub(crate) struct Sealing<W> {
    to: W,
    pieces: Pieces,
    waiting: Zeroizing<Vec<u8>>,
}

impl<W: Write> Sealing<W> {
    /// Begins with a fresh salt.
    pub(crate) fn new(mut to: W, passphrase: &[u8]) -> io::Result<Self> {
        let mut head = [0; HEAD];
        head[..16].copy_from_slice(MAGIC);
        for (at, number) in [(16, VERSION), (20, COST.0), (24, COST.1), (28, COST.2)] {
            head[at..at + 4].copy_from_slice(&number.to_be_bytes());
        }
        getrandom::fill(&mut head[32..]).map_err(|error| io::Error::other(error.to_string()))?;
        let pieces = Pieces::new(passphrase, head)?;
        to.write_all(&head)?;
        Ok(Self { to, pieces, waiting: Zeroizing::new(Vec::with_capacity(PIECE)) })
    }

    fn piece(&mut self, last: bool) -> io::Result<()> {
        let nonce = self.pieces.nonce(last)?;
        let payload = Payload { msg: &self.waiting, aad: &self.pieces.head };
        let sealed = self.pieces.cipher.encrypt(&nonce, payload);
        self.to.write_all(&sealed.map_err(|_| io::Error::other("a piece was not encrypted"))?)?;
        self.waiting.clear();
        Ok(())
    }

    /// Writes the end.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.piece(true)?;
        Ok(self.to)
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The last piece is marked, so a full one waits until it is known that more follows.
        if self.waiting.len() == PIECE && !bytes.is_empty() {
            self.piece(false)?;
        }
        let taken = bytes.len().min(PIECE - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Reads sealed bytes; fails where they were changed or cut.
pub(crate) struct Opening<R> {
    from: R,
    pieces: Pieces,
    /// What was read ahead: the beginning of the next piece.
    ahead: Vec<u8>,
    open: Zeroizing<Vec<u8>>,
    taken: usize,
    ended: bool,
}

impl<R: Read> Opening<R> {
    /// Reads the head and makes the key.
    pub(crate) fn new(mut from: R, passphrase: &[u8]) -> io::Result<Self> {
        let mut head = [0; HEAD];
        from.read_exact(&mut head)?;
        if !is_sealed(&head) {
            return Err(invalid("it is not sealed".into()));
        }
        let pieces = Pieces::new(passphrase, head)?;
        let open = Zeroizing::new(Vec::new());
        Ok(Self { from, pieces, ahead: Vec::new(), open, taken: 0, ended: false })
    }

    fn piece(&mut self) -> io::Result<()> {
        let mut sealed = std::mem::take(&mut self.ahead);
        let wanted = (PIECE + TAG + 1 - sealed.len()) as u64;
        self.from.by_ref().take(wanted).read_to_end(&mut sealed)?;
        let last = sealed.len() <= PIECE + TAG;
        if !last {
            self.ahead = sealed.split_off(PIECE + TAG);
        }
        let first = self.pieces.next == 0;
        let nonce = self.pieces.nonce(last)?;
        let payload = Payload { msg: &sealed, aad: &self.pieces.head };
        let open = self.pieces.cipher.decrypt(&nonce, payload).map_err(|_| {
            invalid(if first {
                "the passphrase is another one, or its beginning was changed".into()
            } else {
                "it was changed or cut".into()
            })
        })?;
        self.open = Zeroizing::new(open);
        self.taken = 0;
        self.ended = last;
        Ok(())
    }
}

impl<R: Read> Read for Opening<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.open.len() && !self.ended {
            self.piece()?;
        }
        let count = buffer.len().min(self.open.len() - self.taken);
        buffer[..count].copy_from_slice(&self.open[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

fn invalid(words: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, words)
}

/// Reads a passphrase from the first line of a file.
///
/// # Errors
/// [`StartError`] for a file that cannot be read, and for a passphrase that is easily guessed by its length alone.
pub(crate) fn passphrase(path: &std::path::Path) -> Result<Zeroizing<Vec<u8>>, StartError> {
    let text =
        std::fs::read(path).map(Zeroizing::new).map_err(|error| StartError::file("read", path, &error))?;
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii().to_vec();
    if line.len() < 12 {
        let words = format!("The passphrase in {} has fewer than 12 characters.", path.display());
        return Err(StartError::new("passphrase-too-short", words, "Take five or more random words."));
    }
    Ok(Zeroizing::new(line))
}

#[cfg(test)]
mod tests {
    //! Whoever finds a sealed file must learn nothing from it and change nothing in it unnoticed.
    use super::*;

    fn sealed(text: &[u8]) -> Vec<u8> {
        let mut sealing = Sealing::new(Vec::new(), b"correct horse battery").unwrap();
        sealing.write_all(text).unwrap();
        sealing.finish().unwrap()
    }

    fn opened(bytes: &[u8], passphrase: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        Opening::new(bytes, passphrase)?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn what_is_sealed_comes_back_with_the_passphrase_alone_whatever_its_length() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let text = vec![7; length];
            let sealed = sealed(&text);
            assert_eq!(opened(&sealed, b"correct horse battery").unwrap(), text, "{length} bytes");
            assert!(opened(&sealed, b"correct horse batteri").is_err());
        }
    }

    #[test]
    fn a_change_or_a_cut_anywhere_is_noticed() {
        let whole = sealed(&vec![7; 2 * PIECE]);
        let piece = PIECE + TAG;
        for cut in [HEAD, HEAD + 10, HEAD + piece, HEAD + 2 * piece - 1] {
            assert!(opened(&whole[..cut], b"correct horse battery").is_err(), "cut at {cut}");
        }
        // The salt, the first and the second piece; the costs are tried by their bounds.
        for place in [40, HEAD, HEAD + piece - 1, HEAD + piece + 5, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[place] ^= 1;
            assert!(opened(&changed, b"correct horse battery").is_err(), "byte {place}");
        }
        let swapped = [&whole[..HEAD], &whole[HEAD + piece..], &whole[HEAD..HEAD + piece]].concat();
        assert!(opened(&swapped, b"correct horse battery").is_err());
        let mut greedy = whole.clone();
        greedy[20..24].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(opened(&greedy, b"correct horse battery").is_err());
    }
}
