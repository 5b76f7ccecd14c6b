//! What the kernel says of a process: CPU time and memory.

use std::{fs, io};

use crate::failure::{self, Failure};

/// Ticks per second in which Linux tells CPU times to programs, on every architecture (`USER_HZ`).
const TICKS: u64 = 100;

/// CPU time that the process has taken so far, in user and kernel mode, microseconds; exact to a hundredth of a second.
pub(super) fn cpu_micros(pid: u32) -> Result<u64, Failure> {
    let text = read(pid, "stat")?;
    cpu_ticks(&text).map(|ticks| ticks * (1_000_000 / TICKS)).ok_or_else(|| odd(pid, "stat"))
}

/// The most memory that the process has ever had resident, bytes.
pub(super) fn peak_memory(pid: u32) -> Result<u64, Failure> {
    let text = read(pid, "status")?;
    peak(&text).ok_or_else(|| odd(pid, "status"))
}

/// The memory that the process has resident now, bytes.
pub(super) fn memory(pid: u32) -> Result<u64, Failure> {
    let text = read(pid, "status")?;
    resident(&text, "VmRSS:").ok_or_else(|| odd(pid, "status"))
}

/// Fields 14 and 15 of `/proc/PID/stat`; the name of the program, in parentheses, may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let kernel: u64 = fields.next()?.parse().ok()?;
    Some(user + kernel)
}

fn peak(status: &str) -> Option<u64> {
    resident(status, "VmHWM:")
}

fn resident(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

fn read(pid: u32, file: &str) -> Result<String, Failure> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).map_err(|error| failure::local(&path, &error))
}

fn odd(pid: u32, file: &str) -> Failure {
    let error = io::Error::other("it does not look as Linux writes it");
    failure::local(&format!("/proc/{pid}/{file}"), &error)
}

#[cfg(test)]
mod tests {
    //! Figures of the wrong field look as good as the right ones.
    use super::*;

    #[test]
    fn cpu_time_is_user_and_kernel_whatever_the_program_is_called() {
        let stat = "42 (a ) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 31 7 8 20 0 5 0 100 1000 10";
        assert_eq!(cpu_ticks(stat), Some(281));
        assert_eq!(cpu_ticks("nonsense"), None);
    }

    #[test]
    fn peak_memory_is_the_high_water_mark() {
        let status = "Name:\tdeskwire\nVmPeak:\t 900000 kB\nVmHWM:\t   23456 kB\nVmRSS:\t   20000 kB\n";
        assert_eq!(peak(status), Some(23_456 * 1024));
        assert_eq!(peak("VmRSS:\t 1 kB\n"), None);
    }

    #[test]
    fn this_process_has_both() {
        let pid = std::process::id();
        assert!(peak_memory(pid).unwrap() > 1 << 20);
        assert!(cpu_micros(pid).is_ok());
        assert!(cpu_micros(u32::MAX).is_err());
    }
}
