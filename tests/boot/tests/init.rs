//! What a service manager hands to what it starts reaches an init in a sandbox: sockets, notifications, credentials.

use stage::{Bench, Who, ended, everyone};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;
use support::Fd;

const TREE: &str = "--unshare-all --ro-bind / / --proc /proc --as-pid-1";

#[test]
fn sockets_that_were_passed_are_the_inits_by_its_own_process_id() {
    let bench = Bench::set_up();
    for who in everyone() {
        // systemd's protocol: descriptors from 3 on, for the process whose id LISTEN_PID is.
        let mut job = bench.job(bench.bin("bwrap"), who);
        job.args(TREE.split(' ')).args(["--setenv", "LISTEN_PID", "1", "--setenv", "LISTEN_FDS", "2"]);
        job.args(["sh", "-c", "test $$ = $LISTEN_PID && cat <&3 <&4 && ls /proc/self/fd | tr '\\n' ' '"]);
        job.fds.insert(3, Fd::Data(b"three".to_vec()));
        job.fds.insert(4, Fd::Data(b"four".to_vec()));
        let view = ended(&job.run().expect("a process"), 0);
        // The last redirection is cat's input; the listing's own descriptor is the highest.
        assert!(view.text().starts_with("four0 1 2 3 4 "), "{}", view.text());
    }
}

#[test]
fn a_notification_socket_that_is_bound_is_heard_outside() {
    let bench = Bench::set_up();
    for who in everyone() {
        let path = bench.path("notify");
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).expect("a socket");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).expect("a file of ours");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        let mut job = bench.job(bench.bin("bwrap"), who);
        job.args(TREE.split(' ')).args(["--tmpfs", "/run", "--bind"]).arg(&path).arg("/run/notify");
        let send = "import os,socket;s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM);\
                    s.sendto(b'READY=1',os.environ['NOTIFY_SOCKET'])";
        job.args(["--setenv", "NOTIFY_SOCKET", "/run/notify", "python3", "-c", send]);
        ended(&job.run().expect("a process"), 0);
        let mut message = [0; 64];
        let n = socket.recv(&mut message).expect("a message");
        assert_eq!(&message[..n], b"READY=1");
    }
}

#[test]
fn credentials_are_files_that_only_the_init_can_read() {
    let bench = Bench::set_up();
    for who in everyone() {
        let mut job = bench.job(bench.bin("bwrap"), who);
        job.args(TREE.split(' ')).args([
            "--tmpfs",
            "/run",
            "--perms",
            "0400",
            "--ro-bind-data",
            "9",
            "/run/credentials/token",
        ]);
        job.args(["--setenv", "CREDENTIALS_DIRECTORY", "/run/credentials"]);
        job.args([
            "sh",
            "-c",
            "cat $CREDENTIALS_DIRECTORY/token; stat -c ' %a' $CREDENTIALS_DIRECTORY/token",
        ]);
        job.fds.insert(9, Fd::Data(b"secret".to_vec()));
        assert_eq!(ended(&job.run().expect("a process"), 0).text(), "secret 400\n");
    }
}

#[test]
fn who_is_asked_for_nothing_gets_none_of_it() {
    let bench = Bench::set_up();
    let mut job = bench.job(bench.bin("bwrap"), Who::User);
    job.args(TREE.split(' ')).args(["--clearenv", "env"]);
    assert_eq!(ended(&job.run().expect("a process"), 0).text(), "PWD=/\n");
}

/// The README's example, as it stands there.
#[test]
fn the_readmes_init_gets_socket_notifications_and_credentials() {
    let bench = Bench::set_up();
    let readme = std::fs::read_to_string(support::workspace_root().join("README.md")).expect("the README");
    let mut blocks = readme.split("```").skip_while(|block| !block.starts_with("sh\ntouch notify"));
    let script = blocks.next().and_then(|block| block.strip_prefix("sh\n")).expect("the example");
    let expected = blocks.nth(1).and_then(|block| block.strip_prefix("text\n")).expect("what it prints");
    for who in everyone() {
        let mut job = bench.job("/bin/bash", who);
        job.cwd = Some(bench.dir(&format!("example-{}", who.uid()), who));
        let bin = bench.bin("bwrap");
        let bin = bin.parent().expect("a directory").display();
        job.env = vec![("PATH".into(), format!("{bin}:/usr/bin:/bin").into())];
        job.args(["-c", script]);
        assert_eq!(ended(&job.run().expect("a process"), 0).text(), expected);
    }
}
