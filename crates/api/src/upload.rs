//! `/v1/tickets/{number}/files`: a file comes in as the body of a request, is hashed on its way to the disk, and hangs
//! on its ticket only when all of it is there and is what it was said to be.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::body::{Body, BodyDataStream};
use axum::extract::State;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use deskwire_api_types as api;
use deskwire_engine::command::file::AttachFile;
use deskwire_engine::{Fault, Reader, Refusal, query};
use deskwire_http::body::BodyError;
use deskwire_machine::chunks::{ChunkHasher, Hashed};
use deskwire_proto::id::Hash;
use deskwire_proto::message::common::Person;
use deskwire_store::BlobId;
use deskwire_store::row;
use deskwire_store::table::{BLOB_FILES, Rows, TICKET_DELEGATIONS};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::error::ApiError;
use crate::idempotency::Change;
use crate::parse;
use crate::request::{Asked, Named};
use crate::show;
use crate::state::{Api, Shared};

/// Attaches a file, whose bytes are the body; internal unless the query names another audience.
#[utoipa::path(
    post, path = "/v1/tickets/{number}/files", tag = "files",
    params(("number" = String, Path, description = "`ACME-12` or `12`."), api::FileQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file's bytes."),
    responses((status = 201, description = "The file.", body = api::FileInfo)),
)]
pub(crate) async fn attach(
    State(api): State<Api>,
    Named(number): Named,
    Asked(asked): Asked<api::FileQuery>,
    change: Change,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<api::FileInfo>), ApiError> {
    let announced = announced(&headers)?;
    let limit = api.state.file_limit;
    if announced.size > limit {
        return Err(too_large(&asked.name, announced.size, limit));
    }
    api.state.engine.has_room()?;
    let by = change.by.clone();
    let wish = api.read(move |reader| Wish::parse(reader, &number, &asked, announced.size, by)).await?;
    // What is written is finished or taken back, also when the caller goes away.
    let task = tokio::spawn(take(Api::clone(&api), change, wish, announced, body.into_data_stream()));
    let info = task.await.map_err(|_| ApiError::internal())??;
    Ok((StatusCode::CREATED, Json(info)))
}

/// What the head of the request says of the bytes.
struct Announced {
    size: u64,
    sha256: Option<Hash>,
}

fn announced(headers: &HeaderMap) -> Result<Announced, ApiError> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let size = length.ok_or_else(|| {
        let words = "An upload says with Content-Length how many bytes will come.";
        ApiError::new(StatusCode::LENGTH_REQUIRED, "length-required", words, "Send the size of the file.")
    })?;
    let Some(value) = headers.get(api::CONTENT_SHA256) else { return Ok(Announced { size, sha256: None }) };
    let sha256 = value.to_str().ok().and_then(Hash::from_hex);
    let bad = || ApiError::invalid(api::CONTENT_SHA256, "it is not 64 hexadecimal digits");
    Ok(Announced { size, sha256: Some(sha256.ok_or_else(bad)?) })
}

/// What is to be attached, where and for whom.
struct Wish {
    command: AttachFile,
    name: String,
}

impl Wish {
    /// Everything that can be refused before a byte is taken.
    fn parse(
        reader: &Reader,
        number: &str,
        asked: &api::FileQuery,
        size: u64,
        by: Person,
    ) -> Result<Self, Refusal> {
        let ticket = parse::ticket(reader, number)?;
        let audience = match asked.audience.as_deref() {
            None => row::Audience::Internal,
            Some(text) => {
                let audience: Result<api::Audience, _> = text.parse();
                parse::audience(reader, &audience.map_err(|error| Refusal::invalid("audience", error))?)?
            }
        };
        check_partners(reader, ticket, &audience, (&asked.name, size))?;
        let command = AttachFile {
            ticket,
            name: parse::text("name", &asked.name)?,
            media: parse::maybe("media", asked.media.as_ref())?,
            blob: Hash::of(b""),
            size,
            chunks: Hash::of(b""),
            audience,
            by,
        };
        Ok(Self { command, name: asked.name.clone() })
    }
}

