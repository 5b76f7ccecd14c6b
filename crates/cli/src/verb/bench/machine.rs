//! The machine on which something was measured, as far as it is known cheaply.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::Instant,
};

use serde::Serialize;

use super::spread::Spread;

/// The machine, the file system of the folder, and the build of this program.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    /// Processors that this process may use.
    cores: usize,
    /// What they call themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<String>,
    /// Version of the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<String>,
    /// File system of the folder, such as `ext4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_system: Option<String>,
    /// Whether the disk turns; absent when there is none or nobody says.
    #[serde(skip_serializing_if = "Option::is_none")]
    rotational: Option<bool>,
    /// Milliseconds that appending 4 KiB and `fdatasync` take there.
    sync: Spread,
    /// Whether this program was built for speed.
    release: bool,
}

impl Machine {
    /// Looks at the machine and at the file system of the folder.
    pub(super) fn look(folder: &Path) -> io::Result<Self> {
        let device = fs::metadata(folder)?.dev();
        let device = format!("{}:{}", major(device), minor(device));
        let line = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu: line("/proc/cpuinfo").as_deref().and_then(model),
            kernel: line("/proc/sys/kernel/osrelease"),
            file_system: line("/proc/self/mountinfo").as_deref().and_then(|text| file_system(text, &device)),
            rotational: rotational(&device),
            sync: sync(folder)?,
            release: !cfg!(debug_assertions),
        })
    }

    /// Processors that this process may use.
    pub(super) fn cores(&self) -> usize {
        self.cores
    }

    /// In one line.
    pub(super) fn render(&self) -> String {
        let mut parts = vec![format!("{} cores", self.cores)];
        parts.extend(self.cpu.clone());
        parts.extend(self.kernel.as_ref().map(|kernel| format!("Linux {kernel}")));
        parts.extend(self.file_system.clone());
        parts.extend(self.rotational.map(|turns| {
            if turns { "a rotational disk, as the kernel says" } else { "no rotational disk" }.to_owned()
        }));
        parts.push(format!("fdatasync {:.2} ms", self.sync.p50));
        if !self.release {
            parts.push("a debug build: these figures mean little".to_owned());
        }
        parts.join(" · ")
    }
}

/// How long the disk takes for what the journal does to it.
fn sync(folder: &Path) -> io::Result<Spread> {
    const ROUNDS: usize = 40;
    let path = folder.join("sync-probe");
    let mut file = OpenOptions::new().create_new(true).append(true).open(&path)?;
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        file.write_all(&[0x5a; 4096])?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    fs::remove_file(&path)?;
    Ok(Spread::of(times))
}

fn model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

/// The type that stands behind the single hyphen, in the last line of this device: what was mounted last lies on top.
fn file_system(mountinfo: &str, device: &str) -> Option<String> {
    let mut lines = mountinfo.lines().filter(|line| line.split_whitespace().nth(2) == Some(device));
    let (_, rest) = lines.next_back()?.split_once(" - ")?;
    rest.split_whitespace().next().map(str::to_owned)
}

/// Whether the disk turns; a partition has this from its disk.
fn rotational(device: &str) -> Option<bool> {
    let base = format!("/sys/dev/block/{device}");
    let text = fs::read_to_string(format!("{base}/queue/rotational"))
        .or_else(|_| fs::read_to_string(format!("{base}/../queue/rotational")))
        .ok()?;
    match text.trim() {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// The two halves of a device number, as Linux packs them.
fn major(device: u64) -> u64 {
    (device >> 8 & 0xfff) | (device >> 32 & 0xffff_f000)
}

fn minor(device: u64) -> u64 {
    (device & 0xff) | (device >> 12 & 0xffff_ff00)
}

#[cfg(test)]
mod tests {
    //! Figures of a memory disk that are taken for those of a real one mislead whoever buys a machine by them.
    use super::*;

    #[test]
    fn the_file_system_is_that_of_the_device() {
        let mounts = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
                      30 22 0:25 / /tmp rw,nosuid shared:5 - tmpfs tmpfs rw,size=8g\n";
        assert_eq!(file_system(mounts, "254:0").as_deref(), Some("ext4"));
        assert_eq!(file_system(mounts, "0:25").as_deref(), Some("tmpfs"));
        assert_eq!(file_system(mounts, "8:1"), None);
        assert_eq!((major(0xfe00), minor(0xfe00)), (254, 0));
        assert_eq!((major(0x10_0801), minor(0x10_0801)), (8, 257));
    }

    #[test]
    fn the_processor_is_named_as_it_names_itself() {
        assert_eq!(model("processor\t: 0\nmodel name\t: Fast 9000\n").as_deref(), Some("Fast 9000"));
        assert_eq!(model("processor\t: 0\n"), None);
    }

    #[test]
    fn this_machine_can_be_looked_at_and_nothing_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::look(folder.path()).unwrap();
        assert!(
            machine.render().contains("cores") && machine.render().contains("fdatasync"),
            "{}",
            machine.render()
        );
        assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
    }
}
