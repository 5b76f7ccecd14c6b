//! One desk, running: the store, the engine over it, the couriers, and the two listeners.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deskwire_api::ApiState;
use deskwire_engine::identity::Identity;
use deskwire_engine::port::{Effect, Notifier, SystemClock, SystemEntropy};
use deskwire_engine::quota::{Quota, Quotas};
use deskwire_engine::{Core, Engine, Running};
use deskwire_federation::{Bell, Federation};
use deskwire_http::server::{Drained, Limits, Listener, ShutdownTrigger, Transport};
use deskwire_http::tls::ServerTls;
use deskwire_proto::endpoint::Endpoint;
use deskwire_proto::id::DeskId;
use deskwire_proto::text::Label;
use deskwire_proto::time::Timestamp;
use deskwire_store::{Opened, WriteError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::{Config, Listen};
use crate::erased;
use crate::error::{StartError, sentence};
use crate::face;
use crate::folder::{Folder, replace};
use crate::material::Material;
use crate::meter::{Requests, meters};
use crate::upkeep::Upkeep;

/// How long requests in work may go on after the stop; those of partners are repeated, those of the own people carry
/// keys with which they can be.
const DRAIN: Duration = Duration::from_secs(4);
/// How long calls to partners may go on after that.
const GRACE: Duration = Duration::from_secs(3);
/// How often a rebuild tells how far it is.
const TELL: Duration = Duration::from_secs(2);

/// Where a running desk can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// Who it is.
    pub desk: DeskId,
    /// Its name.
    pub name: Label,
    /// The address on which partners are listened to, if they are.
    pub listen: Listen,
    /// The address of the operator API.
    pub api: SocketAddr,
    /// What partners are told of where it is.
    pub endpoints: Vec<Endpoint>,
}

/// A running desk. Dropped without [`Daemon::stop`] it ends as in a crash, which loses nothing.
pub struct Daemon {
    serving: Serving,
    stop: ShutdownTrigger,
    listeners: Vec<JoinHandle<Drained>>,
    federation: Federation,
    upkeep: Upkeep,
    running: Running,
    writer_ended: oneshot::Receiver<()>,
    api_address: PathBuf,
}

impl Daemon {
    /// Starts a desk; on return it takes work. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]; nothing of the desk runs then.
    pub async fn start(folder: &Folder, config: &Config) -> Result<Self, StartError> {
        let started = deskwire_engine::port::Clock::now(&SystemClock);
        // Whoever holds the store is alone with the keys.
        let (opened, known) = open_store(folder, config).await?;
        let material = Material::load(folder, config)?;
        let api_address = folder.api_address();
        // Left there by a daemon that was killed.
        let _ = fs::remove_file(&api_address);
        let peer = peer_listener(config).await?;
        let listen = Listen(peer.as_ref().map(Listener::local_addr));
        let api = Listener::bind(config.api.listen.address()).await?;
        let identity = Arc::new(face::identity(folder, config, &material, listen, (known, started))?);
        let mut core = open_core(opened, Arc::clone(&identity)).await?;
        core.limit(quotas(config), config.files.disk_floor.0);
        let (bell, effects) = deskwire_federation::bell();
        let (ended, writer_ended) = oneshot::channel();
        let notifier = Box::new(Ringer { bell, _ended: ended });
        let custody = core.custody();
        let (engine, running) = Engine::start(core, Arc::new(SystemClock), notifier).map_err(no_thread)?;
        let erased = folder.resolve(&config.store.erased);
        if let Err(error) = erased::apply(&engine, &custody, &erased).await {
            blocking(move || running.stop()).await?.map_err(|error| store_failed(&error))?;
            return Err(error);
        }
        let courier = deskwire_federation::Config {
            allowed_ranges: config.peer.allow_ranges.0.clone(),
            grace: GRACE,
            disk_floor: config.files.disk_floor.0,
            ..deskwire_federation::Config::default()
        };
        let federation = Federation::start(engine.clone(), effects, courier);
        let serving = serving(&identity, config, listen, api.local_addr());
        let upkeep = Upkeep::start(custody, engine.clone(), config, erased);
        let stop = ShutdownTrigger::new();
        let tls = Transport::Tls(ServerTls::new(&material.tls));
        let (from_partners, from_people) = (Requests::new(peer.as_ref()), Requests::new(Some(&api)));
        let listened = (Arc::clone(&from_partners), Arc::clone(&from_people));
        let mut meters = meters(listened, federation.counted(), folder.store());
        meters.push(upkeep.meter());
        let state =
            ApiState { meters, ..api_state(config, material, engine, &federation, &serving, started) };
        let routes = from_partners.counted(federation.router());
        let partners = peer.map(|peer| peer.serve(routes, tls, peer_limits(config), stop.subscribe()));
        let people = api.serve(
            from_people.counted(deskwire_api::router(state)),
            Transport::Plain,
            Limits { drain: DRAIN, ..Limits::local() },
            stop.subscribe(),
        );
        let listeners = partners.map(tokio::spawn).into_iter().chain([tokio::spawn(people)]).collect();
        let daemon =
            Self { serving, stop, listeners, federation, upkeep, running, writer_ended, api_address };
        if let Err(error) = daemon.tell_address() {
            // Nobody could find it. Why it does not run matters more than how that ends.
            let _ = daemon.stop().await;
            return Err(error);
        }
        Ok(daemon)
    }

