//! --cap-add and --cap-drop: order, names, as root and in a user namespace.
use crate::case::{Case, case};

/// The cases.
pub fn cases() -> Vec<Case> {
    let mut out = Vec::new();
    let options = [
        "",
        "--cap-drop ALL",
        "--cap-add ALL",
        "--cap-drop ALL --cap-add CAP_CHOWN",
        "--cap-add CAP_CHOWN --cap-drop ALL",
        "--cap-drop CAP_CHOWN",
        "--cap-add CAP_CHOWN",
        "--cap-add CAP_NET_ADMIN --cap-add CAP_SYS_ADMIN",
        "--cap-add ALL --cap-drop CAP_NET_ADMIN",
        "--cap-drop CAP_NET_ADMIN --cap-add ALL",
        "--cap-add cap_chown",
        "--cap-add CAP_CHOWN --cap-add CAP_CHOWN",
        "--cap-drop CAP_CHOWN --cap-drop CAP_CHOWN",
        "--cap-add CAP_SYS_RESOURCE",
        "--cap-add CAP_CHECKPOINT_RESTORE",
        "--cap-drop CAP_CHECKPOINT_RESTORE",
        "--cap-drop ALL --cap-add ALL",
        "--cap-add CAP_SETPCAP --cap-drop CAP_SETPCAP",
    ];
    for option in options {
        let name = option.replace("--cap-", "").replace(' ', ".");
        for (how, more) in [
            ("", ""),
            ("-userns", "--unshare-user"),
            ("-userns-uid0", "--unshare-user --uid 0 --gid 0"),
            ("-userns-uid5", "--unshare-user --uid 5 --gid 6"),
            ("-all", "--unshare-all"),
        ] {
            out.push(case(format!("caps/{name}{how}"), format!("@base {more} {option} /probe caps")));
        }
    }
    for bad in [
        "chown",
        "CHOWN",
        "CAP_NONSENSE",
        "all",
        "0",
        "40",
        "CAP_CHOWN,CAP_KILL",
        "CAP_CHOWN ",
        "=ep",
        "64",
        "63",
        "CAP_LAST_CAP",
    ] {
        for option in ["--cap-add", "--cap-drop"] {
            let name = bad.replace(' ', "_");
            out.push(case(
                format!("caps/name{option}={name}"),
                format!("@base {option} '{bad}' /probe caps"),
            ));
        }
    }
    out.extend([
        case("caps/pid1", "@base @all --cap-add CAP_NET_ADMIN /probe tree"),
        case("caps/pid1-dropped", "@base @all --cap-drop ALL /probe tree"),
        case("caps/inherited-by-exec", "@base --unshare-user --cap-add CAP_NET_ADMIN sh -c '/probe caps'"),
        case("caps/used", "@base --unshare-net --unshare-user --cap-add CAP_SYS_ADMIN sh -c 'mount -t tmpfs t /usr && echo mounted'"),
        case("caps/as-pid-1", "@base --unshare-all --as-pid-1 --cap-add CAP_NET_ADMIN /probe caps"),
        case("caps/with-cap-in-ambient", "@base /probe caps").root().wrap(&["setpriv", "--inh-caps=+chown", "--ambient-caps=+chown"]).needs("setpriv"),
        case("caps/root-few-permitted", "@base /probe caps").root().wrap(&["setpriv", "--bounding-set=-chown,-net_raw"]).needs("setpriv"),
        case("caps/root-without-sys-admin", "@base /probe caps").root().wrap(&["setpriv", "--bounding-set=-sys_admin"]).needs("setpriv"),
        case("caps/root-without-any", "@base /probe caps").root().wrap(&["setpriv", "--bounding-set=-all"]).needs("setpriv"),
        case("caps/user-with-caps", "@base /probe caps").root().wrap(&["setpriv", "--reuid=1000", "--inh-caps=+net_admin", "--ambient-caps=+net_admin"]).needs("setpriv"),
        case("caps/user-with-caps-and-userns", "@base --unshare-user /probe caps").root().wrap(&["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--inh-caps=+net_admin", "--ambient-caps=+net_admin"]).needs("setpriv"),
        case("caps/user-with-full-bounding", "@base --unshare-user --cap-add CAP_CHOWN /probe caps").root().wrap(&["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "--inh-caps=-all"]).needs("setpriv"),
        case("caps/flags-in-userns", "--ro-bind / / --unshare-user {probe} flags"),
        case("caps/securebits-kept", "@base /probe flags").root().wrap(&["setpriv", "--securebits=+noroot"]).needs("setpriv"),
        case("caps/no-new-privs-before", "@base /probe flags").wrap(&["setpriv", "--no-new-privs"]).needs("setpriv"),
        case("caps/supplementary-groups", "@base --unshare-user --proc /proc /probe ids").root().wrap(&["setpriv", "--reuid=1000", "--regid=1000", "--groups=4,5,1000"]).needs("setpriv"),
        case("caps/supplementary-groups-root", "@base --proc /proc /probe ids").root().wrap(&["setpriv", "--groups=4,5"]).needs("setpriv"),
        case("caps/egid-differs", "@base --proc /proc /probe ids").root().wrap(&["setpriv", "--egid=1000", "--keep-groups"]).needs("setpriv"),
        case("caps/euid-differs", "@base --proc /proc /probe ids").root().wrap(&["setpriv", "--euid=1000"]).needs("setpriv"),
        case("caps/ruid-differs", "@base --proc /proc /probe ids").root().wrap(&["setpriv", "--ruid=1000"]).needs("setpriv"),
    ]);
    out
}
