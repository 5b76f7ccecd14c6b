//! Everything that a daemon asks of its disk, recorded by `strace` while it works: each write with its bytes, each sync, each name.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::binary::deskwire;

/// The calls that change what a power cut leaves.
const CALLS: &str = "openat,write,pwrite64,pwritev,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,ftruncate,\
                     fallocate,mkdir,mkdirat,rmdir,lseek,writev,pwritev2,copy_file_range,sendfile,truncate,link,linkat";

/// One completed call.
#[derive(Debug, Clone)]
pub struct Call {
    /// When it began, microseconds since 1970.
    pub begun: u64,
    /// So many calls were complete when it began: a sync covers those alone.
    pub after: usize,
    /// What was asked for.
    pub what: What,
}

/// What a daemon asks of its disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A file was opened, created if it was missing, perhaps emptied.
    Open(PathBuf, Opening),
    /// Bytes were written.
    Write(PathBuf, u64, Vec<u8>),
    /// A file was given this length.
    Length(PathBuf, u64),
    /// A file has at least this length from now on.
    AtLeast(PathBuf, u64),
    /// A file or a folder was synced.
    Sync(PathBuf),
    /// A folder was made.
    Folder(PathBuf),
    /// A name was given to something else.
    Rename(PathBuf, PathBuf),
    /// A name was taken away.
    Remove(PathBuf),
}

/// How a file was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// `O_CREAT`.
    pub create: bool,
    /// `O_TRUNC`.
    pub empty: bool,
}

/// Whether `strace` is installed and may be used here.
#[must_use]
pub fn is_possible() -> bool {
    let tried = std::process::Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).output();
    tried.is_ok_and(|output| output.status.success())
}

/// Makes a program that is `deskwire` with every call for the disk written to `log`.
#[must_use]
pub fn traced(folder: &Path, log: &Path) -> PathBuf {
    let options = format!(
        "--seccomp-bpf -y -xx -s 4000000 -ttt -e quiet=attach,exit,path-resolution -e trace={CALLS} -o '{}'",
        log.display()
    );
    program(folder, "deskwire-traced", &options)
}

/// Makes a program that is `deskwire` on a disk that breaks: the sync with this number, counted in each thread, and all
/// later ones fail with `EIO`.
#[must_use]
pub fn failing(folder: &Path, sync: u32) -> PathBuf {
    let syncs = "fsync,fdatasync";
    let options =
        format!("--seccomp-bpf -e trace={syncs} -e inject={syncs}:error=EIO:when={sync}+ -o /dev/null");
    program(folder, "deskwire-failing", &options)
}

