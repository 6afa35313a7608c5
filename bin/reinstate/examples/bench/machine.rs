//! Where and with what was measured: the lines above the table, and figures of processes from the kernel.

use std::fs::read_to_string;
use std::process::Command;

/// The first line that a program prints; nothing where there is none.
pub(crate) fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}

/// Whether a program is there.
pub(crate) fn is_installed(program: &str) -> bool {
    first_line(program, &["--version"]).is_some()
}

/// Prints the machine, the commit, the databases and the command.
pub(crate) fn print_heading(postgres: &str) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<_> = load.split_whitespace().take(3).collect();
    let commit = first_line("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let build = if cfg!(debug_assertions) { ", a debug build: these figures mean nothing" } else { "" };
    // An address may hold a password.
    let shown = |argument: String| if argument.contains("://") { "URL".to_owned() } else { argument };
    let arguments: Vec<_> = std::env::args().skip(1).map(shown).collect();
    println!("- command: `just bench {}`", arguments.join(" "));
    println!("- machine: {cores} cores, {} MB of memory, kernel {}", memory_mb(), kernel.trim());
    println!("- load before: {}", load.join(" "));
    println!("- commit: {commit}{build}");
    println!("- SQLite {}, PostgreSQL {postgres}", crate::raw::sqlite_version());
}

fn memory_mb() -> u64 {
    figure(&read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal").map_or(0, |kib| kib / 1_024)
}

/// A figure in MiB that the kernel keeps of a process, such as `VmRSS` or `VmHWM`; `None` where there is no such
/// kernel or process.
pub(crate) fn memory_mib(process: u32, name: &str) -> Option<f64> {
    let status = read_to_string(format!("/proc/{process}/status")).ok()?;
    figure(&status, name).map(|kib| kib as f64 / 1_024.0)
}

/// Lets the kernel find the peak of a process's memory anew.
pub(crate) fn forget_peak(process: u32) -> std::io::Result<()> {
    std::fs::write(format!("/proc/{process}/clear_refs"), "5")
}

fn figure(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}
