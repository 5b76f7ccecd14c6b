//! Files that a desk without an endpoint carries to its partner, as the product's does.

use deskwire_engine::command::file::Brought;
use deskwire_proto::code::Code;
use deskwire_proto::id::Hash;
use deskwire_store::BlobId;
use deskwire_store::row::{FileState, LinkState};
use deskwire_store::table::{ANNOUNCED, FILES, Rows};

use crate::net::Path;
use crate::world::World;

/// A file that could not be brought is tried again after this, milliseconds.
const AGAIN: u64 = 120_000;

impl World {
    /// Brings the first file that was announced and not brought.
    pub(crate) fn bring(&mut self, desk: usize, link: usize) {
        let (no, now) = (self.number(desk, link), self.now);
        if self.desks[desk].reachable || self.puller(desk, link).bringing > now {
            return;
        }
        let Some(partner) = self.known(desk, link) else { return };
        let open = partner.row.state == LinkState::Active && partner.row.trouble.is_none();
        let (Some(stream), Some(rows)) = (self.desks[desk].stream(no), self.desks[desk].rows()) else {
            return;
        };
        let Ok(first) = rows.list(ANNOUNCED, &no, 1) else { return };
        let Some(((_, seq), file)) = first.into_iter().next().filter(|((_, seq), _)| *seq <= stream.acked)
        else {
            return;
        };
        let Ok(Some(row)) = rows.get(FILES, &file) else { return };
        if !open || !partner.is_reachable() {
            return;
        }
        let held = self.desks[desk].blob(&row.blob).filter(|_| row.state == FileState::Here);
        let mut body = row.blob.as_bytes().to_vec();
        body.push(u8::from(held.is_some()));
        body.extend(held.unwrap_or_default());
        self.puller(desk, link).bringing = now + AGAIN;
        let process = self.process(desk);
        self.after(AGAIN, move |world| {
            if world.lives(process) {
                world.bring(desk, link);
            }
        });
        self.request(desk, link, (Path::Bring, body), move |world, answer| {
            let done = match answer {
                Ok(_) => true,
                Err(trouble) => trouble.wire == Some(Code::BlobUnknown),
            };
            if done {
                world.call(desk, Brought { link: no, seq }, move |world, done| {
                    if done.is_ok() {
                        world.puller(desk, link).bringing = 0;
                        world.bring(desk, link);
                    }
                });
            }
        });
    }
}

impl crate::desk::Desk {
    /// The bytes of a file that are here.
    pub(crate) fn blob(&self, hash: &Hash) -> Option<Vec<u8>> {
        let blob = self.core.as_ref()?.blobs().open(&BlobId(*hash.as_bytes())).ok()??;
        let mut whole = vec![0; usize::try_from(blob.size()).ok()?];
        let read = blob.read_at(&mut whole, 0).ok()?;
        (read == whole.len()).then_some(whole)
    }
}
