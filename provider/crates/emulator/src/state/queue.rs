//! The queue of copies: so many run at a time in a region, the others wait and start in the order in which they were asked
//! for. A copy counts in the region that it comes from and in the one that it goes to.

use std::collections::BTreeMap;

use crate::clock::Millis;
use crate::state::image::Image;
use crate::state::region::Region;

/// Starts what could start after `since` and until `now`, each copy at the instant at which there was room for it.
pub(crate) fn advance(regions: &mut BTreeMap<String, Region>, since: Millis, now: Millis, at_once: usize) {
    let waits = |region: &Region| region.images.iter().any(Image::waits_its_turn);
    let mut at = since.min(now);
    while regions.values().any(waits) {
        let ends =
            regions.values().flat_map(|region| &region.images).filter(|image| image.is_being_copied(at));
        let next = ends.filter_map(Image::ready_at).filter(|end| *end <= now).min();
        at = next.unwrap_or(now);
        start(regions, at, at_once);
        if next.is_none() {
            return;
        }
    }
}

/// Starts what there is room for at that instant.
fn start(regions: &mut BTreeMap<String, Region>, at: Millis, at_once: usize) {
    let (mut outgoing, mut incoming) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
    let mut waiting = Vec::new();
    for (name, region) in &*regions {
        for image in &region.images {
            let Some((source, _)) = &image.copied_from else { continue };
            if image.is_being_copied(at) {
                *outgoing.entry(source.clone()).or_default() += 1;
                *incoming.entry(name.clone()).or_default() += 1;
            } else if image.waits_its_turn() {
                waiting.push((image.queued, source.clone(), name.clone(), image.id.clone()));
            }
        }
    }
    waiting.sort();
    for (_, source, name, id) in waiting {
        let (out, into) = (outgoing.entry(source).or_default(), incoming.entry(name.clone()).or_default());
        if *out < at_once && *into < at_once {
            let takes_time = regions.get_mut(&name).is_some_and(|region| region.start_copy(&id, at));
            *out += usize::from(takes_time);
            *into += usize::from(takes_time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Copies of 10 s each, by number, source and destination, after the queue has come to the end of `now`.
    fn queue(copies: &[(u64, &str, &str)], now: Millis) -> BTreeMap<String, Region> {
        let mut regions: BTreeMap<String, Region> = BTreeMap::new();
        for (number, from, to) in copies {
            regions.entry((*to).to_owned()).or_default().images.push(Image {
                id: format!("m-{number}"),
                copied_from: Some(((*from).to_owned(), "m-source".to_owned())),
                queued: Some(*number),
                created: 0,
                build: 10,
                ..Image::default()
            });
        }
        advance(&mut regions, 0, 0, 2);
        advance(&mut regions, 0, now, 2);
        regions
    }

    /// When each copy of `copies` starts: `None` for those that wait.
    #[track_caller]
    fn check(copies: &[(u64, &str, &str)], now: Millis, expect: &[Option<Millis>]) {
        let regions = queue(copies, now);
        let seen: Vec<Option<Millis>> = copies
            .iter()
            .map(|(number, _, to)| {
                let image = regions[*to].image(&format!("m-{number}")).expect("there");
                image.queued.is_none().then_some(image.waited)
            })
            .collect();
        assert_eq!(seen, expect, "at {now}");
    }

    #[test]
    fn copies_start_in_their_order_as_others_end() {
        let five: Vec<_> = (1..=5).map(|number| (number, "a", "b")).collect();
        check(&five, 0, &[Some(0), Some(0), None, None, None]);
        check(&five, 9, &[Some(0), Some(0), None, None, None]);
        check(&five, 10, &[Some(0), Some(0), Some(10), Some(10), None]);
        check(&five, 1_000, &[Some(0), Some(0), Some(10), Some(10), Some(20)]);
    }

    #[test]
    fn both_ends_of_a_copy_must_have_room() {
        check(&[(1, "a", "b"), (2, "a", "c"), (3, "a", "d")], 0, &[Some(0), Some(0), None]);
        check(&[(1, "a", "d"), (2, "b", "d"), (3, "c", "d")], 0, &[Some(0), Some(0), None]);
        let full = [(1, "a", "b"), (2, "a", "b"), (3, "a", "c"), (4, "d", "c")];
        check(&full, 5, &[Some(0), Some(0), None, Some(0)]);
    }

    #[test]
    fn a_copy_that_is_over_in_some_other_way_makes_room() {
        let mut regions = queue(&[(1, "a", "b"), (2, "a", "b"), (3, "a", "b")], 0);
        let region = regions.get_mut("b").expect("there");
        region.image_mut("m-1").expect("there").forced_status = Some("CreateFailed".to_owned());
        advance(&mut regions, 0, 4, 2);
        assert_eq!(regions["b"].image("m-3").map(|image| (image.queued, image.waited)), Some((None, 4)));
    }

    #[test]
    fn what_takes_no_time_takes_no_room() {
        let mut regions = queue(&[], 0);
        for number in 1..=9 {
            regions.entry("b".to_owned()).or_default().images.push(Image {
                id: format!("m-{number}"),
                copied_from: Some(("a".to_owned(), "m-source".to_owned())),
                queued: Some(number),
                ..Image::default()
            });
        }
        advance(&mut regions, 0, 0, 2);
        assert!(regions["b"].images.iter().all(|image| image.status(0) == "Available"));
    }
}
