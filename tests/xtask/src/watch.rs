//! A limit on what takes no end: says what hangs, ends it, and lets the rest of the run go on.
//!
//! A run that its caller has to cut off says nothing about the one thing that went wrong.

use std::collections::HashMap;
use std::fs;
use std::process::{Command, id};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Watches one step, until it is dropped.
pub struct Watch {
    fired: Arc<AtomicBool>,
    done: Option<Sender<()>>,
    watcher: Option<JoinHandle<()>>,
}

impl Watch {
    /// Gives the processes that this one starts from now on `minutes`.
    pub fn over(step: &str, minutes: u64) -> Watch {
        let (done, end) = channel();
        let step = step.to_owned();
        let fired = Arc::new(AtomicBool::new(false));
        let fires = Arc::clone(&fired);
        let watcher = thread::spawn(move || {
            // Again and again: what a step starts next may hang as well.
            while end.recv_timeout(Duration::from_secs(60 * minutes)) == Err(RecvTimeoutError::Timeout) {
                fires.store(true, Ordering::Relaxed);
                println!("{step}: no end after {minutes} minutes; killed:");
                for process in below(id()) {
                    println!("  {process}");
                    let _ = Command::new("kill").args(["-KILL", &process.pid.to_string()]).status();
                }
            }
        });
        Watch { fired, done: Some(done), watcher: Some(watcher) }
    }

    /// Whether something had to be ended.
    pub fn has_fired(&self) -> bool {
        self.fired.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.done.take());
        // It has nothing left to do but end; a panic of its own was printed.
        let _ = self.watcher.take().map(JoinHandle::join);
    }
}

/// A process, as far as it says what it is waiting for.
struct Process {
    pid: u32,
    parent: u32,
    line: String,
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Process { pid, parent, line } = self;
        write!(f, "{pid} (of {parent}) {line}")
    }
}

/// All processes below `first`, parents before children.
fn below(first: u32) -> Vec<Process> {
    let mut children: HashMap<u32, Vec<Process>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| look(name.parse().ok()?)) else {
            continue;
        };
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut parents = vec![first];
    while let Some(parent) = parents.pop() {
        for process in children.remove(&parent).into_iter().flatten() {
            parents.push(process.pid);
            found.push(process);
        }
    }
    found
}

fn look(pid: u32) -> Option<Process> {
    let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let status = read("status");
    let field =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map_or("", |value| value.trim());
    let parent = field("PPid:").parse().ok()?;
    let words: String = read("cmdline").replace('\0', " ").chars().take(200).collect();
    let (state, signals, call) = (field("State:"), field("SigQ:"), read("syscall"));
    let call = call.split(' ').next().unwrap_or_default().trim();
    let line = format!(
        "{state}, in {} (system call {call}), tracer {}, signals {signals}: {words}",
        read("wchan"),
        field("TracerPid:"),
    );
    Some(Process { pid, parent, line })
}

#[cfg(test)]
mod tests {
    use super::{Watch, below};
    use std::io::{Read, Write};
    use std::process::{Command, Stdio, id};

    #[test]
    fn children_are_found_with_what_they_run() {
        let _watch = Watch::over("nothing", 60);
        let mut child =
            Command::new("cat").arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // In the middle of its exec it runs nothing yet; it answers when that is done.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let found = below(id());
        child.kill().unwrap();
        child.wait().unwrap();
        let line = found.iter().find(|process| process.pid == child.id()).map(ToString::to_string);
        assert!(line.as_deref().is_some_and(|line| line.contains("cat -")), "{line:?}");
    }
}
