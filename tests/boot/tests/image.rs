//! A stock Debian image with systemd, booted by an ordinary user in one command.
//!
//! Long: the first run makes the image from Debian's packages. `SALLYPORT_LONG=1 cargo xtask test boot` runs it.

use boot::{Booted, Cgroup, Host, Image};
use stage::skip;
use std::time::Instant;
use support::End;

const SIGRTMIN_PLUS_3: i32 = 37;

/// An unpacked image; says SKIP where that cannot be.
fn set_up() -> Option<(Host, Image)> {
    if std::env::var_os("SALLYPORT_LONG").is_none() {
        skip("boots a Debian image: SALLYPORT_LONG=1 cargo xtask test boot");
        return None;
    }
    let host = Host::set_up()?;
    let image = Image::unpacked(&host)?;
    Some((host, image))
}

/// The end of the launch, and that nothing is left of it.
#[track_caller]
fn ended(mut booted: Booted, cgroup: &Cgroup) -> (End, String) {
    assert_eq!(booted.live.settle(), 0, "a process is left");
    assert_eq!(cgroup.children(), Vec::<String>::new(), "a cgroup is left");
    let seen = booted.live.finish().expect("its end");
    (seen.status, String::from_utf8_lossy(&seen.stderr).into_owned())
}

#[test]
fn a_stock_image_boots_serves_stops_and_leaves_nothing() {
    let Some((host, image)) = set_up() else { return };
    for turn in ["first", "second"] {
        let cgroup = host.delegated();
        let start = Instant::now();
        let booted = Booted::start(&host, &image, &cgroup, &[]);
        booted.wait_until_ready();
        println!("{turn} boot: ready after {} ms", start.elapsed().as_millis());
        assert_eq!(booted.inside(&host, &cgroup, &["systemctl", "is-system-running", "--wait"]), "running\n");
        let failed = booted.inside(&host, &cgroup, &["systemctl", "--failed", "--no-legend", "--plain"]);
        assert_eq!(failed, "");
        let page = booted.inside(&host, &cgroup, &["curl", "--silent", "http://127.0.0.1/"]);
        assert!(page.contains("<title>Welcome to nginx!</title>"), "{page}");
        // Nothing of the host's network is there.
        let links = booted.inside(&host, &cgroup, &["ls", "/sys/class/net"]);
        assert_eq!(links, "lo\n");
        booted.signal(SIGRTMIN_PLUS_3);
        assert_eq!(ended(booted, &cgroup), (End::Exit(0), String::new()), "{turn}");
    }
}

#[test]
fn file_capabilities_are_unpacked_as_those_of_the_images_root() {
    let Some(host) = Host::set_up() else { return };
    if !std::path::Path::new("/usr/bin/newuidmap").exists() {
        skip("newuidmap is not installed (package uidmap)");
        return;
    }
    let cgroup = host.delegated();
    let dir = host.bench.dir("unpacked", stage::Who::User);
    let options = "--uid-map auto --gid-map auto --uid 0 --gid 0 --cap-add ALL --dev-bind / /";
    // An archive as mmdebstrap makes it of ping: CAP_NET_RAW, in the version without a root's id.
    let pack = "cd \"$0\" && mkdir from to && cp /bin/true from/ping && python3 -c \"import os; \
                os.setxattr('from/ping', 'security.capability', bytes.fromhex('0100000200200000' + '00' * 12))\" && \
                tar -C from --xattrs --xattrs-include='*' -cf - ping | \"$@\" to && \
                python3 -c \"import os; print(os.getxattr('to/ping', 'security.capability').hex())\"";
    let mut words: Vec<String> = options.split(' ').map(str::to_owned).collect();
    words.extend(["sh".into(), "-c".into(), pack.into(), dir.to_str().expect("a path of ours").into()]);
    words.extend(boot::unpack_line());
    let seen = host.bwrap(&cgroup, &words).run().expect("a process");
    let out = String::from_utf8_lossy(&seen.stdout).into_owned();
    assert!(out.starts_with("0100000200200000"), "{out}{}", String::from_utf8_lossy(&seen.stderr));
}

#[test]
fn the_inits_own_exit_status_is_the_launchs() {
    let Some((host, image)) = set_up() else { return };
    let cgroup = host.delegated();
    let booted = Booted::start(&host, &image, &cgroup, &[]);
    booted.wait_until_ready();
    booted.inside(&host, &cgroup, &["systemctl", "exit", "7"]);
    assert_eq!(ended(booted, &cgroup), (End::Exit(7), String::new()));
}

#[test]
fn power_off_and_reboot_have_statuses_of_their_own() {
    let Some((host, image)) = set_up() else { return };
    let cgroup = host.delegated();
    // Without the capability the init ends by itself, as the line has it.
    let without = &["--cap-drop", "CAP_SYS_BOOT"][..];
    for (options, verb, status) in
        [(&[][..], "poweroff", 0), (&[], "reboot", 133), (without, "poweroff", 0), (without, "reboot", 0)]
    {
        let booted = Booted::start(&host, &image, &cgroup, options);
        booted.wait_until_ready();
        booted.inside(&host, &cgroup, &["systemctl", verb]);
        assert_eq!(ended(booted, &cgroup), (End::Exit(status), String::new()), "{options:?} {verb}");
    }
}

