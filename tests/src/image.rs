//! The disk as a power cut at a given moment can have left it: what was not synced is kept, dropped or torn.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    random::Random,
    trace::{Call, What},
};

/// What a disk writes at once.
const SECTOR: u64 = 512;

/// What becomes of the writes and names that no sync covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsynced {
    /// All of it has reached the disk: the mildest cut.
    Kept,
    /// None of it has.
    Dropped,
    /// Each sector, each length and each run of names has or has not, as chance will have it.
    Torn,
}

/// A disk that follows a trace, call by call.
#[derive(Debug, Default)]
pub struct Disk {
    files: Vec<File>,
    names: Names,
    durable: Names,
    /// Changes of names that no sync of their folder covers, with the number of the call.
    changing: Vec<(usize, Change)>,
    calls: usize,
}

type Names = BTreeMap<PathBuf, Node>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Debug, Clone)]
enum Change {
    Set(PathBuf, Node),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl Change {
    /// The folder whose sync makes it durable.
    fn folder(&self) -> Option<&Path> {
        match self {
            Self::Set(path, _) | Self::Rename(_, path) | Self::Remove(path) => path.parent(),
        }
    }

    fn apply(&self, names: &mut Names) {
        match self {
            Self::Set(path, node) => {
                names.insert(path.clone(), *node);
            }
            Self::Remove(path) => names.retain(|name, _| !name.starts_with(path)),
            Self::Rename(from, to) => {
                let moved: Vec<_> = names.keys().filter(|name| name.starts_with(from)).cloned().collect();
                if !moved.is_empty() {
                    names.retain(|name, _| !name.starts_with(to));
                }
                for name in moved {
                    let rest = name.strip_prefix(from).expect("it begins so");
                    let new = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                    let node = names.remove(&name).expect("it is there");
                    names.insert(new, node);
                }
            }
        }
    }
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Content,
    /// What no sync covers, with the number of the call.
    pending: Vec<(usize, Edit)>,
}

/// Bytes, and a length beyond them that is all zeros.
#[derive(Debug, Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    length: u64,
}

#[derive(Debug, Clone)]
enum Edit {
    Write(u64, Vec<u8>),
    Length(u64),
    AtLeast(u64),
}

impl Content {
    fn write(&mut self, offset: u64, bytes: &[u8]) {
        let (from, to) = (offset as usize, offset as usize + bytes.len());
        if self.bytes.len() < to {
            self.bytes.resize(to, 0);
        }
        self.bytes[from..to].copy_from_slice(bytes);
        self.length = self.length.max(to as u64);
    }

    fn set_length(&mut self, length: u64) {
        self.bytes.truncate(length as usize);
        self.length = length;
    }

    fn apply(&mut self, edit: &Edit) {
        match edit {
            Edit::Write(offset, bytes) => self.write(*offset, bytes),
            Edit::Length(length) => self.set_length(*length),
            Edit::AtLeast(length) => self.length = self.length.max(*length),
        }
    }

    /// Applies what of an edit has reached the disk.
    fn tear(&mut self, edit: &Edit, random: &mut Random) {
        let Edit::Write(offset, bytes) = edit else {
            if random.one_in(2) {
                self.apply(edit);
            }
            return;
        };
        let chance = *random.pick(&[0, 1, 2, 3, 4]);
        let end = offset + bytes.len() as u64;
        let mut at = *offset;
        while at < end {
            let next = (at / SECTOR * SECTOR + SECTOR).min(end);
            if random.below(4) < chance {
                self.write(at, &bytes[(at - offset) as usize..(next - offset) as usize]);
            }
            at = next;
        }
        // The length may have been written although the bytes were not.
        if random.one_in(4) {
            self.length = self.length.max(end);
        }
    }
}

impl Disk {
    /// Carries out the next call.
    pub fn follow(&mut self, call: &Call) {
        let number = self.calls;
        self.calls += 1;
        match &call.what {
            What::Open(path, opening) => {
                if opening.create && !self.names.contains_key(path) {
                    self.files.push(File::default());
                    self.change(number, Change::Set(path.clone(), Node::File(self.files.len() - 1)));
                }
                if opening.empty {
                    self.edit(number, path, Edit::Length(0));
                }
            }
            What::Write(path, offset, bytes) => {
                self.edit(number, path, Edit::Write(*offset, bytes.clone()));
            }
            What::Length(path, length) => self.edit(number, path, Edit::Length(*length)),
            What::AtLeast(path, length) => self.edit(number, path, Edit::AtLeast(*length)),
            What::Sync(path) => self.sync(path, call.after),
            What::Folder(path) => self.change(number, Change::Set(path.clone(), Node::Folder)),
            What::Rename(from, to) => self.rename(number, from, to),
            What::Remove(path) => self.change(number, Change::Remove(path.clone())),
        }
    }

    /// A file that goes into another folder is there once that folder is synced, whatever becomes of its old name.
    fn rename(&mut self, number: usize, from: &Path, to: &Path) {
        match self.names.get(from) {
            Some(node @ Node::File(_)) if from.parent() != to.parent() => {
                let set = Change::Set(to.to_owned(), *node);
                self.change(number, set);
                self.change(number, Change::Remove(from.to_owned()));
            }
            _ => self.change(number, Change::Rename(from.to_owned(), to.to_owned())),
        }
    }

    fn change(&mut self, number: usize, change: Change) {
        change.apply(&mut self.names);
        self.changing.push((number, change));
    }

    fn edit(&mut self, number: usize, path: &Path, edit: Edit) {
        // A file without a name, such as one that was replaced while open, leaves nothing.
        if let Some(Node::File(file)) = self.names.get(path) {
            self.files[*file].pending.push((number, edit));
        }
    }

    /// What was complete before the sync began is durable.
    fn sync(&mut self, path: &Path, covered: usize) {
        match self.names.get(path) {
            Some(Node::File(file)) => {
                let file = &mut self.files[*file];
                for (number, edit) in std::mem::take(&mut file.pending) {
                    if number < covered {
                        file.durable.apply(&edit);
                    } else {
                        file.pending.push((number, edit));
                    }
                }
            }
            _ => {
                for (number, change) in std::mem::take(&mut self.changing) {
                    if number < covered && change.folder() == Some(path) {
                        change.apply(&mut self.durable);
                    } else {
                        self.changing.push((number, change));
                    }
                }
            }
        }
    }

    /// Writes the folder as a power cut now can leave it.
    pub fn cut(&self, to: &Path, unsynced: Unsynced, random: &mut Random) {
        let mut names = self.durable.clone();
        let kept = match unsynced {
            Unsynced::Kept => self.changing.len(),
            Unsynced::Dropped => 0,
            // File systems keep the order of names in their own journal.
            Unsynced::Torn => random.below(self.changing.len() as u64 + 1) as usize,
        };
        self.changing[..kept].iter().for_each(|(_, change)| change.apply(&mut names));
        for (name, node) in names {
            let path = to.join(name);
            match node {
                Node::Folder => fs::create_dir_all(path).unwrap(),
                Node::File(file) => {
                    let content = self.files[file].after(unsynced, random);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(&path, &content.bytes).unwrap();
                    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
                    file.set_len(content.length).unwrap();
                }
            }
        }
    }
}

impl File {
    fn after(&self, unsynced: Unsynced, random: &mut Random) -> Content {
        let mut content = self.durable.clone();
        for (_, edit) in &self.pending {
            match unsynced {
                Unsynced::Kept => content.apply(edit),
                Unsynced::Dropped => {}
                Unsynced::Torn => content.tear(edit, random),
            }
        }
        content
    }
}
