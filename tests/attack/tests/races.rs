//! Rename races: somebody replaces names in a tree that is bound, over and over, while launches work in it. The host
//! must not change, whatever becomes of the launches.
//!
//! The number of launches is fixed; with SALLYPORT_LONG=1 they go on for ten seconds a race.

use attack::hostile::bwrap;
use attack::trap::{OPERATIONS, Trap, words};
use stage::{Bench, Who, everyone, explain, refused};
use std::ffi::CString;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::{End, Fd};

/// Launches of a race, in every run.
const LAUNCHES: usize = 60;

/// Runs `launch` with numbers from 0 on while another thread does `swap` without a pause; gives how many swaps there
/// were.
fn race(swap: impl Fn() + Send + Sync, mut launch: impl FnMut(usize)) -> u64 {
    let (stop, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    let long = std::env::var_os("SALLYPORT_LONG").is_some_and(|value| value == "1");
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                swap();
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Also when a launch panics: the scope waits for the thread.
        struct Stop<'s>(&'s AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _stop = Stop(&stop);
        let end = Instant::now() + Duration::from_secs(10);
        for number in 0.. {
            if number >= LAUNCHES && !(long && Instant::now() < end) {
                println!("{number} launches");
                break;
            }
            launch(number);
        }
    });
    swaps.into_inner()
}

/// Exchanges two names (renameat2(2), RENAME_EXCHANGE).
fn exchange(a: &Path, b: &Path) -> impl Fn() + Send + Sync + use<> {
    let [a, b] = [a, b].map(|path| CString::new(path.as_os_str().as_bytes()).unwrap());
    move || {
        // SAFETY: two NUL-ended paths, live to the return.
        let result = unsafe {
            libc::renameat2(libc::AT_FDCWD, a.as_ptr(), libc::AT_FDCWD, b.as_ptr(), libc::RENAME_EXCHANGE)
        };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }
}

fn give(path: &Path, who: Who) {
    if support::is_root() {
        std::os::unix::fs::lchown(path, Some(who.uid()), Some(who.uid())).unwrap();
    }
}

/// A part of a destination's path is a directory when it is looked at and a link to the host's when it is used.
#[test]
fn cve_2021_30465_a_directory_that_becomes_a_link_takes_no_operation_to_the_host() {
    let bench = Bench::set_up();
    for who in everyone() {
        let trap = Trap::set(&bench, who);
        let (dir, link) = (trap.tree.join("swapped"), trap.tree.join("swapped-link"));
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("file"), "in the tree\n").unwrap();
        fs::create_dir(dir.join("dir")).unwrap();
        symlink(&trap.victim, &link).unwrap();
        for path in [&dir, &link, &dir.join("file"), &dir.join("dir")] {
            give(path, who);
        }
        let top = trap.tree.to_str().unwrap();
        let below = ["", "/dir", "/file", "/made", "/dir/deep/er"];
        let mut ran = 0;
        let swaps = race(exchange(&dir, &link), |number| {
            let (name, operation) = OPERATIONS[number % OPERATIONS.len()];
            let root = if (number / OPERATIONS.len()).is_multiple_of(2) { "/app" } else { "" };
            let dest = format!("{root}/swapped{}", below[number / 7 % below.len()]);
            let mut job = bwrap(&bench, who, &["--bind", top, if root.is_empty() { "/" } else { root }]);
            job.arg("--unshare-pid").args(words(operation, &dest, top));
            job.arg("--ro-bind").arg(bench.path("probe")).args(["/.p", "/.p", "exit", "0"]);
            job.fds.insert(30, Fd::File(b"evil\n".to_vec()));
            let seen = job.run().unwrap();
            let what = || format!("{who:?} {name} at {dest}: {}", explain(&seen));
            assert!(matches!(seen.status, End::Exit(0 | 1)) && seen.leftovers.is_empty(), "{}", what());
            ran += usize::from(seen.status == End::Exit(0));
        });
        trap.assert_untouched("a directory that becomes a link");
        println!("{who:?}: {swaps} swaps, {ran} ran");
        assert!(swaps > 1000 && ran > 0, "{swaps} swaps, {ran} ran: no race");
    }
}

/// A directory on the way is moved out of the tree, to beside the host's, while ".." in a destination is looked up.
#[test]
fn a_directory_that_is_moved_out_of_the_tree_takes_no_destination_along() {
    let bench = Bench::set_up();
    for who in everyone() {
        let trap = Trap::set(&bench, who);
        let outside = bench.dir(&format!("outside-{}", who.uid()), who);
        // Two directories change places: one below the tree, one beside the victim.
        let (inner, outer) = (trap.tree.join("a/b"), outside.join("b"));
        fs::create_dir_all(inner.join("c")).unwrap();
        fs::create_dir_all(outer.join("c")).unwrap();
        for path in [trap.tree.join("a"), inner.clone(), inner.join("c"), outer.clone(), outer.join("c")] {
            give(&path, who);
        }
        let above = trap.victim.file_name().unwrap().to_str().unwrap().to_owned();
        let top = trap.tree.to_str().unwrap();
        let swaps = race(exchange(&inner, &outer), |number| {
            let (name, operation) = OPERATIONS[number % OPERATIONS.len()];
            // From outside/b/c two up and down again would be the victim.
            let dest = format!("/app/a/b/c/../../../{above}/made");
            let mut job = bwrap(&bench, who, &["--bind", top, "/app", "--unshare-pid"]);
            job.args(words(operation, &dest, top));
            job.arg("--ro-bind").arg(bench.path("probe")).args(["/.p", "/.p", "exit", "0"]);
            job.fds.insert(30, Fd::File(b"evil\n".to_vec()));
            let seen = job.run().unwrap();
            let what = || format!("{who:?} {name}: {}", explain(&seen));
            assert!(matches!(seen.status, End::Exit(0 | 1)) && seen.leftovers.is_empty(), "{}", what());
        });
        trap.assert_untouched("a directory that is moved out");
        assert!(swaps > 1000, "{swaps} swaps: no race");
    }
}