/// Refuses early what the terms of a partner in the audience do not let through; the engine decides once more.
fn check_partners(
    reader: &Reader,
    ticket: deskwire_store::local::TicketNumber,
    audience: &row::Audience,
    (name, size): (&str, u64),
) -> Result<(), Refusal> {
    let chosen = match audience {
        row::Audience::Internal | row::Audience::Requester => Vec::new(),
        row::Audience::Delegations(chosen) => chosen.clone(),
        row::Audience::Thread => {
            let keys = reader.rows().list(TICKET_DELEGATIONS, &ticket, usize::MAX)?;
            keys.into_iter().map(|((_, no), ())| no).collect()
        }
    };
    for no in chosen {
        let row = reader.rows().get(deskwire_store::table::DELEGATIONS, &no)?;
        let partner = row.map(|row| reader.partner(row.link)).transpose()?.flatten();
        if let Some(partner) = partner
            && size > partner.terms.file
        {
            let limit = partner.terms.file;
            return Err(Refusal::new(
                Fault::TooLarge,
                "file-too-large",
                format!(
                    "“{name}” has {size} bytes; {} takes {limit} bytes at most.",
                    partner.row.partner_name
                ),
                "Send a smaller file, or agree other terms.",
            ));
        }
    }
    Ok(())
}

fn too_large(name: &str, size: u64, limit: u64) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "file-too-large",
        format!("“{name}” has {size} bytes; this desk takes {limit} bytes at most."),
        "Send a smaller file, or raise the limit in the desk's configuration.",
    )
    .with_extra("limit", limit)
    .with_extra("size", size)
}

async fn take(
    api: Api,
    change: Change,
    wish: Wish,
    announced: Announced,
    body: BodyDataStream,
) -> Result<api::FileInfo, ApiError> {
    let Wish { mut command, name } = wish;
    let (hashed, arrival) = store(&api, announced, body, &name).await?;
    (command.blob, command.size, command.chunks) = (hashed.blob, hashed.size, hashed.chunks);
    let ticket = command.ticket;
    let attached = api.state.engine.call(change.keyed(hashed.blob.as_bytes(), command)).await;
    let attached = match attached {
        Ok(attached) => attached,
        // Nobody knows what came of it: at the next start the file may hang on its ticket.
        Err(refusal) if refusal.code == Refusal::stopping().code => return Err(refusal.into()),
        Err(refusal) => {
            discard(&api, arrival).await;
            return Err(refusal.into());
        }
    };
    drop(arrival);
    let info = api.read(move |reader| {
        let file = query::file(reader, attached.file)?;
        Ok(show::file(&reader.identity().ticket_label(ticket), &file))
    });
    info.await
}

/// The bytes that have come and that no file names yet, and how many uploads brought them.
#[derive(Default)]
pub(crate) struct Arrivals(Mutex<HashMap<Hash, usize>>);

