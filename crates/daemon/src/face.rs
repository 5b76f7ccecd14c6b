//! What this desk tells partners of itself, put together from settings and keys.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use deskwire_engine::identity::{Face, Identity, WARN};
use deskwire_proto::code::Code;
use deskwire_proto::descriptor::Descriptor;
use deskwire_proto::endpoint::{Endpoint, Host};
use deskwire_proto::id::Spki;
use deskwire_proto::key::SecretKey;
use deskwire_proto::terms::Terms;
use deskwire_proto::time::Timestamp;

use crate::config::{Config, Listen};
use crate::error::StartError;
use crate::folder::{Folder, replace};
use crate::material::Material;

/// The addresses told to partners: those of the settings, else the one listened on where it names an interface. None
/// where nobody is listened to: such a desk goes to its partners.
pub(crate) fn announced(config: &Config, listen: Listen) -> Vec<Endpoint> {
    let Listen(Some(listen)) = listen else { return Vec::new() };
    if !config.peer.endpoints.0.is_empty() {
        return config.peer.endpoints.0.clone();
    }
    if listen.ip().is_unspecified() || listen.port() == 0 {
        return Vec::new();
    }
    format!("https://{listen}").parse().into_iter().collect()
}

/// The host of an endpoint as certificates name it.
pub(crate) fn host_text(endpoint: &Endpoint) -> String {
    match endpoint.host() {
        Host::Name(name) => name.clone(),
        Host::V4(address) => IpAddr::from(*address).to_string(),
        Host::V6(address) => IpAddr::from(*address).to_string(),
    }
}

/// The terms offered where nobody asks for others.
pub(crate) fn terms(config: &Config) -> Terms {
    let mut fields = config.terms.fields.0.clone();
    fields.sort_unstable();
    fields.dedup();
    Terms {
        fields,
        file: config.files.largest.0,
        person: config.terms.person,
        redelegate: config.terms.redelegate,
        ..Terms::default()
    }
}

/// Signs who this desk is. What was said last is said again, byte for byte, as long as nothing has changed; else it gets
/// a version above the last one, whatever the clock says. The last one is that of the file or that of the journal
/// (`known`), whichever is higher: the file may be an old one.
pub(crate) fn identity(
    folder: &Folder,
    config: &Config,
    material: &Material,
    listen: Listen,
    (known, now): (Option<Timestamp>, Timestamp),
) -> Result<Identity, StartError> {
    let path = folder.descriptor();
    let sign = |version| {
        let secret = SecretKey::from_seed(&material.secret.seed());
        Identity::new(material.keys.clone(), secret, face(config, material, listen), version)
            .map(|identity| identity.warning(u8::try_from(config.deadlines.warn_percent.0).unwrap_or(WARN)))
            .map_err(|code| refused(folder, code))
    };
    let last = last_said(&path)?.filter(|last| last.desk() == material.keys.desk());
    if let Some(last) = last.as_ref().filter(|last| Some(last.body().version) >= known) {
        let same = sign(last.body().version)?;
        if same.descriptor().raw() == last.raw() {
            return Ok(same);
        }
    }
    let highest = last.map(|last| last.body().version).max(known);
    let version = highest.map_or(now, |highest| now.max(highest.plus(1)));
    let identity = sign(version)?;
    replace(&path, identity.descriptor().raw(), 0o600)
        .map_err(|error| StartError::file("write", &path, &error))?;
    Ok(identity)
}

fn face(config: &Config, material: &Material, listen: Listen) -> Face {
    Face {
        name: config.desk.name.clone(),
        prefix: config.desk.prefix.as_str().to_owned(),
        endpoints: announced(config, listen).iter().map(|endpoint| endpoint.url().clone()).collect(),
        tls: [Spki::new(material.tls.spki())].into_iter().chain(material.next_tls).collect(),
        file_bytes: config.files.largest.0,
    }
}

/// The descriptor of the last start. One that cannot be read is as good as none.
fn last_said(path: &Path) -> Result<Option<Descriptor>, StartError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Descriptor::open(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StartError::file("read", path, &error)),
    }
}

pub(crate) fn refused(folder: &Folder, code: Code) -> StartError {
    let keys = folder.keys();
    if code == Code::KeyUnknown || code == Code::BadSignature {
        let words =
            format!("The signing key in {} is not the newest one of the key log beside it.", keys.display());
        return StartError::new("signing-key-not-newest", words, "Put both files of one backup there.");
    }
    let words = format!("What this desk would say of itself cannot be signed ({code}).");
    StartError::new("descriptor-refused", words, "Check desk.name and peer.endpoints in deskwire.toml.")
}

#[cfg(test)]
mod tests;