#[test]
fn a_killed_launcher_or_init_leaves_nothing() {
    let Some((host, image)) = set_up() else { return };
    let cgroup = host.delegated();
    let booted = Booted::start_line(&host, &cgroup, boot::readme_line(&image.root));
    booted.wait_until_ready();
    booted.live.kill(libc::SIGKILL);
    assert_eq!(ended(booted, &cgroup).0, End::Signal(libc::SIGKILL));
    // And in the middle of a boot.
    let booted = Booted::start(&host, &image, &cgroup, &["--die-with-parent"]);
    booted.live.kill(libc::SIGKILL);
    assert_eq!(ended(booted, &cgroup).0, End::Signal(libc::SIGKILL));
    let booted = Booted::start(&host, &image, &cgroup, &[]);
    booted.wait_until_ready();
    booted.signal(libc::SIGKILL);
    assert_eq!(ended(booted, &cgroup), (End::Exit(137), String::new()));
}

#[test]
fn a_launcher_that_is_asked_to_stop_stops_its_init_in_order() {
    let Some((host, image)) = set_up() else { return };
    let cgroup = host.delegated();
    let options = ["--forward-signals", "--stop-signal", "SIGRTMIN+3"];
    let booted = Booted::start(&host, &image, &cgroup, &options);
    booted.wait_until_ready();
    booted.live.kill(libc::SIGTERM);
    assert_eq!(ended(booted, &cgroup), (End::Exit(0), String::new()));
}

#[test]
fn a_login_is_offered_on_the_console() {
    let Some((host, image)) = set_up() else { return };
    let cgroup = host.delegated();
    let mut booted = Booted::start(&host, &image, &cgroup, &["--console"]);
    assert!(booted.live.wait_for(1, " login: "), "{}", String::from_utf8_lossy(booted.live.output(1)));
    booted.signal(SIGRTMIN_PLUS_3);
    assert_eq!(ended(booted, &cgroup), (End::Exit(0), String::new()));
}

/// The line of the article that this began with, for an image with another web server: hierarchies of version 1 bound
/// from the host, no cgroup namespace, a root that is read-only in the end.
#[test]
fn the_articles_own_line_boots_where_its_hierarchy_is_delegated() {
    let Some((host, image)) = set_up() else { return };
    let Some(cgroup) = host.delegated_v1() else { return };
    let root = image.root.to_str().expect("a path of ours");
    let mut line = format!(
        "--uid-map auto --gid-map auto --uid 0 --gid 0 --bind {root} / --sys /sys --proc /proc --dev /dev \
        --ro-bind /sys/fs/cgroup /sys/fs/cgroup --bind /sys/fs/cgroup/systemd /sys/fs/cgroup/systemd"
    );
    for controller in [
        "cpuset",
        "hugetlb",
        "devices",
        "cpu,cpuacct",
        "freezer",
        "pids",
        "blkio",
        "net_cls,net_prio",
        "perf_event",
        "memory",
    ] {
        // Of these a host has those that are not in its cgroup2 hierarchy.
        line += &format!(" --ro-bind-try /sys/fs/cgroup/{controller} /sys/fs/cgroup/{controller}");
    }
    if std::path::Path::new("/sys/fs/cgroup/unified").exists() {
        // The article's host had no second hierarchy beside those.
        line += " --tmpfs /sys/fs/cgroup/unified";
    }
    line += &format!(
        " --bind /sys/fs/cgroup/systemd /sys/fs/cgroup/systemd --tmpfs /dev/shm --mqueue /dev/mqueue \
        --dev-bind /dev/tty /dev/tty --chdir / --setenv PATH /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        --setenv TERM xterm --setenv container docker --tmpfs /var --tmpfs /run --tmpfs /tmp --tmpfs /var/www/html \
        --tmpfs /var/log/nginx --bind {root}/etc /etc --hostname systemd --unshare-pid --unshare-net --unshare-ipc \
        --unshare-user --unshare-uts --remount-ro / --cap-add ALL --no-reaper --handle-reboot"
    );
    let line = line.split_whitespace().map(str::to_owned).collect();
    let booted = Booted::start_line(&host, &cgroup, line);
    booted.wait_until_ready();
    let written = booted.inside(
        &host,
        &cgroup,
        &["sh", "-c", "touch /new 2>&1; touch /etc/new && rm /etc/new && echo etc"],
    );
    assert!(written.contains("Read-only file system") && written.ends_with("\netc\n"), "{written}");
    let units =
        booted.inside(&host, &cgroup, &["systemctl", "is-active", "dbus.service", "multi-user.target"]);
    assert_eq!(units, "active\nactive\n");
    // "kill -37 $PID", and power-off, which the kernel lets it have.
    booted.signal(SIGRTMIN_PLUS_3);
    let mut live = booted.live;
    assert_eq!(live.settle(), 0, "a process is left");
    // The init's own cgroup stays: only --cgroup knows of one, and this line is without.
    let seen = live.finish().expect("its end");
    assert_eq!(
        (seen.status, String::from_utf8_lossy(&seen.stderr).into_owned()),
        (End::Exit(0), String::new())
    );
}
