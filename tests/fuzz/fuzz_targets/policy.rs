#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| (fuzz_targets::target("policy").expect("in the list").run)(data));
