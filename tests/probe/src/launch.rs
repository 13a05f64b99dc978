//! Starts another program in a situation that a shell cannot make.
use crate::sys::{address, call, cstring, errno_text, nr, write_all};
use std::ffi::CString;
use std::os::fd::IntoRawFd;

fn exec(words: &[&str], env: Option<&[CString]>) -> i32 {
    unsafe extern "C" {
        fn execvp(file: *const std::ffi::c_char, argv: *const *const std::ffi::c_char) -> i32;
        fn execve(
            file: *const std::ffi::c_char,
            argv: *const *const std::ffi::c_char,
            envp: *const *const std::ffi::c_char,
        ) -> i32;
    }
    let args: Vec<CString> = words.iter().map(|word| cstring(word)).collect();
    let Some(first) = args.first() else { return 2 };
    let ended =
        |list: &[CString]| list.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect::<Vec<_>>();
    let argv = ended(&args);
    // SAFETY: both arrays end with NULL and live until the call replaces or returns.
    unsafe {
        match env {
            None => execvp(first.as_ptr(), argv.as_ptr()),
            Some(env) => execve(first.as_ptr(), argv.as_ptr(), ended(env).as_ptr()),
        };
    }
    write_all(2, format!("probe: cannot execute {}\n", words[0]).as_bytes());
    127
}

/// `exec-env NAME=VALUE… -- PATH ARGS…`: exactly this environment, duplicates and malformed entries included.
pub fn exec_env(words: &[&str]) -> i32 {
    let Some(end) = words.iter().position(|word| *word == "--") else { return 2 };
    let env: Vec<CString> = words[..end].iter().map(|word| cstring(word)).collect();
    exec(&words[end + 1..], Some(&env))
}

/// `dead-fuse DIR COMMAND…`: mounts a FUSE filesystem on DIR whose server is gone, then runs the command.
pub fn dead_fuse(words: &[&str]) -> i32 {
    let Some((dir, command)) = words.split_first() else { return 2 };
    let fd = match std::fs::OpenOptions::new().read(true).write(true).open("/dev/fuse") {
        Ok(file) => file.into_raw_fd(),
        Err(error) => {
            write_all(2, format!("probe: /dev/fuse: {error}\n").as_bytes());
            return 1;
        }
    };
    let (source, target, kind) = (cstring("dead"), cstring(dir), cstring("fuse"));
    let mut data = format!("fd={fd},rootmode=40000,user_id=0,group_id=0\0").into_bytes();
    let result = call(
        165,
        source.as_ptr() as u64,
        target.as_ptr() as u64,
        kind.as_ptr() as u64,
        0,
        address(&mut data[0]),
    );
    if let Err(number) = result {
        write_all(2, format!("probe: mount: {}\n", errno_text(number)).as_bytes());
        return 1;
    }
    let _ = call(nr::CLOSE, fd as u64, 0, 0, 0, 0);
    exec(command, None)
}