impl Arrivals {
    fn counts(&self) -> MutexGuard<'_, HashMap<Hash, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One upload whose bytes are about to be named by a file. As long as it lives, nobody takes them away.
struct Arrival {
    api: Api,
    blob: Hash,
}

impl Arrival {
    fn new(api: Api, blob: Hash) -> Self {
        *api.arrivals.counts().entry(blob).or_default() += 1;
        Self { api, blob }
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let mut counts = self.api.arrivals.counts();
        if let Entry::Occupied(mut count) = counts.entry(self.blob) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// Takes the bytes of a refused upload away again, unless a file names them or another upload is about to.
async fn discard(api: &Shared, arrival: Arrival) {
    let done = api.read(move |reader| {
        let blob = arrival.blob;
        // Whoever brings the same bytes at this moment waits here before its own copy becomes the blob.
        let counts = arrival.api.arrivals.counts();
        if counts.get(&blob) == Some(&1) && !is_named(reader, blob)? {
            reader.blobs().remove(&BlobId(*blob.as_bytes()))?;
        }
        drop(counts);
        Ok(())
    });
    if let Err(error) = done.await {
        tracing::warn!(code = error.code(), "the bytes of a refused upload could not be taken away");
    }
}

fn is_named(reader: &Reader, blob: Hash) -> Result<bool, Refusal> {
    Ok(!reader.rows().list(BLOB_FILES, &blob, 1)?.is_empty())
}

/// Brings the body to the disk, whole and checked, or leaves nothing.
async fn store(api: &Api, announced: Announced, body: BodyDataStream, name: &str) -> Result<Taken, ApiError> {
    let (pieces, incoming) = mpsc::channel(4);
    let outcome = Arc::new(Mutex::new(None));
    let source = Source {
        incoming,
        piece: Bytes::new(),
        hasher: ChunkHasher::new(),
        api: Api::clone(api),
        announced,
        outcome: Arc::clone(&outcome),
        name: name.to_owned(),
    };
    let blobs = Arc::clone(api.state.engine.reader().blobs());
    let hashed = Arc::clone(&outcome);
    let import = tokio::task::spawn_blocking(move || {
        let mut source = source;
        blobs.import_hashed(&mut source, &|| blob_of(&hashed))
    });
    feed(body, pieces).await;
    let imported = import.await.map_err(|_| ApiError::internal())?;
    let outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (imported, outcome) {
        (Ok((blob, _)), Some(Ok((hashed, arrival)))) => {
            api.state.engine.reader().blobs().note_chunks(&blob, Arc::from(&*hashed.list));
            Ok((hashed, arrival))
        }
        (_, Some(Err(error))) => Err(error),
        (Err(error), _) => Err(error.into()),
        (Ok(_), None) => Err(ApiError::internal()),
    }
}

/// What the bytes hashed to, once all have come and are what they were said to be.
fn blob_of(outcome: &Outcome) -> Option<BlobId> {
    let outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
    let (hashed, _) = outcome.as_ref()?.as_ref().ok()?;
    Some(BlobId(*hashed.blob.as_bytes()))
}

/// Sends the body on until it ends, breaks, or nobody takes it any more.
async fn feed(mut body: BodyDataStream, pieces: mpsc::Sender<Result<Bytes, ApiError>>) {
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(broken);
        let last = piece.is_err();
        if pieces.send(piece).await.is_err() || last {
            return;
        }
    }
}

fn broken(error: axum::Error) -> ApiError {
    match error.into_inner().downcast::<BodyError>() {
        Ok(known) => (*known).into(),
        Err(other) => BodyError::Cut(other).into(),
    }
}

/// What came, and that it is about to be named.
type Taken = (Hashed, Arrival);

/// What came of a body, once that is known.
type Outcome = Mutex<Option<Result<Taken, ApiError>>>;

/// The body as the store reads it. It ends well only if everything holds that was said of it.
struct Source {
    api: Api,
    incoming: mpsc::Receiver<Result<Bytes, ApiError>>,
    piece: Bytes,
    hasher: ChunkHasher,
    announced: Announced,
    outcome: Arc<Outcome>,
    name: String,
}

impl Source {
    /// The next piece that is not empty; an empty one at the end of the body.
    fn next(&mut self) -> Result<Bytes, ApiError> {
        while let Some(piece) = self.incoming.blocking_recv() {
            let piece = piece?;
            self.hasher.update(&piece);
            if self.hasher.size() > self.announced.size {
                return Err(self.changed());
            }
            if !piece.is_empty() {
                return Ok(piece);
            }
        }
        self.check()?;
        Ok(Bytes::new())
    }

    /// At the end of the body.
    fn check(&mut self) -> Result<(), ApiError> {
        if self.hasher.size() != self.announced.size {
            return Err(self.changed());
        }
        let hashed = std::mem::take(&mut self.hasher).finish();
        if self.announced.sha256.is_some_and(|expected| expected != hashed.blob) {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                "hash-mismatch",
                format!("“{}” is not what its hash says; nothing was attached.", self.name),
                "Send it again; if this happens twice, look whether the file changes while it is read.",
            ));
        }
        // Said before the store makes the bytes a blob, so that nobody takes that away.
        let arrival = Arrival::new(Api::clone(&self.api), hashed.blob);
        self.end(Ok((hashed, arrival)));
        Ok(())
    }

    fn changed(&self) -> ApiError {
        ApiError::new(
            StatusCode::CONFLICT,
            "file-changed",
            format!(
                "Another number of bytes came of “{}” than was announced; nothing was attached.",
                self.name
            ),
            "Wait until nobody writes to the file, or attach a copy.",
        )
    }

    fn end(&self, outcome: Result<Taken, ApiError>) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() {
            if self.outcome.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                return Ok(0);
            }
            self.piece = match self.next() {
                Ok(piece) => piece,
                Err(error) => {
                    let words = error.code().to_owned();
                    self.end(Err(error));
                    return Err(io::Error::other(words));
                }
            };
        }
        let length = self.piece.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.piece.split_to(length));
        Ok(length)
    }
}
