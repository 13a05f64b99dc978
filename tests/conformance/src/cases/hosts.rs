//! Nested sandboxes, and hosts that lack something: /proc, user namespaces, a writable root.
use crate::case::{Case, Given, case};

/// A user namespace of its own in which a limit is set; the host is not changed.
const LIMITED: &[&str] =
    &["unshare", "-Ur", "sh", "-c", "echo 0 > /proc/sys/user/max_user_namespaces; exec \"$@\"", "sh"];

/// The same for somebody who is not root there and has no capabilities.
const LIMITED_USER: &[&str] = &[
    "unshare",
    "-U",
    "--map-user=1000",
    "--map-group=1000",
    "--keep-caps",
    "sh",
    "-c",
    "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --ambient-caps=-all --inh-caps=-all \"$@\"",
    "sh",
];

/// The cases.
pub fn cases() -> Vec<Case> {
    let inner = "{probe} report {ns}";
    let mut out = Vec::new();
    // Every pairing of two sandboxes; `{bwrap}` is the one under test.
    for (name, outer, within) in [
        ("same-in-same", "", "{bwrap}"),
        ("test-in-theirs", "{peer}", "{bwrap}"),
        ("theirs-in-test", "", "{peer}"),
    ] {
        for (how, a, b) in [
            ("plain", "--ro-bind / / --proc /proc --dev /dev", "--ro-bind / /"),
            (
                "all",
                "--ro-bind / / --unshare-all --proc /proc --dev /dev",
                "--ro-bind / / --unshare-all --proc /proc --dev /dev",
            ),
            (
                "userns",
                "--bind / / --unshare-user --uid 5 --gid 6",
                "--ro-bind / / --unshare-user --uid 7 --gid 8",
            ),
            (
                "caps",
                "--ro-bind / / --unshare-user --cap-add ALL --proc /proc",
                "--ro-bind / / --tmpfs /tmp --ro-bind {probe} {probe}",
            ),
            (
                "devices",
                "--dev-bind / / --unshare-pid --proc /proc",
                "--ro-bind / / --dev /dev --proc /proc --unshare-pid",
            ),
        ] {
            let case = case(format!("hosts/nested-{name}-{how}"), format!("{a} {within} {b} {inner}"));
            out.push(if outer.is_empty() {
                case
            } else {
                case.wrap(&["{peer}", "--bind", "/", "/", "--unshare-user"])
            });
        }
        out.push(case(
            format!("hosts/nested-status-{name}"),
            format!("--bind / / --unshare-pid {within} --ro-bind / / --unshare-pid {{probe}} exit 41"),
        ));
    }
    out.extend([
        case("hosts/deep", "--bind / / {bwrap} --bind / / {bwrap} --bind / / {bwrap} --ro-bind / / {probe} ids"),
        case("hosts/deep-userns", "--bind / / --unshare-user {bwrap} --bind / / --unshare-user {bwrap} --bind / / --unshare-user {bwrap} --ro-bind / / --unshare-user {probe} ids"),
        case("hosts/nested-disabled", "--ro-bind / / --unshare-user --disable-userns --dev /dev --proc /proc {bwrap} --ro-bind / / true"),
        case("hosts/nested-disabled-try", "--ro-bind / / --unshare-user --disable-userns --dev /dev --proc /proc {bwrap} --unshare-user-try --ro-bind / / true"),
        case("hosts/nested-disabled-all", "--ro-bind / / --unshare-user --disable-userns --dev /dev --proc /proc {bwrap} --unshare-all --ro-bind / / true"),
        case("hosts/nested-assert", "--ro-bind / / --unshare-user --disable-userns --proc /proc {bwrap} --assert-userns-disabled --ro-bind / / true"),
        case("hosts/nested-no-proc", "--ro-bind / / --tmpfs /proc {bwrap} --ro-bind / / true"),
        case("hosts/nested-no-dev", "--ro-bind / / --tmpfs /dev --proc /proc {bwrap} --ro-bind / / --dev /dev true"),
        case("hosts/nested-no-tmp", "--ro-bind / / --tmpfs / --ro-bind /usr /usr --ro-bind {dir} {dir} --symlink usr/lib /lib --symlink usr/lib64 /lib64 --ro-bind /opt /opt --proc /proc --ro-bind-try /work /work {bwrap} --ro-bind / / true"),
        case("hosts/nested-seccomp", "--bind / / --seccomp {f} {bwrap} --ro-bind / / {probe} seccomp-probe").data("f",
            vec![0x20, 0, 0, 0, 0, 0, 0, 0, 0x15, 0, 0, 1, 140, 0, 0, 0, 0x06, 0, 0, 0, 7, 0, 5, 0, 0x06, 0, 0, 0, 0, 0, 0xff, 0x7f]),
        // Limits.
        case("hosts/no-userns-left", "@base --unshare-user true").wrap(LIMITED).user(),
        case("hosts/no-userns-left-implied", "@base /probe ids").wrap(LIMITED).user(),
        case("hosts/no-userns-left-try", "@base --unshare-user-try /probe caps").wrap(LIMITED).user(),
        case("hosts/no-userns-left-all", "@base --unshare-all /probe caps").wrap(LIMITED).user(),
        case("hosts/no-userns-left-root", "@base --unshare-user-try /probe caps").wrap(LIMITED).root(),
        case("hosts/no-userns-left-uid", "@base --unshare-user-try --uid 5 true").wrap(LIMITED).user(),
        case("hosts/no-userns-left-disable", "@base --unshare-user --disable-userns true").wrap(LIMITED).user(),
        case("hosts/no-userns-left-not-root-inside", "@base true").user()
            .wrap(LIMITED_USER),
        case("hosts/no-userns-left-not-root-inside-try", "@base --unshare-user-try true").user()
            .wrap(LIMITED_USER),
        case("hosts/one-userns-left", "@base --unshare-user --disable-userns /probe try-userns").user()
            .wrap(&["unshare", "-Ur", "sh", "-c", "echo 1 > /proc/sys/user/max_user_namespaces; exec \"$@\"", "sh"]),
        case("hosts/no-netns-left", "@base --unshare-net true").user()
            .wrap(&["unshare", "-Ur", "sh", "-c", "echo 0 > /proc/sys/user/max_net_namespaces; exec \"$@\"", "sh"]),
        case("hosts/no-cgroupns-left", "@base --unshare-cgroup-try /probe ids").user()
            .wrap(&["unshare", "-Ur", "sh", "-c", "echo 0 > /proc/sys/user/max_cgroup_namespaces; exec \"$@\"", "sh"]),
        case("hosts/no-mntns-left", "@base true").user()
            .wrap(&["unshare", "-Ur", "sh", "-c", "echo 0 > /proc/sys/user/max_mnt_namespaces; exec \"$@\"", "sh"]),
        case("hosts/no-processes-left", "@base @all true").user().wrap(&["bash", "-c", "ulimit -u 1; exec \"$@\"", "bash"]),
        // Hosts without parts.
        case("hosts/no-proc", "@base true").root().wrap(&["unshare", "-m", "sh", "-c", "umount -l /proc; exec \"$@\"", "sh"]),
        case("hosts/no-proc-all", "@base @all true").root().wrap(&["unshare", "-m", "sh", "-c", "umount -l /proc; exec \"$@\"", "sh"]),
        case("hosts/empty-proc", "@base true").root().wrap(&["unshare", "-m", "sh", "-c", "mount -t tmpfs none /proc; exec \"$@\"", "sh"]),
        case("hosts/no-proc-user", "@base true").user().wrap(&["unshare", "-Urm", "sh", "-c", "mount -t tmpfs none /proc; exec \"$@\"", "sh"]),
        case("hosts/covered-proc", "@base --unshare-pid --proc /proc true").user().wrap(&["unshare", "-Urm", "sh", "-c", "mount -t tmpfs none /proc/sys; exec \"$@\"", "sh"]),
        case("hosts/read-only-root", "@base @all /probe report {ns}").root().wrap(&["unshare", "-m", "sh", "-c", "mount -o remount,bind,ro /; exec \"$@\"", "sh"]),
        case("hosts/shared-root", "--ro-bind / / --tmpfs {dir}/m {probe} mounts").dir("m").root().wrap(&["unshare", "-m", "--propagation", "shared"]),
        case("hosts/mounts-propagate-in", "--ro-bind / / {probe} mounts").root().wrap(&["unshare", "-m", "--propagation", "slave"]),
        case("hosts/chroot", "--ro-bind / / sh -c 'ls /; pwd'").root().wrap(&["unshare", "-m", "sh", "-c",
            "mount -t tmpfs t {dir}/r && cd {dir}/r && mkdir usr opt proc work tmp && ln -s usr/bin usr/lib usr/lib64 . && for d in usr opt proc work tmp; do mount --rbind /$d $d 2>/dev/null; done; exec chroot . \"$@\"", "sh"]).dir("r"),
        case("hosts/tmp-missing", "--ro-bind /usr /usr --ro-bind /p /probe /probe ids").root().wrap(&["unshare", "-m", "sh", "-c",
            "mount -t tmpfs t {dir}/r && cd {dir}/r && mkdir usr opt proc work && ln -s usr/bin usr/lib usr/lib64 . && for d in usr opt proc work; do mount --rbind /$d $d 2>/dev/null; done; cp {probe} p; exec chroot . \"$@\"", "sh"]).dir("r"),
        case("hosts/in-a-pid-namespace", "@base --proc /proc /probe session").user().wrap(&["unshare", "-Urpf"]),
        case("hosts/in-a-pid-namespace-all", "@base @all --json-status-fd {j} sh -c 'exit 3'").user().wrap(&["unshare", "-Urpf"]).fd("j", Given::Out),
        case("hosts/as-init", "@base @all sh -c 'exit 3'").user().wrap(&["unshare", "-Urpf", "--mount-proc"]),
        case("hosts/unmapped-user", "@base /probe ids").user().wrap(&["unshare", "-U"]),
        case("hosts/unmapped-user-all", "@base @all /probe ids").user().wrap(&["unshare", "-U"]),
    ]);
    out
}
