//! Where settings come from, and which of several wins.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::declare::{Section, Setting};
use super::error::{ConfigError, ConfigErrors, Fault, Place, nearest, nearest_within};
use super::file;
use super::value::{Raw, Value};
use super::{SECTIONS, settings};

/// Everything that a configuration is read from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file's path, for messages, and its text.
    pub file: Option<(PathBuf, String)>,
    /// The environment: names and values.
    pub environment: Vec<(String, String)>,
    /// Flags: names of settings such as `peer.listen`, and their values.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// The file alone.
    #[must_use]
    pub fn of_file(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { file: Some((path.into(), text.into())), ..Self::default() }
    }

    /// The same with the environment of this process. What is not UTF-8 is no setting of ours.
    #[must_use]
    pub fn with_process_environment(mut self) -> Self {
        let pairs = std::env::vars_os();
        self.environment = pairs
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        self
    }
}

/// The winning value of each setting, and what was wrong on the way.
pub(super) struct Found {
    values: BTreeMap<(&'static str, &'static str), (Place, Raw)>,
    errors: Vec<ConfigError>,
}

/// Reads all sources, the weakest first.
///
/// # Errors
/// What is wrong with the file's syntax.
pub(super) fn gather(sources: &Sources) -> Result<Found, ConfigErrors> {
    let mut found = Found { values: BTreeMap::new(), errors: Vec::new() };
    if let Some((path, text)) = &sources.file {
        for entry in file::entries(path, text) {
            match entry {
                Ok(entry) => found.take_entry(entry),
                Err(error) => found.errors.push(error),
            }
        }
    }
    if found.no_toml() {
        return Err(ConfigErrors::new(found.errors));
    }
    for (name, text) in &sources.environment {
        found.take_variable(name, text);
    }
    for (name, text) in &sources.flags {
        if let Some(setting) = settings().find(|setting| setting.name() == *name) {
            found.put(setting, Place::Flag(setting.flag()), Raw::from_text(setting.shape, text));
        }
    }
    Ok(found)
}

impl Found {
    fn put(&mut self, setting: &'static Setting, place: Place, raw: Raw) {
        self.values.insert((setting.section, setting.key), (place, raw));
    }

    fn take_entry(&mut self, entry: file::Entry) {
        let known = |setting: &&'static Setting| setting.section == entry.section && setting.key == entry.key;
        match settings().find(known) {
            Some(setting) => self.put(setting, entry.place, entry.value),
            None => self.errors.push(unknown_key(entry)),
        }
    }

    fn take_variable(&mut self, name: &str, text: &str) {
        if !name.starts_with("DESKWIRE_") {
            return;
        }
        if let Some(setting) = settings().find(|setting| setting.variable() == name) {
            self.put(setting, Place::Variable(name.to_owned()), Raw::from_text(setting.shape, text));
            return;
        }
        // Other variables of that beginning belong to the command line, unless they look like a slip.
        let near = nearest_within(2, name, settings().map(Setting::variable));
        let of_section =
            |section: &Section| name.starts_with(&format!("DESKWIRE_{}_", section.name.to_uppercase()));
        let section = SECTIONS.iter().any(of_section);
        if section || near.is_some() {
            let fault = Fault::UnknownVariable { name: name.to_owned(), nearest: near };
            self.errors.push(ConfigError { place: Place::Variable(name.to_owned()), fault });
        }
    }

    /// The typed value of one setting; `None` after noting what is wrong with it.
    pub(super) fn take<T: Value>(
        &mut self,
        section: &'static str,
        key: &'static str,
        default: Option<T>,
    ) -> Option<T> {
        let name = format!("{section}.{key}");
        let Some((place, raw)) = self.values.remove(&(section, key)) else {
            if default.is_none() {
                self.errors.push(ConfigError {
                    place: Place::Nowhere,
                    fault: Fault::Missing { name, takes: T::takes() },
                });
            }
            return default;
        };
        match T::read(&raw) {
            Ok(value) => Some(value),
            Err(why) => {
                let fault = Fault::Value { name, takes: T::takes(), shown: shown(&raw), why };
                self.errors.push(ConfigError { place, fault });
                None
            }
        }
    }

    /// The configuration, unless something besides the values of known settings was wrong.
    ///
    /// # Errors
    /// Everything noted so far.
    pub(super) fn faultless<T>(self, config: Option<T>) -> Result<T, ConfigErrors> {
        match config {
            Some(config) if self.errors.is_empty() => Ok(config),
            Some(_) | None => Err(ConfigErrors::new(self.errors)),
        }
    }

    /// Whether the file could not even be read as TOML, so that everything in it would seem to be missing.
    fn no_toml(&self) -> bool {
        self.errors.iter().any(|error| matches!(error.fault, Fault::Syntax { .. }))
    }
}

/// A value as it is repeated in a message.
fn shown(raw: &Raw) -> String {
    const LONGEST: usize = 80;
    let text = raw.to_string();
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST).chain("...".chars()).collect()
}

fn unknown_key(entry: file::Entry) -> ConfigError {
    let of_section = || settings().filter(|setting| setting.section == entry.section);
    let sections = || -> Vec<String> { SECTIONS.iter().map(|section| section.name.to_owned()).collect() };
    let whole_names = || settings().filter(|setting| setting.key == entry.key).map(Setting::name);
    let fault = if entry.section.is_empty() {
        let nearest = whole_names().next().or_else(|| nearest(&entry.key, sections().into_iter()));
        Fault::NotASection { name: entry.key, nearest, known: sections() }
    } else if of_section().next().is_none() {
        let nearest = nearest(&entry.section, sections().into_iter());
        Fault::UnknownSection { name: entry.section, nearest, known: sections() }
    } else {
        let keys = || of_section().map(|setting| setting.key.to_owned());
        let near = nearest(&entry.key, keys()).map(|key| format!("{}.{key}", entry.section));
        let nearest = near.or_else(|| whole_names().next());
        let known = keys().collect();
        Fault::UnknownKey { section: entry.section, key: entry.key, nearest, known }
    };
    ConfigError { place: entry.place, fault }
}
