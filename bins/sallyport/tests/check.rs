//! `sallyport check` and `diff`: what they say, and the exit statuses that scripts look at.

#![allow(clippy::unwrap_used)] // Tests: what fails to unwrap fails the test.

mod common;

use common::{compiled_as, said, sallyport};
use stage::{Bench, Who};
use support::End;

const SANDBOX: [&str; 14] = [
    "--unshare-all",
    "--ro-bind",
    "/usr",
    "/usr",
    "--symlink",
    "usr/bin",
    "/bin",
    "--symlink",
    "usr/lib",
    "/lib",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
];

#[test]
fn check_ends_with_a_status_that_ci_can_use() {
    let bench = Bench::set_up();
    let who = Who::User;
    let open =
        compiled_as(&bench, who, "open", &[&SANDBOX[..], &["--bind", "/srv/data", "/data", "sh"]].concat());
    let open = open.to_str().unwrap();
    let status =
        |words: &[&str]| said(&sallyport(&bench, who, &[&["check"][..], words].concat()).run().unwrap());
    let (end, text, _) = status(&[open]);
    assert_eq!(end, End::Exit(1));
    assert!(
        text.starts_with("warning: writable-host: a path of the host is writable: /srv/data at /data\n"),
        "{text}"
    );
    assert!(text.contains("\nwarning: terminal-injection: "), "{text}");
    assert!(text.ends_with("0 dangers, 2 warnings, 5 notes\n"), "{text}");
    assert_eq!(status(&["--deny-level", "danger", open]).0, End::Exit(0));
    assert_eq!(status(&["--allow", "terminal-injection", "--allow", "writable-host", open]).0, End::Exit(0));
    assert_eq!(
        status(&["--allow", "terminal-injection", "--allow", "writable-host=/srv/data", open]).0,
        End::Exit(0)
    );
    assert_eq!(
        status(&["--allow", "terminal-injection", "--allow", "writable-host=/srv", open]).0,
        End::Exit(1)
    );
    assert_eq!(
        status(&["--allow", "terminal-injection", "--allow", "writable-host", "--deny-level", "note", open])
            .0,
        End::Exit(1)
    );
    let (end, _, stderr) = status(&["--allow", "writeable-host", open]);
    assert_eq!((end, stderr.contains("there is no warning writeable-host")), (End::Exit(2), true));
    assert_eq!(status(&["/nowhere"]).0, End::Exit(2));
    assert_eq!(status(&["/etc/passwd"]).0, End::Exit(2));
    let (end, json, _) = status(&["--json", open]);
    assert_eq!(end, End::Exit(1));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["id"], "writable-host");
    assert_eq!(json[0]["object"], "/srv/data");
    let (end, text, _) = status(&["--explain", "shared-network"]);
    assert_eq!(end, End::Exit(0));
    assert!(text.contains("abstract Unix socket"), "{text}");
}

#[test]
fn diff_says_what_differs_and_ends_as_diff_does() {
    let bench = Bench::set_up();
    let who = Who::User;
    let plan = |name: &str, more: &[&str]| {
        let file = compiled_as(&bench, who, name, &[&SANDBOX[..], more].concat());
        file.to_str().unwrap().to_owned()
    };
    let old = plan("old", &["--tmpfs", "/tmp", "--", "sh"]);
    let new = plan(
        "new",
        &[
            "--bind",
            "/srv",
            "/srv",
            "--tmpfs",
            "/tmp",
            "--hostname",
            "box",
            "--new-session",
            "--",
            "sh",
            "-l",
        ],
    );
    let diff =
        |words: &[&str]| said(&sallyport(&bench, who, &[&["diff"][..], words].concat()).run().unwrap());
    assert_eq!(diff(&[&old, &old]), (End::Exit(0), String::new(), String::new()));
    let (end, text, _) = diff(&[&old, &new]);
    assert_eq!(end, End::Exit(1));
    assert_eq!(
        text,
        "ns-enter: hostname: none is now \"box\"\n\
         fs-build: ops: new 6: /srv the host's /srv and all mounts below it: writable, nosuid, nodev\n\
         priv-drop: new session: off is now on\n\
         command: args: new 2: \"-l\"\n"
    );
    let (end, json, _) = diff(&["--json", &new, &old]);
    assert_eq!(end, End::Exit(1));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["path"], serde_json::json!(["ns-enter", "hostname"]));
    assert_eq!((&json[0]["old"], &json[0]["new"]), (&"box".into(), &serde_json::Value::Null));
    assert_eq!(json[1]["path"], serde_json::json!(["fs-build", "ops", 5]));
    assert!(json[1].get("new").is_none());
    let (end, _, stderr) = diff(&[&old, "/nowhere"]);
    assert_eq!((end, stderr.contains("/nowhere: No such file")), (End::Exit(2), true));
}
