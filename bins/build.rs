//! How every stage is linked: no start files, no libraries, no loader; position-independent, nothing writable
//! that is executable. `common::rt` has the start code that stands in for what is left out.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for arg in [
        "-nostartfiles",
        "-nostdlib",
        "-static-pie",
        // Few, small pages: text and read-only data in one mapping; most have nothing else. Relocated data in another.
        "-Wl,-z,noseparate-code,--no-rosegment",
        "-Wl,-z,relro,-z,now,-z,rodynamic,-z,noexecstack,-z,pack-relative-relocs",
        "-Wl,--no-dynamic-linker,--build-id=none,--gc-sections,--hash-style=gnu",
        "-Wl,--no-eh-frame-hdr",
    ] {
        println!("cargo:rustc-link-arg-bins={arg}");
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../discard.ld");
    println!("cargo:rerun-if-changed={script}");
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{script}");
}
