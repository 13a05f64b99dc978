//! The state in which the stages after ns-enter find themselves, made with unshare(1) and setpriv(1).

use crate::Who;

/// The most that ns-enter raises for fs-build and priv-drop where one id is mapped, but for what the command may keep;
/// as setpriv(1) takes them.
const RAISED: &str = "-all,+sys_admin,+dac_override,+setpcap";

/// New mount, PID and IPC namespaces; for the ordinary user in a user namespace where he keeps his id and has what
/// ns-enter raises.
pub fn sandbox(who: Who) -> Vec<String> {
    let mut words = vec!["unshare".to_owned()];
    if who == Who::User {
        let (user, group) = (format!("--map-user={}", who.uid()), format!("--map-group={}", who.uid()));
        words.extend(["--user".to_owned(), user, group, "--keep-caps".to_owned()]);
    }
    words.extend(["--mount", "--propagation=unchanged", "--ipc", "--pid", "--fork"].map(str::to_owned));
    if who == Who::User {
        let (inheritable, ambient) = (format!("--inh-caps={RAISED}"), format!("--ambient-caps={RAISED}"));
        words.extend(["setpriv".to_owned(), inheritable, ambient]);
    }
    words
}

/// The same with the caller as root of the user namespace, as devpts needs it.
pub fn sandbox_of_root(who: Who) -> Vec<String> {
    let user = if who == Who::User { &["--user", "--map-root-user"][..] } else { &[] };
    let namespaces = ["--mount", "--propagation=unchanged", "--ipc", "--pid", "--fork"];
    [&["unshare"][..], user, &namespaces].concat().iter().map(|word| (*word).to_owned()).collect()
}
