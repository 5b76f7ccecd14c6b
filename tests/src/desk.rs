//! A desk with a real daemon on loopback, which can be stopped, killed and started again at the same addresses.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use deskwire_client::{Client, Error, local::LocalDesk};

use crate::{
    binary::deskwire,
    cli::{self, Said},
    world::{World, address},
};

/// A desk, whose daemon runs or not.
#[derive(Debug)]
pub struct Desk {
    /// Its display name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Where its daemon listens to partners.
    pub address: SocketAddr,
    api: SocketAddr,
    program: PathBuf,
    running: Option<LocalDesk>,
    client: Option<Client>,
}

impl Desk {
    /// Makes a desk and starts its daemon.
    pub async fn new(world: &World, name: &str) -> Self {
        let mut desk = Self::made(world, name).await;
        desk.start().await;
        desk
    }

    /// Makes a desk.
    pub async fn made(world: &World, name: &str) -> Self {
        Self::made_in(world.path(&name.to_lowercase()), name).await
    }

    /// Makes a desk that nobody can reach, and starts its daemon.
    pub async fn hidden(world: &World, name: &str) -> Self {
        let mut desk = Self::made(world, name).await;
        desk.hide(true);
        desk.start().await;
        desk
    }

    /// Whether nobody can reach the desk, from the next start on.
    pub fn hide(&self, hidden: bool) {
        let listen = if hidden { "none".to_owned() } else { self.address.to_string() };
        self.set("peer", "listen", &format!("\"{listen}\""));
    }

    /// Makes a desk in a folder that is missing or empty.
    pub async fn made_in(folder: PathBuf, name: &str) -> Self {
        let (address, api) = (address(), address());
        let listen = address.to_string();
        LocalDesk::init(deskwire(), &folder, &["--name", name, "--listen", &listen]).await.unwrap();
        let program = deskwire().to_owned();
        let desk = Self { name: name.to_owned(), folder, address, api, program, running: None, client: None };
        // Callers repeat what got no answer; so the address must be the same after a restart.
        desk.set("api", "listen", &format!("\"{api}\""));
        desk
    }

    /// A desk whose folder is there already, such as a copy of another's, at addresses of its own.
    #[must_use]
    pub fn found(folder: PathBuf, name: &str) -> Self {
        let (address, api) = (address(), address());
        let program = deskwire().to_owned();
        let desk = Self { name: name.to_owned(), folder, address, api, program, running: None, client: None };
        desk.set("peer", "listen", &format!("\"{address}\""));
        desk.set("api", "listen", &format!("\"{api}\""));
        desk
    }

    /// Another copy of this desk, which must not run just now: its folder as it is, on a machine beside. See
    /// [`Desk::again`].
    #[must_use]
    pub fn twin(&self, folder: PathBuf) -> Self {
        assert!(self.running.is_none(), "a folder is copied while nobody writes in it");
        copy(&self.folder, &folder);
        self.again(folder)
    }

    /// This desk once more, from a folder that was copied or restored. It listens at addresses of its own, and tells
    /// partners the address of the first one, or none if that has none.
    #[must_use]
    pub fn again(&self, folder: PathBuf) -> Self {
        let settings = fs::read_to_string(self.folder.join("deskwire.toml")).unwrap();
        let again = Self::found(folder, &self.name);
        if settings.contains("\nlisten = \"none\"") {
            again.hide(true);
        } else {
            again.set("peer", "endpoints", &format!("[\"https://{}\"]", self.address));
        }
        again
    }

    /// Starts this program instead of `deskwire` from now on.
    pub fn run_as(&mut self, program: PathBuf) {
        self.program = program;
    }

    /// Writes a setting into `deskwire.toml`, for the next start.
    pub fn set(&self, section: &str, key: &str, literal: &str) {
        let path = self.folder.join("deskwire.toml");
        let text = fs::read_to_string(&path).unwrap();
        let head = format!("[{section}]\n");
        let (before, after) = text.split_once(&head).unwrap();
        let end = after.find("\n[").unwrap_or(after.len());
        let (own, rest) = after.split_at(end);
        let others = own.lines().filter(|line| !line.starts_with(&format!("{key} =")));
        let own: String = others.map(|line| format!("{line}\n")).collect();
        fs::write(path, format!("{before}{head}{key} = {literal}\n{own}{rest}")).unwrap();
    }

    /// Starts the daemon and waits until it takes work.
    pub async fn start(&mut self) {
        self.try_start().await.unwrap_or_else(|error| panic!("{} does not start: {error}", self.name));
    }

    /// Starts the daemon and waits until it takes work.
    ///
    /// # Errors
    /// That it ended at once, with its last words.
    pub async fn try_start(&mut self) -> Result<(), Error> {
        let running = LocalDesk::start(&self.program, &self.folder, &[]).await?;
        self.client = Some(running.client().clone());
        self.running = Some(running);
        Ok(())
    }

    /// Kills the daemon (`SIGKILL`).
    pub async fn kill(&mut self) {
        let mut running = self.running.take().expect("it runs");
        assert!(running.ended().is_none(), "{} ended by itself: {:?}", self.name, running.last_words(20));
        running.kill().await;
    }

    /// Forgets a daemon that has ended by itself, so that another one can be started.
    pub fn lost(&mut self) {
        let mut running = self.running.take().expect("it ran");
        assert!(running.ended().is_some(), "{} runs", self.name);
    }

    /// Ends the daemon as an operator does.
    pub async fn stop(&mut self) {
        let status = self.running.take().expect("it runs").stop().await.unwrap();
        assert!(status.success(), "{} ended with {status}", self.name);
    }

    /// The running daemon.
    pub fn daemon(&mut self) -> &mut LocalDesk {
        self.running.as_mut().expect("it runs")
    }

    /// A client of the daemon; the addresses and the token stay when it is started again.
    #[must_use]
    pub fn client(&self) -> &Client {
        self.client.as_ref().expect("it was started")
    }

    /// Where the API listens.
    #[must_use]
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// The token of the API.
    #[must_use]
    pub fn token(&self) -> String {
        fs::read_to_string(self.folder.join("token")).unwrap().trim().to_owned()
    }

    /// Runs a verb at this desk.
    pub async fn run(&self, args: &[&str]) -> Said {
        cli::run(&self.folder, args).await
    }

    /// Runs a verb with `--json` that must go well; its document.
    pub async fn json(&self, args: &[&str]) -> serde_json::Value {
        self.run(&[args, &["--json"]].concat()).await.document()
    }

    /// Runs a verb that must be refused with this code, as a script and as a person.
    #[track_caller]
    pub fn refuses(&self, args: &[&str], code: &str) -> impl Future<Output = deskwire_api_types::Problem> {
        cli::refused(&self.folder, args, code)
    }

    /// The files of the store with these beginnings of names, for tests that damage them.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// Resident memory of the daemon, bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let pid = self.running.as_ref().expect("it runs").pid();
        let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
    }
}

/// Copies a folder with everything in it.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}