    /// Where it can be found.
    #[must_use]
    pub fn serving(&self) -> &Serving {
        &self.serving
    }

    /// Returns when the desk cannot go on by itself, because its store failed. Then it is to be stopped.
    pub async fn failed(&mut self) {
        // The sender sends nothing; it goes away with the writer.
        let _ = (&mut self.writer_ended).await;
    }

    /// Stops: takes no new work, finishes what was begun, and closes the store.
    ///
    /// # Errors
    /// That the store had failed before. Nothing that was acknowledged is lost.
    pub async fn stop(self) -> Result<(), StartError> {
        // Whoever looks for the daemon shall not find it any more.
        let _ = fs::remove_file(&self.api_address);
        self.stop.request();
        self.federation.release();
        for listener in self.listeners {
            match listener.await {
                Ok(Drained { cut: 0 }) => {}
                Ok(Drained { cut }) => tracing::info!(cut, "requests in work were cut off"),
                Err(error) => tracing::error!(%error, "a listener had failed"),
            }
        }
        self.federation.stop().await;
        let mut upkeep = self.upkeep;
        blocking(move || upkeep.stop()).await?;
        let running = self.running;
        blocking(move || running.stop()).await?.map_err(|error| store_failed(&error))
    }

    /// Writes where the API is, for the command line.
    fn tell_address(&self) -> Result<(), StartError> {
        let line = format!("{}\n", self.serving.api);
        replace(&self.api_address, line.as_bytes(), 0o600)
            .map_err(|error| StartError::file("write", &self.api_address, &error))
    }
}

/// The bell of the couriers, and the sign that the writer which rings it is gone.
struct Ringer {
    bell: Bell,
    _ended: oneshot::Sender<()>,
}

impl Notifier for Ringer {
    fn notify(&self, effect: &Effect) {
        self.bell.notify(effect);
    }
}

/// Opens the store and folds what its view does not have yet, telling how far it is. Gives the highest version that a
/// descriptor of this desk had, too.
pub(crate) async fn open_store(
    folder: &Folder,
    config: &Config,
) -> Result<(Opened, Option<Timestamp>), StartError> {
    let path = folder.store();
    let options = deskwire_store_sled::Options {
        cache_bytes: config.store.cache.0,
        ..deskwire_store_sled::Options::new(deskwire_store::table::SCHEMA)
    };
    let opened = blocking(move || deskwire_store_sled::open(&path, options)).await?;
    let mut opened = opened.map_err(|error| match error {
        deskwire_store::Error::Locked { holder, .. } => {
            let root = folder.root().display();
            StartError::new(
                "desk-running",
                format!("A daemon runs on {root} already ({holder})."),
                format!("Use that one (`deskwire id --data {root}` asks it), or stop it first."),
            )
        }
        error => error.into(),
    })?;
    let all = opened.reader.tail().group;
    let mut told = Instant::now();
    let mut tell = move |groups: u64| {
        if told.elapsed() >= TELL {
            told = Instant::now();
            tracing::info!(groups, of = all, "folding the journal into the view");
        }
    };
    let fold = move || {
        deskwire_engine::catch_up(&mut opened, &mut tell)?;
        let known = deskwire_engine::last_version(&opened)?;
        Ok((opened, known))
    };
    blocking(fold).await?.map_err(|error: deskwire_store::Error| error.into())
}

