//! A host with many mounts, made in a user and mount namespace of our own that ends with the process in it.

use crate::launch::Res;
use crate::rows::Samples;
use crate::scenario::Scenario;
use crate::worker::{Plan, measure as measure_scenario};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Measures `--ro-bind / /` with `count` mounts more, in a process of its own.
pub fn measure(plan: &Plan, count: usize) -> Res<(Samples, Vec<String>)> {
    let json = serde_json::to_string(plan).map_err(|e| e.to_string())?;
    let child = Command::new(&plan.files.bench)
        .args(["--make-mounts", &count.to_string(), "--plan", &json])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("starting the process with {count} mounts: {e}"))?;
    let output = child.wait_with_output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(format!("the process with {count} mounts: {}", output.status));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| format!("the process with {count} mounts: {e}"))
}

/// In that process: makes the mounts, then starts anew, for the exec to take the namespace's capabilities away.
pub fn make(plan: &Plan, count: usize) -> Res<()> {
    let files = &plan.files;
    let fault = |what: &str, e: &dyn std::fmt::Display| format!("{what}: {e}");
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).map_err(|e| fault("unshare", &e))?;
    for (file, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{0} {0} 1", files.uid)),
        ("gid_map", format!("{0} {0} 1", files.gid)),
    ] {
        fs::write(format!("/proc/self/{file}"), text).map_err(|e| fault(file, &e))?;
    }
    // As init systems leave it: every mount shared.
    let none = None::<&str>;
    let shared = MsFlags::MS_REC | MsFlags::MS_SHARED;
    mount(none, "/", none, shared, none).map_err(|e| fault("making mounts shared", &e))?;
    let base = files.at("mounts");
    mount(Some("tmpfs"), base.as_str(), Some("tmpfs"), MsFlags::empty(), none)
        .map_err(|e| fault("tmpfs", &e))?;
    for number in 0..count {
        let folder = format!("{base}/{number}");
        fs::create_dir(&folder).map_err(|e| fault(&folder, &e))?;
        mount(Some(folder.as_str()), folder.as_str(), none, MsFlags::MS_BIND, none)
            .map_err(|e| fault(&folder, &e))?;
    }
    let json = serde_json::to_string(plan).map_err(|e| e.to_string())?;
    let error = Command::new(&files.bench).args(["--among-mounts", "--plan", &json]).exec();
    Err(format!("starting anew: {error}"))
}

/// Started anew: measures, and prints the samples.
pub fn among(plan: &Plan) -> Res<()> {
    let result = measure_scenario(plan, &Scenario::ro_root(&plan.files))?;
    println!("{}", serde_json::to_string(&result).map_err(|e| e.to_string())?);
    Ok(())
}
