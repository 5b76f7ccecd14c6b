//! What an operator sets: one declaration from which the file, its comments, the environment names, the flags and the
//! typed [`Config`] all come, so that they cannot drift apart.

mod declare;
mod error;
mod file;
mod render;
mod source;
mod value;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use deskwire_http::address::AllowedRange;
use deskwire_proto::endpoint::Endpoint;
use deskwire_proto::limits::FILE_BYTES;
use deskwire_proto::terms::{FieldName, PersonRule, Redelegate};
use deskwire_proto::text::Label;

pub use declare::{Section, Setting};
pub use error::{ConfigError, ConfigErrors, Place};
pub(crate) use render::{Written, render};
pub use source::Sources;
pub use value::{Count, Days, Filter, List, Listen, LogFormat, Loopback, Prefix, Raw, Shape, Size, Value};

use declare::settings;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

settings! {
    /// Who this desk is to people.
    desk: Desk {
        /// The name that partners see.
        name: Label = None;
        /// What stands before the numbers of this desk's tickets: ACME gives ACME-1, ACME-2, ...
        prefix: Prefix = None;
    }

    /// Where partners reach this desk: HTTPS, TLS 1.3.
    peer: Peer {
        /// The address listened on: 0.0.0.0 for every interface, port 0 for a free port; "none" for a desk that nobody can
        /// reach, such as one behind a router: it goes to its partners and fetches what they have for it, so they need an
        /// address. Change it at any time and start the desk again: partners are told at once.
        listen: Listen = Some(Listen(Some(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 8441))));
        /// The public addresses told to partners, best first. When there are none it is https:// with the address
        /// listened on, provided that one names an interface; set this when the desk is behind a router or has a name.
        endpoints: List<Endpoint, 4> = Some(List::default());
        /// Ranges of addresses in which partners may be dialled although they are not public, such as a company's own
        /// network: whoever can name an address to this desk could otherwise make it knock at doors inside.
        allow_ranges: List<AllowedRange, 64> = Some(List::default());
        /// The TLS certificate (PEM, own certificate first). Partners know the key by its hash, so a self-signed one is
        /// as good as any. A relative path begins in this folder.
        certificate: PathBuf = Some("tls/certificate.pem".into());
        /// The private key of the certificate (PEM), readable by nobody else. A relative path begins in this folder.
        key: PathBuf = Some("tls/key.pem".into());
        /// Connections at once; further ones are closed.
        max_connections: Count<1, 65_536> = Some(Count(1024));
        /// Connections at once from one address. Raise it to max_connections when a proxy stands in front: then
        /// everybody comes from its address.
        max_connections_per_address: Count<1, 65_536> = Some(Count(32));
    }

    /// The operator's API, spoken by the command line and by bridges: plain HTTP on this machine alone.
    api: Api {
        /// The address listened on. With port 0 a free one is taken; the file api.addr in this folder names it while the
        /// daemon runs.
        listen: Loopback = Some(Loopback::free_port());
    }

    /// What is offered to new partners where `deskwire link` is given nothing else. Terms agreed to stay as they are.
    terms: TermsOffered {
        /// Optional fields of a ticket that may travel.
        fields: List<FieldName, 11> = Some(List(FieldName::ALL.to_vec()));
        /// What of an acting person travels: the name and function, the function alone, or nothing.
        person: PersonRule = Some(PersonRule::Name);
        /// Whether work may be handed on: not at all, yes, or yes and to whom is told.
        redelegate: Redelegate = Some(Redelegate::Allowed);
    }

    /// Deadlines of delegations.
    deadlines: Deadlines {
        /// People are warned when so much of the time is left, in percent; 0 for not before it has passed.
        warn_percent: Count<0, 100> = Some(Count(25));
    }

    /// Files on tickets.
    files: Files {
        /// The largest file taken, from partners and from the own people.
        largest: Size<MIB, FILE_BYTES> = Some(Size(GIB));
        /// With less room left on the disk the desk takes no new work, neither from its own people nor from partners,
        /// fetches no files, and says at /readyz of the API that it is not ready. What it has can be read, and it goes
        /// on by itself when there is room again.
        disk_floor: Size<0, { 1024 * GIB }> = Some(Size(256 * MIB));
    }

    /// What one partner (link_), and all together (all_), may cause at this desk, and what this desk sends them at
    /// most. The defaults are for mistakes and attacks; no honest partner meets them. Above a rate partners are asked to
    /// come back later, and nothing is lost; a file or a delegation too many is refused on its ticket.
    limits: Limits {
        /// Messages within an hour, in each direction.
        link_messages_per_hour: Count<1, 1_000_000_000> = Some(Count(2_000_000));
        /// Messages within an hour with all partners together, in each direction.
        all_messages_per_hour: Count<1, 1_000_000_000> = Some(Count(8_000_000));
        /// Bytes of messages with their texts within a day, in each direction.
        link_bytes_per_day: Size<MIB, { 1024 * 1024 * GIB }> = Some(Size(64 * GIB));
        /// Bytes of messages with all partners together within a day, in each direction.
        all_bytes_per_day: Size<MIB, { 1024 * 1024 * GIB }> = Some(Size(256 * GIB));
        /// Files that a partner may announce within a day.
        link_files_per_day: Count<1, 1_000_000_000> = Some(Count(20_000));
        /// Files that all partners together may announce within a day.
        all_files_per_day: Count<1, 1_000_000_000> = Some(Count(100_000));
        /// Bytes of the files that a partner announces within a day.
        link_file_bytes_per_day: Size<MIB, { 1024 * 1024 * GIB }> = Some(Size(256 * GIB));
        /// Bytes of the files that all partners together announce within a day.
        all_file_bytes_per_day: Size<MIB, { 1024 * 1024 * GIB }> = Some(Size(1024 * GIB));
        /// Open delegations that a partner may have given to this desk, and this desk to it.
        link_open_delegations: Count<1, 1_000_000_000> = Some(Count(1_000_000));
        /// Open delegations with all partners together, in each direction.
        all_open_delegations: Count<1, 1_000_000_000> = Some(Count(4_000_000));
        /// Items for a partner that it has not acknowledged; more are refused until some are.
        link_undelivered: Count<1, 1_000_000_000> = Some(Count(2_000_000));
    }

    /// The store.
    store: Store {
        /// Memory for the index of the store. More makes large desks faster.
        cache: Size<MIB, { 64 * GIB }> = Some(Size(32 * MIB));
        /// After so many bytes of journal, and at least half its own size, a snapshot is made, from which the index is
        /// rebuilt after a power cut. Smaller rebuilds faster and writes more. 0 makes none.
        snapshot_after: Size<0, { 1024 * GIB }> = Some(Size(256 * MIB));
        /// How many bytes a second are read in the background to find what the disk has damaged, and written for
        /// snapshots twice as many. 0 reads none.
        scrub_rate: Size<0, GIB> = Some(Size(4 * MIB));
        /// For how many days after its last word the texts and files of a case that is over are kept, at least 400: for so
        /// long partners may need them to restore a backup. Then they are erased, and signatures and facts stay. 0 keeps
        /// them for ever. What the terms of a link say is the least: its cases are kept for so long whatever stands here,
        /// and without a number here they do not go by themselves.
        retention: Days<400, 36_500> = Some(Days(0));
        /// The list of what was erased: ids and hashes, no texts. A backup that is older than an erasure has the texts still;
        /// a desk restored from it erases them again by this list before it speaks. Keep it where the loss of the machine
        /// does not take it along, such as beside the backups. A relative path begins in this folder.
        erased: PathBuf = Some("erased".into());
    }

    /// The log, written to standard error. It holds no secrets and no text of tickets at any level.
    log: Log {
        /// How a line looks.
        format: LogFormat = Some(LogFormat::Readable);
        /// How much is said: error, warn, info, debug or trace; for a part of the program alone as in
        /// info,deskwire_federation=debug.
        level: Filter = Some(Filter::info());
    }
}

impl Config {
    /// Gathers every setting: a flag before the environment, the environment before the file, the file before the
    /// default.
    ///
    /// # Errors
    /// All that is wrong, each with its place.
    pub fn load(sources: &Sources) -> Result<Self, ConfigErrors> {
        let mut found = source::gather(sources)?;
        let config = Self::build(&mut found);
        found.faultless(config)
    }
}

/// Every setting, in the order of the file.
pub fn settings() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|section| section.settings)
}

#[cfg(test)]
mod tests;
