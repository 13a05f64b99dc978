//! `--sys`: a sysfs that is the sandbox's where it can be, and never to be written to.

use stage::{Bench, View, Who, ended, everyone};

/// A tree that the host's is the base of, and one that is made.
const TREES: [&str; 2] = [
    "--ro-bind / / --proc /proc --sys /sys",
    "--ro-bind /usr /usr --ro-bind /tmp /tmp --symlink usr/lib64 /lib64 --proc /proc --sys /sys",
];

fn view(bench: &Bench, who: Who, options: &str, words: &[&str]) -> View {
    let mut job = bench.job(bench.bin("bwrap"), who);
    job.args(options.split_whitespace()).arg(bench.path("probe")).args(words);
    ended(&job.run().expect("a process"), 0)
}

/// The mounts on /sys and below, those that cover others last: place and flags.
fn mounts_of_sys(view: &View) -> Vec<(String, Vec<String>)> {
    let place_and_flags = |line: &str| {
        let (_, rest) = line.split_once(" on ")?;
        let mut words = rest.split(' ');
        let (place, flags) = (words.next()?, words.next()?);
        place.starts_with("/sys").then(|| (place.to_owned(), flags.split(',').map(str::to_owned).collect()))
    };
    view.text().lines().filter_map(place_and_flags).collect()
}

#[test]
fn with_a_network_namespace_it_is_fresh_and_shows_only_what_is_in_that() {
    let bench = Bench::set_up();
    for who in everyone() {
        for tree in TREES {
            let options = format!("--unshare-user --unshare-net {tree}");
            let mounts = mounts_of_sys(&view(&bench, who, &options, &["mounts"]));
            let (place, flags) = mounts.last().expect("a mount");
            assert_eq!(place, "/sys", "nothing is below it: {mounts:?}");
            for flag in ["ro", "nosuid", "nodev", "noexec"] {
                assert!(flags.iter().any(|other| other == flag), "{flag}: {mounts:?}");
            }
            let net = view(&bench, who, &options, &["ls", "/sys/class/net"]);
            let interfaces = net.text().lines().filter(|line| line.contains("/sys/class/net/")).count();
            assert!(interfaces == 1 && net.text().contains("/sys/class/net/lo"), "{}", net.text());
        }
    }
}

#[test]
fn with_the_hosts_network_it_is_the_hosts_and_read_only_all_the_way_down() {
    let bench = Bench::set_up();
    for tree in TREES {
        let seen = view(&bench, Who::User, &format!("--unshare-user {tree}"), &["mounts"]);
        let mounts = mounts_of_sys(&seen);
        // What `--ro-bind / /` has put there is covered by what comes later.
        let start = mounts.iter().rposition(|(place, _)| place == "/sys").expect("a mount on /sys");
        for (place, flags) in &mounts[start..] {
            for flag in ["ro", "nosuid", "nodev", "noexec"] {
                assert!(flags.iter().any(|other| other == flag), "{flag} of {place}: {mounts:?}");
            }
        }
    }
}
