//! The bytes of a file on their way to a partner.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use deskwire_store::BlobFile;
use futures_util::stream::{self, Stream};
use tokio::sync::OwnedSemaphorePermit;

use super::chunks::read_exact;

/// What is read at once: fits the cache of a processor with what TLS makes of it.
const PIECE: u64 = 128 * 1024;
/// So far into its buffer a piece begins. From there TLS copies it to five bytes into a page. Some processors copy ten times
/// slower to a place that lies less than 64 bytes further in its page than the source does (glibc bug 30994).
const LEAD: usize = 128;

/// Pieces of a file. `place`, the answer's among those of the partner, is given back at the end.
pub(super) fn pieces(
    file: Arc<dyn BlobFile>,
    range: Range<u64>,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let source = Arc::new(Source { file, buffers: Arc::default(), _place: place });
    stream::try_unfold((source, range), async |(source, mut range)| {
        let piece = source.next(&mut range).await?;
        Ok(piece.map(|piece| (piece, (source, range))))
    })
}

struct Source {
    file: Arc<dyn BlobFile>,
    buffers: Arc<Buffers>,
    _place: OwnedSemaphorePermit,
}

impl Source {
    /// The beginning of a range, which becomes what is behind it. What is in memory is read right here, where it is sent:
    /// another thread costs more than the reading. One waits for the disk.
    async fn next(self: &Arc<Self>, range: &mut Range<u64>) -> io::Result<Option<Bytes>> {
        let at = range.start;
        range.start = range.end.min(at + PIECE);
        let size = usize::try_from(range.start - at).unwrap_or_default();
        if size == 0 {
            return Ok(None);
        }
        let mut piece = self.buffers.lend(size);
        let done = self.read_at_once(piece.bytes_mut(), at);
        if done < size {
            let source = Arc::clone(self);
            let waited = tokio::task::spawn_blocking(move || {
                let rest = &mut piece.bytes_mut()[done..];
                read_exact(source.file.as_ref(), rest, at + done as u64).map(|()| piece)
            });
            let read = waited.await.map_err(io::Error::other)?;
            piece = read.map_err(|code| io::Error::other(code.as_str()))?;
        }
        Ok(Some(Bytes::from_owner(piece)))
    }

    /// Reads as far as nothing has to be waited for; how many bytes.
    fn read_at_once(&self, buffer: &mut [u8], at: u64) -> usize {
        let mut done = 0;
        while done < buffer.len()
            && let Ok(Some(count @ 1..)) = self.file.read_at_once(&mut buffer[done..], at + done as u64)
        {
            done += count;
        }
        done
    }
}

/// The buffers of one answer, used again and again.
#[derive(Default)]
struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    fn lend(self: &Arc<Self>, size: usize) -> Piece {
        let mut buffer = self.idle().pop().unwrap_or_default();
        buffer.resize(LEAD + size, 0);
        Piece { buffer, home: Arc::clone(self) }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A buffer that goes back when the partner has taken what is in it.
struct Piece {
    buffer: Vec<u8>,
    home: Arc<Buffers>,
}

impl Piece {
    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[LEAD..]
    }
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[LEAD..]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.home.idle().push(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    //! A partner gets exactly the bytes that it asked for, whatever of them the disk has to bring first.
    use futures_util::TryStreamExt as _;
    use tokio::sync::Semaphore;

    use super::*;

    /// A file of which the first bytes of each stretch of `once.1` are in memory.
    struct Counting {
        size: u64,
        once: (u64, u64),
        breaks_at: u64,
    }

    impl BlobFile for Counting {
        fn size(&self) -> u64 {
            self.size
        }

        fn read_at(&self, buffer: &mut [u8], offset: u64) -> deskwire_store::Result<usize> {
            let end = self.size.min(self.breaks_at);
            Ok(buffer.iter_mut().zip(offset..end).map(|(byte, place)| *byte = (place % 251) as u8).count())
        }

        fn read_at_once(&self, buffer: &mut [u8], offset: u64) -> deskwire_store::Result<Option<usize>> {
            let (here, stretch) = self.once;
            let left = usize::try_from(here.saturating_sub(offset % stretch)).unwrap();
            let end = buffer.len().min(left);
            if end == 0 { Ok(None) } else { self.read_at(&mut buffer[..end], offset).map(Some) }
        }
    }

    async fn read(file: Counting, range: Range<u64>) -> io::Result<Vec<u8>> {
        let places = Arc::new(Semaphore::new(1));
        let place = Arc::clone(&places).try_acquire_owned().unwrap();
        let read: io::Result<Vec<Bytes>> = pieces(Arc::new(file), range, place).try_collect().await;
        assert_eq!(places.available_permits(), 1, "an answer gives its place back at its end");
        read.map(|pieces| pieces.concat())
    }

    #[tokio::test]
    async fn pieces_make_the_range_wherever_they_come_from() {
        let (size, breaks_at) = (3 << 20, u64::MAX);
        for range in [0..3 << 20, 5..(2 << 20) + 9, 7..8, 4..4] {
            let expected: Vec<u8> = range.clone().map(|place| (place % 251) as u8).collect();
            for once in [(0, 1), (1, 1), (4_096, 10_000), (100_000, 300_000)] {
                let came = read(Counting { size, once, breaks_at }, range.clone()).await.unwrap();
                assert!(came == expected, "{range:?} {once:?}");
            }
        }
    }

    /// The answer must break off, and not wait for ever for bytes that the disk has lost.
    #[tokio::test]
    async fn a_file_that_became_shorter_breaks_the_answer() {
        for once in [(0, 1), (1, 1)] {
            assert!(read(Counting { size: 1 << 20, once, breaks_at: 300_000 }, 0..1 << 20).await.is_err());
        }
    }
}
