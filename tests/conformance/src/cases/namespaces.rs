//! --unshare-*, --share-net, --uid, --gid, --hostname, --userns, --userns2, --pidns, --disable-userns.
use crate::case::{Case, Given, case};

const USER_NS: Given = Given::Ns(&["user"], 0, "user");
const USER_NS_1000: Given = Given::Ns(&["user"], 1000, "user");
/// A nested pair: the outer user namespace is the parent of the second.
const NESTED: &[&str] = &["user", "user"];

/// The cases.
pub fn cases() -> Vec<Case> {
    let seen = "sh -c '/probe ns {ns}; /probe ids; /probe caps; /probe session'";
    let mut out = Vec::new();
    for option in [
        "",
        "--unshare-user",
        "--unshare-user-try",
        "--unshare-ipc",
        "--unshare-pid",
        "--unshare-net",
        "--unshare-uts",
        "--unshare-cgroup",
        "--unshare-cgroup-try",
        "--unshare-all",
        "--unshare-all --share-net",
        "--share-net --unshare-all",
        "--unshare-net --share-net",
        "--share-net",
        "--unshare-all --unshare-net",
        "--unshare-user --unshare-user-try",
        "--unshare-cgroup --unshare-cgroup-try",
    ] {
        let name = format!("namespaces/only{}", option.replace(' ', ""));
        out.push(case(name, format!("@base {option} --proc /proc {seen}")));
    }
    out.extend([
        case("namespaces/net-only-lo", "@base --unshare-net --proc /proc sh -c 'cat /proc/net/dev | sed s/:.*//; cat /proc/net/if_inet6; cat /proc/net/fib_trie | grep 127'"),
        case("namespaces/net-loopback-works", "@base --unshare-net bash -c 'exec 3<>/dev/tcp/127.0.0.1/1'"),
        case("namespaces/lo-flags", "@base --unshare-net --ro-bind /sys /sys sh -c 'cat /sys/class/net/lo/flags'"),
        // ids
        case("namespaces/uid", format!("@base --unshare-user --uid 5 --proc /proc {seen}")),
        case("namespaces/gid", format!("@base --unshare-user --gid 5 --proc /proc {seen}")),
        case("namespaces/uid-gid", format!("@base --unshare-user --uid 5 --gid 6 --proc /proc {seen}")),
        case("namespaces/uid-0", format!("@base --unshare-user --uid 0 --gid 0 --proc /proc {seen}")),
        case("namespaces/uid-without-userns", "@base --uid 5 true"),
        case("namespaces/gid-without-userns", "@base --gid 5 true"),
        case("namespaces/own-uid-without-userns", "@base --uid 1000 /probe ids"),
        case("namespaces/own-uid-0-without-userns", "@base --uid 0 /probe ids"),
        case("namespaces/uid-with-try", format!("@base --unshare-user-try --uid 5 --proc /proc {seen}")),
        case("namespaces/uid-with-all", format!("@base --unshare-all --uid 5 --gid 6 --proc /proc {seen}")),
        case("namespaces/uid-after-command-options", format!("--uid 5 @base --unshare-user --proc /proc {seen}")),
        case("namespaces/uid-max", "@base --unshare-user --uid 2147483647 --gid 2147483647 --proc /proc /probe ids"),
        case("namespaces/uid-65534", "@base --unshare-user --uid 65534 --gid 65534 --proc /proc /probe ids"),
        case("namespaces/file-owner-other-uid", "@base --unshare-user --uid 5 --gid 6 --bind {dir} /d sh -c 'touch /d/new; stat -c \"%u %g\" /d/new / /usr'"),
        // hostname
        case("namespaces/hostname", "@base --unshare-uts --hostname sandboxed --proc /proc /probe hostname"),
        case("namespaces/hostname-without-uts", "@base --hostname sandboxed true"),
        case("namespaces/hostname-all", "@base @all --hostname sandboxed sh -c '/probe hostname; uname -n'"),
        case("namespaces/hostname-first", "@base --hostname first --unshare-uts --proc /proc /probe hostname"),
        case("namespaces/hostname-too-long", "@base --unshare-uts --hostname {list} true").list(["h".repeat(65)]),
        case("namespaces/hostname-longest", "@base --unshare-uts --hostname {list} sh -c 'uname -n'").list(["h".repeat(64)]),
        case("namespaces/hostname-odd", "@base --unshare-uts --hostname 'a b/c' sh -c 'uname -n'"),
        case("namespaces/hostname-settable", "@base --unshare-all --hostname a sh -c 'hostname b; uname -n'"),
        // userns
        case("namespaces/userns", format!("@base --userns {{n}} --proc /proc {seen}")).fd("n", USER_NS),
        case("namespaces/userns-same-id", format!("@base --userns {{n}} --proc /proc {seen}")).fd("n", USER_NS_1000),
        case("namespaces/userns-uid", format!("@base --userns {{n}} --uid 0 --gid 0 --proc /proc {seen}")).fd("n", USER_NS),
        case("namespaces/userns-uid-unmapped", format!("@base --userns {{n}} --uid 7 --proc /proc {seen}")).fd("n", USER_NS),
        case("namespaces/userns-gid-unmapped", format!("@base --userns {{n}} --gid 7 --proc /proc {seen}")).fd("n", USER_NS),
        case("namespaces/userns-own", "@base --userns {n} true").fd("n", Given::Path("/proc/self/ns/user", libc::O_RDONLY)),
        case("namespaces/userns-wrong-kind", "@base --userns {n} true").fd("n", Given::Path("/proc/self/ns/net", libc::O_RDONLY)),
        case("namespaces/userns-and-unshare-user", "@base --userns {n} --unshare-user true").fd("n", USER_NS),
        case("namespaces/userns-and-unshare-user-try", "@base --userns {n} --unshare-user-try true").fd("n", USER_NS),
        case("namespaces/userns-and-unshare-all", format!("@base --userns {{n}} --unshare-all --proc /proc {seen}")).fd("n", USER_NS),
        case("namespaces/userns-and-userns-block-fd", "@base --userns {n} --userns-block-fd 0 --info-fd 1 true").fd("n", USER_NS),
        case("namespaces/userns-closed-for-command", "@base --userns {n} --proc /proc /probe fds").fd("n", USER_NS),
        case("namespaces/userns-hostname", "@base --userns {n} --unshare-uts --hostname x sh -c 'uname -n'").fd("n", USER_NS),
        case("namespaces/userns-net", "@base --userns {n} --unshare-net --proc /proc /probe ns {ns}").fd("n", USER_NS),
        case("namespaces/userns-dev", "@base --userns {n} --dev /dev --proc /proc sh -c '/probe ls /dev; /probe ids'").fd("n", USER_NS),
        case("namespaces/userns-dev-other", "@base --userns {n} --dev /dev --proc /proc sh -c '/probe ls /dev; /probe ids'").fd("n", USER_NS_1000),
        case("namespaces/userns2", format!("@base --userns {{n}} --userns2 {{m}} --proc /proc {seen}"))
            .fd("n", Given::Ns(NESTED, 0, "user^")).fd("m", Given::Ns(NESTED, 0, "user")),
        case("namespaces/userns2-uid", format!("@base --userns {{n}} --userns2 {{m}} --uid 0 --proc /proc {seen}"))
            .fd("n", Given::Ns(NESTED, 0, "user^")).fd("m", Given::Ns(NESTED, 0, "user")),
        case("namespaces/userns2-dev", "@base --userns {n} --userns2 {m} --dev /dev --proc /proc sh -c '/probe ls /dev; /probe ids'")
            .fd("n", Given::Ns(NESTED, 0, "user^")).fd("m", Given::Ns(NESTED, 0, "user")),
        case("namespaces/userns2-all-else", format!("@base --userns {{n}} --userns2 {{m}} --unshare-pid --unshare-net --cap-add ALL --proc /proc {seen}"))
            .fd("n", Given::Ns(NESTED, 0, "user^")).fd("m", Given::Ns(NESTED, 0, "user")),
        case("namespaces/userns2-same", format!("@base --userns {{n}} --userns2 {{n}} --proc /proc {seen}")).fd("n", USER_NS),
        case("namespaces/userns2-alone", format!("@base --userns2 {{n}} --proc /proc {seen}")).fd("n", USER_NS),
        case("namespaces/userns2-with-unshare-user", format!("@base --unshare-user --userns2 {{n}} --proc /proc {seen}")).fd("n", USER_NS),
        case("namespaces/userns-of-nested", format!("@base --userns {{n}} --proc /proc {seen}")).fd("n", Given::Ns(NESTED, 0, "user")),
        case("namespaces/userns2-wrong-kind", "@base --unshare-user --userns2 {n} true").fd("n", Given::Path("/proc/self/ns/net", libc::O_RDONLY)),
        // pidns
        case("namespaces/pidns", format!("@base --userns {{n}} --pidns {{p}} --proc /proc {seen}"))
            .fd("n", Given::Ns(&["user,pid"], 0, "user")).fd("p", Given::Ns(&["user,pid"], 0, "pid_for_children")),
        case("namespaces/pidns-unshare-pid", format!("@base --userns {{n}} --pidns {{p}} --unshare-pid --proc /proc {seen}"))
            .fd("n", Given::Ns(&["user,pid"], 0, "user")).fd("p", Given::Ns(&["user,pid"], 0, "pid_for_children")),
        case("namespaces/pidns-status", "@base --userns {n} --pidns {p} --json-status-fd {j} --info-fd {i} sh -c 'exit 3'")
            .fd("n", Given::Ns(&["user,pid"], 0, "user")).fd("p", Given::Ns(&["user,pid"], 0, "pid_for_children")).fd("j", Given::Out).fd("i", Given::Out),
        case("namespaces/pidns-not-ours", "@base --pidns {p} true").fd("p", Given::Ns(&["user,pid"], 0, "pid_for_children")),
        case("namespaces/pidns-own", "@base --pidns {p} --proc /proc /probe ns {ns}").fd("p", Given::Path("/proc/self/ns/pid", libc::O_RDONLY)),
        case("namespaces/pidns-wrong-kind", "@base --pidns {p} true").fd("p", Given::Path("/proc/self/ns/net", libc::O_RDONLY)),
        case("namespaces/pidns-as-pid-1", "@base --userns {n} --pidns {p} --as-pid-1 --proc /proc /probe session")
            .fd("n", Given::Ns(&["user,pid"], 0, "user")).fd("p", Given::Ns(&["user,pid"], 0, "pid_for_children")),
        // disable-userns
        case("namespaces/disable-userns", format!("@base --unshare-user --disable-userns --proc /proc sh -c '/probe try-userns; cat /proc/sys/user/max_user_namespaces; {}'", "/probe ids; /probe caps; /probe ns {ns}")),
        case("namespaces/disable-userns-without", "@base --disable-userns true"),
        case("namespaces/disable-userns-with-try", "@base --unshare-user-try --disable-userns /probe try-userns"),
        case("namespaces/disable-userns-with-all", "@base --unshare-all --disable-userns /probe try-userns"),
        case("namespaces/disable-userns-with-userns", "@base --userns {n} --disable-userns true").fd("n", USER_NS),
        case("namespaces/disable-userns-userns-block", "@base --unshare-user --disable-userns --userns-block-fd 0 --info-fd 1 true"),
        case("namespaces/disable-userns-uid", "@base --unshare-user --disable-userns --uid 5 --gid 6 --proc /proc sh -c '/probe ids; /probe caps; /probe try-userns'"),
        case("namespaces/disable-userns-cap-add", "@base --unshare-user --disable-userns --cap-add ALL --proc /proc sh -c '/probe ids; /probe caps; /probe try-userns'"),
        case("namespaces/disable-userns-pid1", "@base @all --unshare-user --disable-userns /probe tree"),
        case("namespaces/assert-disabled", "@base --unshare-user --disable-userns --assert-userns-disabled true"),
        case("namespaces/assert-not-disabled", "@base --unshare-user --assert-userns-disabled true"),
        case("namespaces/assert-alone", "@base --assert-userns-disabled true"),
        case("namespaces/assert-with-userns", "@base --userns {n} --assert-userns-disabled true").fd("n", USER_NS),
        case("namespaces/userns-allowed-else", "@base --unshare-user --proc /proc /probe try-userns"),
        case("namespaces/disable-userns-twice", "@base --unshare-user --disable-userns --disable-userns /probe try-userns"),
    ]);
    out
}