/// The same between two destinations in one directory: that of the first is none to keep for the second.
#[test]
fn a_directory_that_is_moved_out_between_two_operations_takes_the_second_not_along() {
    let bench = Bench::set_up();
    for who in everyone() {
        let top = bench.dir(&format!("top-{}", who.uid()), who);
        let outside = bench.dir(&format!("outside-{}", who.uid()), who);
        let (inner, moved) = (top.join("sub"), outside.join("sub"));
        fs::create_dir(&inner).unwrap();
        give(&inner, who);
        let mut job = bwrap(&bench, who, &["--unshare-pid", "--bind", top.to_str().unwrap(), "/d"]);
        // What fs-build reads from here is not there yet.
        job.args(["--file", "30", "/d/sub/first", "--dir", "/d/sub/second"]);
        job.arg("--ro-bind").arg(bench.path("probe")).args(["/.p", "/.p", "exit", "0"]);
        job.fds.insert(30, Fd::In);
        let mut live = job.start().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !inner.join("first").exists() && Instant::now() < deadline {
            thread::yield_now();
        }
        fs::rename(&inner, &moved).unwrap();
        live.close(30);
        let seen = live.finish().unwrap();
        assert_eq!(seen.status, End::Exit(0), "{who:?}: {}", explain(&seen));
        assert!(inner.join("second").exists() && !moved.join("second").exists(), "{who:?}");
    }
}

/// A source that is checked, then replaced by a link to what the caller can read and the sandbox must not.
#[test]
fn cve_2024_42472_and_cve_2026_34078_a_source_that_is_replaced_all_the_time_shows_what_was_checked() {
    let bench = Bench::set_up();
    for who in everyone() {
        let top = bench.dir(&format!("shared-{}", who.uid()), who);
        let secret = bench.dir(&format!("secret-{}", who.uid()), who);
        fs::write(secret.join("key"), "secret\n").unwrap();
        let (data, link) = (top.join("data"), top.join("link"));
        fs::create_dir(&data).unwrap();
        fs::write(data.join("public"), "public\n").unwrap();
        symlink(&secret, &link).unwrap();
        give(&data, who);
        let checked = File::open(&data).unwrap();
        let (mut shown, mut refusals) = (0, 0);
        let swaps = race(exchange(&data, &link), |number| {
            let option = ["--bind-fd", "--ro-bind-fd"][number % 2];
            let mut job = bwrap(&bench, who, &["--unshare-pid", option, "30", "/data"]);
            job.arg("--ro-bind").arg(bench.path("probe")).args(["/probe", "/probe", "ls", "/data"]);
            job.fds.insert(30, bench.keep(checked.try_clone().unwrap().into()));
            let seen = job.run().unwrap();
            let text = String::from_utf8_lossy(&seen.stdout).into_owned();
            assert!(!text.contains("key"), "{who:?} {option}: {text}");
            if seen.status == End::Exit(0) {
                assert!(text.contains("/data/public"), "{who:?} {option}: {text}");
                shown += 1;
            } else {
                refused(&seen);
                refusals += 1;
            }
        });
        println!("{who:?}: {swaps} swaps, {shown} showed what was checked, {refusals} refused");
        assert!(swaps > 1000, "{swaps} swaps: no race");
    }
}

/// The place of a file that is mounted over is a link when the mount is made.
#[test]
fn cve_2025_31133_a_mask_over_a_file_that_becomes_a_link_covers_nothing_of_the_host() {
    let bench = Bench::set_up();
    for who in everyone() {
        let trap = Trap::set(&bench, who);
        let (file, link) = (trap.tree.join("masked"), trap.tree.join("masked-link"));
        fs::write(&file, "in the tree\n").unwrap();
        symlink(trap.victim.join("file"), &link).unwrap();
        if support::is_root() {
            chown(&file, Some(who.uid()), Some(who.uid())).unwrap();
        }
        let (top, victim) = (trap.tree.to_str().unwrap(), trap.victim.to_str().unwrap());
        let swaps = race(exchange(&file, &link), |number| {
            let masks: [&[&str]; 3] = [
                &["--ro-bind", "/dev/null", "/app/masked"],
                &["--ro-bind-data", "30", "/app/masked"],
                &["--bind", "TREE/real/file", "/app/masked"],
            ];
            let mask = words(masks[number % masks.len()], "", top);
            // The victim is in the sandbox too, read only: a mask that was led astray would show there.
            let mut job =
                bwrap(&bench, who, &["--ro-bind", victim, "/victim", "--bind", top, "/app", "--unshare-pid"]);
            job.args(mask).arg("--ro-bind").arg(bench.path("probe"));
            job.args(["/.p", "/.p", "ls", "/victim/file"]);
            job.fds.insert(30, Fd::File(b"mask\n".to_vec()));
            let seen = job.run().unwrap();
            if seen.status == End::Exit(0) {
                let text = String::from_utf8_lossy(&seen.stdout).into_owned();
                assert!(text.contains("\"untouched\\n\""), "{who:?}: {text}");
            } else {
                refused(&seen);
            }
        });
        trap.assert_untouched("a mask");
        assert!(swaps > 1000, "{swaps} swaps: no race");
    }
}
