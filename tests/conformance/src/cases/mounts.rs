//! --tmpfs, --proc, --dev, --mqueue, --remount-ro, and binds of trees that have mounts below.
use crate::case::{Case, Make, case};
use support::Stdin;

/// Runs the launcher in a mount namespace where {dir}/src has a tmpfs below it (needs root, or a user namespace).
const SUBMOUNT: &str = "mount -t tmpfs -o mode=755 sub {dir}/src/sub && mkdir {dir}/src/sub/d && echo inner >{dir}/src/sub/f && exec \"$@\"";

fn with_submount(case: Case) -> Case {
    with_mounts(case, SUBMOUNT).dir("src").dir("src/sub").file("src/a", "outer")
}

/// A private mount namespace, as root or in a user namespace where the caller is root.
fn with_mounts(case: Case, script: &'static str) -> Case {
    case.wrap(&["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh"])
        .root()
        .needs("unshare")
}

/// The same in a user namespace, as the ordinary user.
fn with_mounts_user(case: Case, script: &'static str) -> Case {
    case.wrap(&["unshare", "-Urm", "--propagation", "private", "sh", "-c", script, "sh"])
        .user()
        .needs("unshare")
}

/// The cases.
pub fn cases() -> Vec<Case> {
    let view = "--proc /proc --ro-bind {probe} /probe /probe mounts";
    let mut out = vec![
        // --tmpfs
        case("mounts/tmpfs", format!("--tmpfs /a/b {view}")),
        case("mounts/tmpfs-mode", "@base --tmpfs /a/b --perms 1777 --tmpfs /t --perms 0 --tmpfs /z sh -c 'stat -c \"%a %u %g\" /a/b /t /z'"),
        case("mounts/tmpfs-umask", "@base --tmpfs /a/b sh -c 'stat -c \"%a\" /a /a/b'").umask(0o077),
        case("mounts/tmpfs-on-file", "@base --bind {dir}/f /f --tmpfs /f true").file("f", ""),
        case("mounts/tmpfs-on-link", "@base --dir /d --symlink d /l --tmpfs /l true"),
        case("mounts/tmpfs-through-link", "@base --dir /d --symlink d /l --tmpfs /l/t --proc /proc /probe mounts"),
        case("mounts/tmpfs-below-read-only", "--ro-bind / / --tmpfs {dir}/new true"),
        case("mounts/tmpfs-on-read-only", "--ro-bind / / --tmpfs {dir} sh -c 'cd {dir}; echo x > new; ls'"),
        case("mounts/tmpfs-on-root", "@base --tmpfs / --dir /x --ro-bind {probe} /probe /probe ls /x"),
        case("mounts/tmpfs-hides-cwd", "--ro-bind / / --tmpfs {dir} sh -c 'pwd; ls'"),
        case("mounts/tmpfs-on-tmp", "--ro-bind / / --tmpfs /tmp sh -c 'pwd; ls -A /tmp'"),
        case("mounts/tmpfs-size", "@base --size 65536 --tmpfs /t sh -c 'printf %0100000d 0 > /t/f; stat -c %s /t/f'"),
        case("mounts/tmpfs-size-dev", "@base --dev /dev --size 65536 --tmpfs /t sh -c 'head -c 100000 /dev/zero > /t/f; stat -c %s /t/f'"),
        case("mounts/tmpfs-size-mountinfo", format!("--size 65536 --perms 0711 --tmpfs /a {view}")),
        case("mounts/size-then-other", "@base --size 65536 --dir /x true"),
        case("mounts/size-then-bind", "@base --size 65536 --bind {dir} /x true"),
        case("mounts/size-then-command", "@base --size 65536 true"),
        case("mounts/size-then-setenv-then-tmpfs", "@base --size 65536 --setenv A 1 --tmpfs /t /probe access /t"),
        case("mounts/size-only-next", "@base --size 65536 --tmpfs /s --tmpfs /t sh -c '/probe access /s; df --output=size /t | tail -1'"),
        case("mounts/size-twice", "@base --size 65536 --size 4096 --tmpfs /t true"),
        // --proc
        case("mounts/proc", format!("--unshare-pid {view}")),
        case("mounts/proc-elsewhere", "--ro-bind {probe} /probe --unshare-pid --proc /a/b/proc /probe ls /a/b/proc/1/comm /a/b/proc/2/comm"),
        case("mounts/proc-without-pidns", format!("--ro-bind /usr /usr {view}")),
        case("mounts/proc-writable-places", "@base @all /probe write /proc/sys/kernel/hostname /proc/sysrq-trigger /proc/irq/default_smp_affinity /proc/sys/vm/swappiness /proc/self/oom_score_adj /proc/bus"),
        case("mounts/proc-coverings", "--unshare-all @base --proc /proc sh -c '/probe mounts | grep /proc'"),
        case("mounts/proc-on-file", "@base --bind {dir}/f /f --proc /f true").file("f", ""),
        case("mounts/proc-on-link", "@base --dir /d --symlink d /l --proc /l true"),
        case("mounts/proc-twice", "@base --unshare-pid --proc /proc --proc /proc /probe mounts"),
        case("mounts/proc-on-read-only", "--ro-bind / / --proc {dir}/none true"),
        case("mounts/proc-missing", "@base --dir /proc sh -c 'ls /proc; /probe ids'"),
        // --dev
        case("mounts/dev", "@base --dev /dev --proc /proc sh -c '/probe ls /dev; /probe mounts'"),
        case("mounts/dev-elsewhere", "@base --dev /a/dev --proc /proc sh -c '/probe ls /a/dev; /probe mounts'"),
        case("mounts/dev-in-userns", "@base --unshare-user --dev /dev --proc /proc sh -c '/probe ls /dev; /probe mounts; /probe ids'"),
        case("mounts/dev-other-uid", "@base --unshare-user --uid 5 --gid 6 --dev /dev --proc /proc sh -c '/probe ls /dev; /probe ids; /probe caps'"),
        case("mounts/dev-umask", "@base --dev /dev /probe ls /dev").umask(0o077),
        case("mounts/dev-stdout-tty", "@base --dev /dev --proc /proc sh -c '/probe ls /dev; /probe mounts'").stdin(Stdin::TtyAll),
        case("mounts/dev-stdin-tty-only", "@base --dev /dev --proc /proc sh -c '/probe ls /dev; /probe session'").stdin(Stdin::Tty),
        case("mounts/dev-console-works", "@base --dev /dev --proc /proc sh -c 'echo hello > /dev/console; tty'").stdin(Stdin::TtyAll),
        case("mounts/dev-no-host-dev", "@base --dev /dev true").root().wrap(&["unshare", "-m", "--propagation", "private", "sh", "-c", "mount -t tmpfs none /dev; exec \"$@\"", "sh"]),
        case("mounts/dev-on-file", "@base --bind {dir}/f /f --dev /f true").file("f", ""),
        case("mounts/dev-on-link", "@base --dir /d --symlink d /l --dev /l true"),
        case("mounts/dev-on-read-only", "--ro-bind / / --dev {dir}/none true"),
        case("mounts/dev-twice", "@base --dev /dev --dev /dev --proc /proc /probe mounts"),
        case("mounts/dev-write", "@base --dev /dev sh -c 'echo x > /dev/null; echo x > /dev/full; head -c 3 /dev/zero | od -c; echo y > /dev/shm/f; cat /dev/shm/f; touch /dev/new; ls /dev/new'"),
        case("mounts/dev-ptmx", "@base --dev /dev --proc /proc script -qc 'tty' /dev/null").needs("script"),
        case("mounts/dev-then-bind-inside", "@base --dev /dev --dev-bind /dev/null /dev/mine --proc /proc sh -c '/probe ls /dev/mine; /probe mounts'"),
        case("mounts/dev-and-disable-userns", "@base --unshare-user --disable-userns --dev /dev --proc /proc sh -c '/probe ls /dev; /probe ids'"),
        // --mqueue
        case("mounts/mqueue", "@base --unshare-ipc --mqueue /a/mq --proc /proc sh -c '/probe mounts; stat -c \"%a %u\" /a /a/mq'"),
        case("mounts/mqueue-without-ipc", "@base --mqueue /mq true"),
        case("mounts/mqueue-on-file", "@base --bind {dir}/f /f --unshare-ipc --mqueue /f true").file("f", ""),
        case("mounts/mqueue-on-link", "@base --dir /d --symlink d /l --unshare-ipc --mqueue /l true"),
        // --remount-ro
        case("mounts/remount-ro-root", "@base --dir /x --remount-ro / --proc /proc sh -c 'touch /x/new'"),
        case("mounts/remount-ro-root-last", "@base --dir /x --proc /proc --remount-ro / sh -c 'touch /x/new; /probe mounts'"),
        case("mounts/remount-ro-tmpfs", "@base --tmpfs /t --remount-ro /t --proc /proc sh -c 'touch /t/new; /probe mounts'"),
        case("mounts/remount-ro-not-recursive", "@base --tmpfs /t --tmpfs /t/u --remount-ro /t sh -c 'touch /t/new; touch /t/u/new && echo ok'"),
        case("mounts/remount-ro-bind", "@base --bind {dir}/src /s --remount-ro /s sh -c 'touch /s/new'").dir("src"),
        case("mounts/remount-ro-not-a-mount", "@base --dir /x --remount-ro /x true"),
        case("mounts/remount-ro-missing", "@base --remount-ro /x true"),
        case("mounts/remount-ro-file", "@base --bind {dir}/f /f --remount-ro /f sh -c 'echo n > /f'").file("f", ""),
        case("mounts/remount-ro-link", "@base --tmpfs /t --symlink t /l --remount-ro /l true"),
        case("mounts/remount-ro-dangling", "@base --symlink none /l --remount-ro /l true"),
        case("mounts/remount-ro-dev", "@base --dev /dev --remount-ro /dev sh -c 'touch /dev/new; echo x > /dev/null && echo ok'"),
        case("mounts/remount-ro-already", "@base --remount-ro /usr --proc /proc /probe mounts"),
        case("mounts/remount-ro-trailing-slash", "@base --tmpfs /t --remount-ro /t/ sh -c 'touch /t/new'"),
        case("mounts/remount-ro-then-mount-point", "@base --tmpfs /t --remount-ro /t --dir /t/x true"),
        case("mounts/order-of-operations", "@base --tmpfs /t --dir /t/a --tmpfs /t --dir /t/b --file 0 /t/c sh -c 'ls /t'"),
        // Submounts and locked flags.
        with_submount(case("mounts/submount-bind", format!("--bind {{dir}}/src /s {view}"))),
        with_submount(case("mounts/submount-ro-bind", format!("--ro-bind {{dir}}/src /s {view}"))),
        with_submount(case("mounts/submount-ro-bind-write", "@base --ro-bind {dir}/src /s sh -c 'echo n > /s/sub/f; echo n > /s/a'")),
        with_submount(case("mounts/submount-dev-bind", format!("--dev-bind {{dir}}/src /s {view}"))),
        with_submount(case("mounts/submount-unshare-user", format!("--unshare-user --ro-bind {{dir}}/src /s {view}"))),
        with_submount(case("mounts/submount-bind-fd", format!("--ro-bind-fd 3 /s {view}"))).wrap(&["sh", "-c", "exec \"$@\" 3<{dir}/src", "sh"]),
        with_submount(case("mounts/submount-remount-ro", format!("--bind {{dir}}/src /s --remount-ro /s {view}"))),
        with_submount(case("mounts/submount-covered", "--ro-bind {dir}/src /s --tmpfs /s/sub --ro-bind {probe} /probe /probe ls /s")),
        with_mounts(case("mounts/flags-kept", format!("--bind {{dir}}/src /s --ro-bind {{dir}}/src /r --dev-bind {{dir}}/src /d {view}")),
            "mount -t tmpfs -o nosuid,nodev,noexec,noatime,nodiratime t {dir}/src && exec \"$@\"").dir("src"),
        with_mounts(case("mounts/flags-strictatime", format!("--bind {{dir}}/src /s --ro-bind {{dir}}/src /r {view}")),
            "mount -t tmpfs -o strictatime t {dir}/src && exec \"$@\"").dir("src"),
        with_mounts(case("mounts/source-read-only-mount", "@base --bind {dir}/src /s sh -c 'touch /s/n'"),
            "mount -t tmpfs -o ro t {dir}/src && exec \"$@\"").dir("src"),
        with_mounts(case("mounts/shared-source", format!("--bind {{dir}}/src /s {view}")),
            "mount -t tmpfs t {dir}/src && mount --make-shared {dir}/src && exec \"$@\"").dir("src"),
        with_mounts(case("mounts/unbindable-source", format!("--bind {{dir}}/src /s {view}")),
            "mount -t tmpfs t {dir}/src && mount --make-unbindable {dir}/src && exec \"$@\"").dir("src"),
        with_mounts(case("mounts/unbindable-below", format!("--bind {{dir}}/src /s {view}")),
            "mount -t tmpfs t {dir}/src/sub && mount --make-unbindable {dir}/src/sub && exec \"$@\"").dir("src").dir("src/sub"),
        with_mounts(case("mounts/stacked-source", format!("--bind {{dir}}/src /s {view}")),
            "mount -t tmpfs t {dir}/src && mount -t tmpfs u {dir}/src && echo top >{dir}/src/f && exec \"$@\"").dir("src"),
        with_mounts(case("mounts/unreachable-below", "@base --ro-bind {dir}/src /s --proc /proc sh -c 'grep -c /s /proc/self/mountinfo'"),
            "mount -t tmpfs t {dir}/src && mkdir {dir}/src/a && mount -t tmpfs u {dir}/src/a && mount -t tmpfs v {dir}/src && exec \"$@\"").dir("src"),
        with_mounts(case("mounts/odd-submount-names", format!("--ro-bind {{dir}}/src /s {view}")),
            "mkdir \"{dir}/src/a b\" && mount -t tmpfs t \"{dir}/src/a b\" && exec \"$@\"").dir("src"),
        with_mounts_user(case("mounts/locked-read-only", "@base --bind {dir}/src /s --dev-bind {dir}/src /d sh -c 'touch /s/n; touch /d/n'"),
            "mount -t tmpfs -o ro,nosuid,nodev,noexec t {dir}/src && exec unshare -Urm \"$@\"").dir("src"),
        with_mounts_user(case("mounts/locked-flags-view", format!("--bind {{dir}}/src /s --ro-bind {{dir}}/src /r {view}")),
            "mount -t tmpfs -o nosuid,nodev,noexec,noatime t {dir}/src && exec \"$@\"").dir("src"),
        with_mounts_user(case("mounts/submount-in-userns", format!("--ro-bind {{dir}}/src /s {view}")), SUBMOUNT)
            .dir("src").dir("src/sub").file("src/a", "x"),
        with_mounts_user(case("mounts/submount-in-userns-nested", format!("--unshare-user --uid 3 --ro-bind {{dir}}/src /s {view}")), SUBMOUNT)
            .dir("src").dir("src/sub").file("src/a", "x"),
    ];
    // A filesystem whose server is gone: every access gives ENOTCONN. And one that only its owner may enter.
    let dead = "exec {probe} dead-fuse {dir}/src \"$@\"";
    out.extend([
        with_mounts(case("mounts/dead-fuse-source", "@base --bind {dir}/src /s true"), dead).dir("src"),
        with_mounts(case("mounts/dead-fuse-source-try", "@base --bind-try {dir}/src /s true"), dead)
            .dir("src"),
        with_mounts(case("mounts/dead-fuse-below-bind", "@base --bind {dir} /s true"), dead).dir("src"),
        with_mounts(
            case("mounts/dead-fuse-below-ro-bind", "@base --ro-bind {dir} /s --proc /proc /probe mounts"),
            dead,
        )
        .dir("src"),
        with_mounts(
            case(
                "mounts/dead-fuse-below-ro-bind-lenient",
                "--not-a-security-boundary @base --ro-bind {dir} /s --proc /proc /probe mounts",
            ),
            dead,
        )
        .dir("src"),
        with_mounts(case("mounts/dead-fuse-mount-point", "--bind / / --tmpfs {dir}/src true"), dead)
            .dir("src"),
        with_mounts(
            case("mounts/dead-fuse-as-cwd", "--ro-bind / / {probe} cwd"),
            "exec {probe} dead-fuse {dir}/src sh -c 'cd {dir}/src 2>/dev/null; exec \"$@\"' sh \"$@\"",
        )
        .dir("src"),
    ]);
    out.push(
        case("mounts/source-mode-0-file", "@base --bind {dir}/f /f /probe access /f")
            .file("f", "")
            .make(Make::Mode("f", 0)),
    );
    out
}