/// `deskwire` under `strace`. It has the process id of the daemon, so that it can be killed as one.
fn program(folder: &Path, name: &str, options: &str) -> PathBuf {
    let program = folder.join(name);
    let script =
        format!("#!/bin/sh\nexec strace -D -f {options} -e signal=none '{}' \"$@\"\n", deskwire().display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

/// Reads what was recorded of the names below `folder`, which is absolute.
#[must_use]
pub fn read(log: &Path, folder: &Path) -> Vec<Call> {
    let text = fs::read_to_string(log).unwrap();
    let mut reading = Reading { folder, calls: Vec::new(), begun: HashMap::new(), places: HashMap::new() };
    text.lines().for_each(|line| reading.line(line));
    reading.calls
}

struct Reading<'a> {
    folder: &'a Path,
    calls: Vec<Call>,
    /// Calls of threads that were interrupted while they were written down.
    begun: HashMap<&'a str, (u64, usize, String)>,
    /// Where the next `write` goes.
    places: HashMap<PathBuf, u64>,
}

impl<'a> Reading<'a> {
    /// `PID SECONDS.MICROSECONDS call(arguments) = result`, in one line or in two.
    fn line(&mut self, line: &'a str) {
        let Some((thread, rest)) = line.split_once(' ') else { return };
        let Some((time, text)) = rest.trim_start().split_once(' ') else { return };
        let Some(time) = micros(time) else { return };
        if let Some(first) = text.strip_suffix(" <unfinished ...>") {
            self.begun.insert(thread, (time, self.calls.len(), first.to_owned()));
        } else if let Some((_, last)) =
            text.strip_prefix("<... ").and_then(|text| text.split_once(" resumed>"))
        {
            let Some((begun, after, first)) = self.begun.remove(thread) else { return };
            self.call(begun, after, &(first + last));
        } else {
            self.call(time, self.calls.len(), text);
        }
    }

    fn call(&mut self, begun: u64, after: usize, text: &str) {
        let Some((name, rest)) = text.split_once('(') else { return };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { return };
        if result.starts_with('-') || result.starts_with('?') {
            return;
        }
        let arguments = Arguments(arguments.trim_end().trim_end_matches(')'));
        let Some(what) = self.what(name, arguments, result) else { return };
        self.calls.push(Call { begun, after, what });
    }

    fn what(&mut self, name: &str, arguments: Arguments<'_>, result: &str) -> Option<What> {
        let path = self.inside(match name {
            "openat" => opened(result)?,
            "rename" | "unlink" | "mkdir" | "rmdir" => arguments.text(0)?,
            "renameat" | "renameat2" | "unlinkat" | "mkdirat" => arguments.text(1)?,
            _ => arguments.file()?,
        })?;
        match name {
            "openat" => {
                let flags = arguments.get(2)?;
                let has = |flag| flags.split('|').any(|given| given == flag);
                self.places.insert(path.clone(), 0);
                Some(What::Open(path, Opening { create: has("O_CREAT"), empty: has("O_TRUNC") }))
            }
            "write" => {
                let bytes = arguments.bytes(1)?;
                let place = self.places.entry(path.clone()).or_default();
                let offset = std::mem::replace(place, *place + bytes.len() as u64);
                Some(What::Write(path, offset, bytes))
            }
            "lseek" => {
                self.places.insert(path, result.trim().parse().ok()?);
                None
            }
            "pwrite64" => {
                let bytes = arguments.bytes(1)?;
                assert_eq!(arguments.number(2), Some(bytes.len() as u64), "the trace cuts what is written");
                Some(What::Write(path, arguments.number(3)?, bytes))
            }
            "pwritev" => {
                let (bytes, offset) = arguments.vectors()?;
                assert_eq!(result.trim().parse().ok(), Some(bytes.len()), "the trace cuts what is written");
                Some(What::Write(path, offset, bytes))
            }
            "fsync" | "fdatasync" => Some(What::Sync(path)),
            "ftruncate" => Some(What::Length(path, arguments.number(1)?)),
            "fallocate" => match arguments.get(1)? {
                "0" => Some(What::AtLeast(path, arguments.number(2)? + arguments.number(3)?)),
                "FALLOC_FL_KEEP_SIZE" => None,
                // A hole: as good as zeros, which is what a power cut may leave of it or not.
                _ => {
                    let zeros = vec![0; usize::try_from(arguments.number(3)?).ok()?];
                    Some(What::Write(path, arguments.number(2)?, zeros))
                }
            },
            "mkdir" | "mkdirat" => Some(What::Folder(path)),
            "unlink" | "unlinkat" | "rmdir" => Some(What::Remove(path)),
            "rename" => Some(What::Rename(path, self.inside(arguments.text(1)?)?)),
            "renameat" | "renameat2" => Some(What::Rename(path, self.inside(arguments.text(3)?)?)),
            _ => panic!("the daemon changes its disk by {name}, which is not followed here"),
        }
    }

    /// A name relative to the folder, if it lies inside.
    fn inside(&self, name: Vec<u8>) -> Option<PathBuf> {
        let name = PathBuf::from(String::from_utf8(name).ok()?);
        name.strip_prefix(self.folder).ok().map(Path::to_owned)
    }
}

/// The arguments of a call, every string in them written as `\x41\x42`.
#[derive(Clone, Copy)]
struct Arguments<'a>(&'a str);

impl<'a> Arguments<'a> {
    fn get(self, place: usize) -> Option<&'a str> {
        self.0.split(", ").nth(place).map(str::trim)
    }

    fn number(self, place: usize) -> Option<u64> {
        self.get(place)?.parse().ok()
    }

    fn bytes(self, place: usize) -> Option<Vec<u8>> {
        let text = self.get(place)?;
        assert!(!text.ends_with("..."), "the trace cuts what is written");
        unescape(text.trim_matches('"'))
    }

    /// The bytes of `11<...>, [{iov_base="...", iov_len=2}, ...], 1, OFFSET`, and where they go.
    fn vectors(self) -> Option<(Vec<u8>, u64)> {
        let mut bytes = Vec::new();
        for vector in self.0.split("iov_base=\"").skip(1) {
            bytes.extend(unescape(vector.split_once('"')?.0)?);
        }
        Some((bytes, self.0.rsplit(", ").next()?.parse().ok()?))
    }

    fn text(self, place: usize) -> Option<Vec<u8>> {
        self.bytes(place)
    }

    /// The name of the file whose descriptor is the first argument: `11<\x2f\x74>`.
    fn file(self) -> Option<Vec<u8>> {
        opened(self.get(0)?)
    }
}

fn opened(descriptor: &str) -> Option<Vec<u8>> {
    let (_, name) = descriptor.split_once('<')?;
    unescape(name.split_once('>')?.0)
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    text.split("\\x").skip(1).map(|digits| u8::from_str_radix(digits, 16).ok()).collect()
}

fn micros(time: &str) -> Option<u64> {
    let (seconds, micros) = time.split_once('.')?;
    Some(seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?)
}
