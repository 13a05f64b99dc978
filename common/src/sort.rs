//! Sorting in place, without the copies of the standard library's sorts ([`crate::sys::copy`] tells why), and without
//! recursion.

/// Puts `items` in ascending order: heapsort, so n log n steps whatever order they come in.
pub fn sort<T: Ord>(items: &mut [T]) {
    for root in (0..items.len() / 2).rev() {
        sink(items, root);
    }
    for end in (1..items.len()).rev() {
        items.swap(0, end);
        sink(items.get_mut(..end).unwrap_or_default(), 0);
    }
}

/// Moves the item at `root` down until none below it is larger; below it that is so everywhere.
fn sink<T: Ord>(heap: &mut [T], mut root: usize) {
    loop {
        let left = 2 * root + 1;
        let larger = if heap.get(left) < heap.get(left + 1) { left + 1 } else { left };
        if heap.get(larger) <= heap.get(root) {
            return;
        }
        heap.swap(root, larger);
        root = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::sort;

    #[test]
    fn every_order_of_up_to_seven_items_is_put_in_order() {
        for len in 0..=7u32 {
            // All sequences of three values, repeated ones among them.
            for number in 0..3u32.pow(len) {
                let mut items: Vec<u32> = (0..len).map(|place| number / 3u32.pow(place) % 3).collect();
                let mut expected = items.clone();
                expected.sort();
                sort(&mut items);
                assert_eq!(items, expected);
            }
        }
    }

    #[test]
    fn many_items_are_put_in_order() {
        for step in [1u32, 7, 4093, 65_535] {
            let mut items: Vec<u32> =
                (0..65_536).map(|number: u32| number.wrapping_mul(step) % 65_537).collect();
            sort(&mut items);
            assert!(items.is_sorted());
        }
    }
}
