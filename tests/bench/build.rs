//! Links the floor and the no-op without start files, libc or loader.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for bin in ["bench-floor", "bench-noop"] {
        for arg in ["-nostartfiles", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"] {
            println!("cargo:rustc-link-arg-bin={bin}={arg}");
        }
    }
}
