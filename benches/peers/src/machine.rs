//! What the operating system says of this process and its files (Linux).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The allocated bytes of every file below `dir`.
pub(crate) fn disk_bytes(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.symlink_metadata().unwrap() {
            meta if meta.is_dir() => disk_bytes(&path),
            meta => meta.blocks() * 512,
        })
        .sum()
}

/// The most memory that this process has had, in MiB.
pub(crate) fn peak_memory() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// The processor time that this process has used, in seconds, in steps of 10 ms.
pub(crate) fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // The second field is a name in brackets, which may hold anything; utime and stime are the 14th and 15th.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = |n: usize| fields.split(' ').nth(n).unwrap().parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

/// The flushes that the device of `dir` has completed, whoever asked for them. Zero where it is no block device.
pub(crate) fn device_flushes(dir: &Path) -> u64 {
    let device = fs::metadata(dir).unwrap().dev();
    // As the C library's major() and minor() of a Linux device number below 2^32.
    let (major, minor) = (device >> 8 & 0xFFF, device & 0xFF | device >> 12 & 0xF_FF00);
    let stats = fs::read_to_string("/proc/diskstats").unwrap_or_default();
    let mut lines = stats
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = lines.find(|f| {
        f.first() == Some(&&*major.to_string()) && f.get(1) == Some(&&*minor.to_string())
    });
    line.and_then(|fields| fields.get(18)?.parse().ok())
        .unwrap_or(0)
}