/// The engine over a store whose view is up to date.
pub(crate) async fn open_core(opened: Opened, identity: Arc<Identity>) -> Result<Core, StartError> {
    let open = move || {
        let now = deskwire_engine::port::Clock::now(&SystemClock);
        Core::open(opened, identity, Box::new(SystemEntropy), now, &mut |_| {})
    };
    Ok(blocking(open).await??)
}

/// The listener for partners, unless the desk is one that goes to them.
async fn peer_listener(config: &Config) -> Result<Option<Listener>, StartError> {
    match config.peer.listen {
        Listen(Some(address)) => Ok(Some(Listener::bind(address).await?)),
        Listen(None) if !config.peer.endpoints.0.is_empty() => Err(StartError::new(
            "endpoints-without-listener",
            "peer.endpoints tells partners an address, and peer.listen is \"none\", so nobody would answer there.",
            "Take peer.endpoints out of deskwire.toml, or give peer.listen an address.",
        )),
        Listen(None) => Ok(None),
    }
}

fn serving(identity: &Identity, config: &Config, listen: Listen, api: SocketAddr) -> Serving {
    let endpoints = face::announced(config, listen);
    if listen == Listen(None) {
        tracing::info!("this desk listens to no partners: it goes to them and fetches what they have for it");
    } else if endpoints.is_empty() {
        tracing::warn!(%listen, "no address is told to partners, so they cannot reach this desk, and it goes to them: set peer.endpoints");
    }
    Serving { desk: identity.desk(), name: config.desk.name.clone(), listen, api, endpoints }
}

fn api_state(
    config: &Config,
    material: Material,
    engine: Engine,
    federation: &Federation,
    serving: &Serving,
    started: Timestamp,
) -> ApiState {
    ApiState {
        engine,
        linker: federation.linker(),
        tokens: material.tokens,
        api: serving.api.to_string(),
        listen: serving.listen.0.iter().map(ToString::to_string).collect(),
        started,
        terms: face::terms(config),
        file_limit: config.files.largest.0,
        free_floor: config.files.disk_floor.0,
        meters: Vec::new(),
    }
}

fn quotas(config: &Config) -> Quotas {
    let limits = &config.limits;
    let link = Quota {
        messages_per_hour: limits.link_messages_per_hour.0.into(),
        bytes_per_day: limits.link_bytes_per_day.0,
        files_per_day: limits.link_files_per_day.0.into(),
        file_bytes_per_day: limits.link_file_bytes_per_day.0,
        open_delegations: limits.link_open_delegations.0.into(),
        undelivered: limits.link_undelivered.0.into(),
    };
    let all = Quota {
        messages_per_hour: limits.all_messages_per_hour.0.into(),
        bytes_per_day: limits.all_bytes_per_day.0,
        files_per_day: limits.all_files_per_day.0.into(),
        file_bytes_per_day: limits.all_file_bytes_per_day.0,
        open_delegations: limits.all_open_delegations.0.into(),
        undelivered: u64::MAX,
    };
    Quotas { link, all }
}

fn peer_limits(config: &Config) -> Limits {
    Limits {
        max_connections: config.peer.max_connections.0 as usize,
        max_connections_per_ip: config.peer.max_connections_per_address.0 as usize,
        drain: DRAIN,
        ..Limits::default()
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StartError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        let next = "The log has the details; please report them.";
        StartError::new("internal", "A part of the program failed.", next)
    })
}

fn no_thread(error: std::io::Error) -> StartError {
    let words = format!("The system gives no thread for the writer: {error}.");
    StartError::new("no-thread", words, "Raise the limits of processes and memory for this user.")
}

pub(crate) fn store_failed(error: &WriteError) -> StartError {
    StartError::new(
        error.code(),
        sentence(&error.to_string()),
        "Nothing that was acknowledged is lost. Check the disk and the log, then start the desk again.",
    )
}

#[cfg(test)]
mod tests;
