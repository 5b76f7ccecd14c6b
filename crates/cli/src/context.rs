//! What a verb runs in: the desk's folder, the way to its daemon, and the output.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use deskwire_client::Client;

use crate::{
    args::Global,
    failure::{self, Failure},
    output::Output,
};

/// What a verb runs in.
pub(crate) struct Context {
    /// What holds for every verb.
    pub(crate) global: Global,
    /// Where to print.
    pub(crate) out: Output,
}

impl Context {
    /// Checks what holds for every verb.
    pub(crate) fn new(global: Global, out: Output) -> Result<Self, Failure> {
        if let Some(name) = &global.acting
            && (name.trim().is_empty() || name.len() > 120 || name.chars().any(char::is_control))
        {
            return Err(failure::usage("--as takes the name of a person: one line of 1 to 120 bytes"));
        }
        Ok(Self { global, out })
    }

    /// The desk's folder.
    pub(crate) fn data(&self) -> &Path {
        &self.global.data
    }

    /// Runs something that talks to the daemon.
    pub(crate) fn talk<T>(&self, call: impl AsyncFnOnce(Client) -> Result<T, Failure>) -> Result<T, Failure> {
        let client = self.client()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failure::local("the runtime", &error))?;
        runtime.block_on(call(client)).map_err(|failure| self.explain(failure))
    }

    /// A client of the desk's daemon.
    fn client(&self) -> Result<Client, Failure> {
        let url = match &self.global.api {
            Some(url) => url.clone(),
            None => self.address()?,
        };
        let mut client = Client::new(&url)?.with_token(&self.token(&url)?)?;
        if let Some(person) = &self.global.acting {
            client = client.acting_as(person.trim());
        }
        match &self.global.key {
            Some(key) => client.with_key(key),
            None => Ok(client),
        }
    }

    /// The address that a running daemon leaves in the folder.
    fn address(&self) -> Result<String, Failure> {
        let data = self.data();
        match fs::read_to_string(data.join("api.addr")) {
            Ok(text) => Ok(format!("http://{}", text.trim())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if data.join("deskwire.toml").exists() {
                    Err(self.not_running(""))
                } else {
                    Err(unreachable(no_desk(data)))
                }
            }
            Err(error) => {
                Err(unreachable(format!("{} cannot be read: {error}", data.join("api.addr").display())))
            }
        }
    }

    /// The token that opens the API.
    fn token(&self, url: &str) -> Result<String, Failure> {
        let path: PathBuf = self.global.token_file.clone().unwrap_or_else(|| self.data().join("token"));
        fs::read_to_string(&path).map_err(|error| {
            let words = format!(
                "the token for {url} cannot be read from {}: {error}; `deskwire init` wrote it for the owner of the folder alone, \
                 --token-file names another file",
                path.display()
            );
            unreachable(words)
        })
    }

    /// Says which daemon is missing when nothing answered at the address that was found in the folder.
    fn explain(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Unreachable { connected: false, url, key, .. } if self.global.api.is_none() => {
                match self.not_running(&format!(" (nothing answers at {url})")) {
                    Failure::Unreachable { words, .. } => {
                        Failure::Unreachable { url, words, connected: false, key }
                    }
                    other => other,
                }
            }
            other => other,
        }
    }

    fn not_running(&self, why: &str) -> Failure {
        let data = self.data().display();
        unreachable(format!(
            "no daemon is running for {data}{why}: start it with `deskwire serve --data {data}`"
        ))
    }
}

fn no_desk(data: &Path) -> String {
    let data = data.display();
    format!(
        "there is no desk in {data}: name its folder with --data DIR, or make one with `deskwire init --data {data} --name NAME`"
    )
}

fn unreachable(words: String) -> Failure {
    Failure::Unreachable { url: String::new(), words, connected: false, key: None }
}
