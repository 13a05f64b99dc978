//! Damaged plans: changed, cut, stretched, or noise. Each is refused by name or is a plan like any other.

use super::generate::Random;
use super::golden;
use super::*;

/// Whose bytes they are, as ranges of a plan: each frame's payload.
fn payloads(records: &Records<'_>) -> Vec<(&'static str, std::ops::Range<usize>)> {
    let mut at = HEADER_LEN;
    let mut ranges = Vec::new();
    for (stage, bytes) in records.frames() {
        at += FRAME_HEADER_LEN;
        ranges.push((stage.name(), at..at + bytes.len()));
        at += bytes.len();
    }
    ranges
}

/// Every place of a short plan, every 101st of a long one, where all of them would take minutes.
fn stride(length: usize) -> usize {
    if length > 2000 { 101 } else { 1 }
}

/// Changes byte `at` of `bytes` to `value`, looks, and changes it back.
fn change(bytes: &mut [u8], at: usize, value: u8, owner: Option<&'static str>) {
    let before = std::mem::replace(&mut bytes[at], value);
    if let Err(bad) = assert_refused_or_canonical(bytes)
        && let Some(owner) = owner
    {
        assert_eq!(bad.stage, owner, "byte {at} made {value:#x}: the wrong one is blamed: {bad:?}");
    }
    bytes[at] = before;
}

#[test]
fn every_single_byte_change_is_refused_by_name_or_means_what_it_says() {
    for (name, records) in golden::all() {
        if name == "many" {
            continue;
        }
        let mut bytes = records.encode();
        let ranges = payloads(&records);
        for at in 0..bytes.len() {
            let owner = ranges.iter().find(|(_, range)| range.contains(&at)).map(|(stage, _)| *stage);
            let own = bytes[at];
            for value in (0..=255).filter(|value| *value != own) {
                change(&mut bytes, at, value, owner);
            }
        }
    }
}

#[test]
fn changes_of_a_long_plan_are_refused_by_name_or_mean_what_they_say() {
    let mut random = Random::new("changes_of_a_long_plan");
    let (_, records) = golden::all()[2];
    let mut bytes = records.encode();
    let ranges = payloads(&records);
    for _ in 0..2000 {
        let at = random.below(bytes.len());
        let owner = ranges.iter().find(|(_, range)| range.contains(&at)).map(|(stage, _)| *stage);
        let value = random.next() as u8;
        change(&mut bytes, at, value, owner);
    }
}

#[test]
fn every_truncation_is_refused() {
    for (_, records) in golden::all() {
        let bytes = records.encode();
        for length in 0..bytes.len() {
            let cut = &bytes[..length];
            assert!(assert_refused_or_canonical(cut).is_err(), "{length} of {} bytes", bytes.len());
        }
    }
}

/// The length in the header makes a plain truncation easy to see; here it is made to fit.
#[test]
fn every_truncation_with_a_length_to_match_is_refused() {
    for (_, records) in golden::all() {
        let bytes = records.encode();
        for length in (HEADER_LEN..bytes.len()).step_by(stride(bytes.len())) {
            let mut cut = bytes[..length].to_vec();
            cut[12..16].copy_from_slice(&(length as u32).to_le_bytes());
            assert!(assert_refused_or_canonical(&cut).is_err(), "{length} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn a_frame_that_is_cut_short_is_refused_in_its_own_name() {
    for (_, records) in golden::all() {
        let frames = records.frames();
        for index in 0..frames.len() {
            let stage = frames[index].0.name();
            let whole = frames[index].1.len();
            for length in (0..whole).step_by(stride(whole)) {
                let mut frames = frames.clone();
                frames[index].1.truncate(length);
                let bad = assert_refused_or_canonical(&put_together(records.flags, &frames)).unwrap_err();
                assert_eq!(bad.stage, stage, "{length} bytes: {bad:?}");
                assert_ne!(bad.field, "end", "{length} bytes: {bad:?}");
            }
        }
    }
}

#[test]
fn bytes_after_the_last_field_are_refused() {
    for (_, records) in golden::all() {
        let frames = records.frames();
        for index in 0..frames.len() {
            for extra in 0..=255 {
                let mut frames = frames.clone();
                frames[index].1.push(extra);
                let bad = assert_refused_or_canonical(&put_together(records.flags, &frames)).unwrap_err();
                assert_eq!((bad.stage, bad.field), (frames[index].0.name(), "end"));
            }
        }
    }
}

#[test]
fn bytes_after_the_last_frame_are_refused() {
    for (_, records) in golden::all() {
        let bytes = records.encode();
        for extra in 1..=2 * FRAME_HEADER_LEN {
            let mut longer = bytes.clone();
            longer.resize(bytes.len() + extra, 0);
            let bad = assert_refused_or_canonical(&longer).unwrap_err();
            assert_eq!((bad.stage, bad.field), ("plan", "length"));
            longer[12..16].copy_from_slice(&((bytes.len() + extra) as u32).to_le_bytes());
            let bad = assert_refused_or_canonical(&longer).unwrap_err();
            assert_eq!((bad.stage, bad.field), ("plan", "frame"));
        }
    }
}

#[test]
fn noise_is_refused_and_never_panics() {
    let mut random = Random::new("noise");
    for _ in 0..20_000 {
        let length = random.below(200);
        let noise: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        assert!(assert_refused_or_canonical(&noise).is_err());
        // Behind a good header and frame header, where it is decoded.
        for stage in Stage::ALL {
            let _ = assert_refused_or_canonical(&plan_of_one(stage, noise.clone()));
        }
    }
}

/// Damage that leaves most of a plan alone gets deeper into the decoders than noise does.
#[test]
fn generated_plans_with_a_few_bytes_changed_never_panic() {
    let mut random = Random::new("generated_plans_with_a_few_bytes_changed");
    let mut accepted = 0;
    for _ in 0..2000 {
        let mut bytes = random.records().encode();
        for _ in 0..1 + random.below(3) {
            let at = random.below(bytes.len());
            bytes[at] = [0, 1, 2, 0x7f, 0x80, 0xff, random.next() as u8][random.below(7)];
        }
        accepted += usize::from(assert_refused_or_canonical(&bytes).is_ok());
    }
    assert!(accepted > 100, "only {accepted} of 2000 were accepted: this tests the refusals alone");
}
