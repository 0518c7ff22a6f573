//! Which part of the fleet a process polls, when several share one configuration. Pure.

use std::num::NonZeroU32;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Most shards: finding an account's owner takes a look at each of them.
pub const MOST: u32 = 1_000;

/// One of the processes that share a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    ordinal: u32,
    total: NonZeroU32,
}

impl Default for Shard {
    /// The only one.
    fn default() -> Self {
        Self { ordinal: 0, total: NonZeroU32::MIN }
    }
}

impl Shard {
    /// Shard `ordinal` of `total`, counted from 0. Nothing if there is no such one.
    pub fn new(ordinal: u32, total: NonZeroU32) -> Option<Self> {
        (ordinal < total.get()).then_some(Self { ordinal, total })
    }

    /// Its number, from 0.
    pub fn ordinal(self) -> u32 {
        self.ordinal
    }

    /// How many there are.
    pub fn total(self) -> u32 {
        self.total.get()
    }

    /// Whether there is no other.
    pub fn is_whole(self) -> bool {
        self.total == NonZeroU32::MIN
    }

    /// Whether the account at `place` on the ring is this shard's: the only one, the one that it is pinned to, or
    /// the one whose number gives the highest hash with the place (rendezvous hashing). So one more
    /// shard takes its part from all others, and nothing moves between those.
    pub fn owns(self, place: u64, pin: Option<u32>) -> bool {
        self.is_whole() || pin.unwrap_or_else(|| self.owner(place)) == self.ordinal
    }

    fn owner(self, place: u64) -> u32 {
        let weight = |shard: &u32| xxh3_64_with_seed(&place.to_le_bytes(), u64::from(*shard));
        (0..self.total.get()).max_by_key(weight).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::AccountName;

    fn shards(total: u32) -> Vec<Shard> {
        let total = NonZeroU32::new(total).unwrap();
        (0..total.get()).map(|ordinal| Shard::new(ordinal, total).unwrap()).collect()
    }

    fn places(fleet: u32) -> Vec<u64> {
        (0..2_000).map(|i| AccountName::parse(&format!("fleet-{fleet}-{i}")).unwrap().place()).collect()
    }

    #[test]
    fn there_is_no_shard_beyond_the_total() {
        let three = NonZeroU32::new(3).unwrap();
        assert!(Shard::new(2, three).is_some());
        assert!(Shard::new(3, three).is_none());
    }

    #[test]
    fn a_pin_goes_before_the_hash() {
        for place in places(0) {
            let owners: Vec<_> = shards(4).into_iter().filter(|shard| shard.owns(place, Some(2))).collect();
            assert_eq!(owners.iter().map(|shard| shard.ordinal()).collect::<Vec<_>>(), [2]);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Every account has one owner, in even parts; one more shard takes 1/(N+1) of them, and
        /// nothing moves between the others.
        #[test]
        fn one_more_shard_moves_its_own_part_alone(total in 1..20_u32, fleet in any::<u32>()) {
            let (before, after) = (shards(total), shards(total + 1));
            let owner = |shards: &[Shard], place| {
                let owners: Vec<_> = shards.iter().filter(|shard| shard.owns(place, None)).collect();
                prop_assert_eq!(owners.len(), 1);
                Ok(owners[0].ordinal())
            };
            let places = places(fleet);
            let (mut moved, mut parts) = (0_u32, vec![0_u32; after.len()]);
            for place in &places {
                let (old, new) = (owner(&before, *place)?, owner(&after, *place)?);
                parts[new as usize] += 1;
                if old != new {
                    prop_assert_eq!(new, total, "only the new shard takes");
                    moved += 1;
                }
            }
            // Five standard deviations of a binomial distribution.
            let share = 1.0 / f64::from(total + 1);
            let (mean, deviation) = (2_000.0 * share, (2_000.0 * share * (1.0 - share)).sqrt());
            for part in parts.into_iter().chain([moved]) {
                prop_assert!((f64::from(part) - mean).abs() < 5.0 * deviation, "{} of {}", part, mean);
            }
        }
    }
}
