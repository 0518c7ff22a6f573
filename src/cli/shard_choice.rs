//! `--shard` and `--total-shards`: which part of the fleet they name.

use std::num::NonZeroU32;
use std::str::FromStr;

use crate::shard::Shard;

/// Which shard a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardChoice {
    /// This one.
    Number(u32),
    /// The one that the host name ends with, as that of a Kubernetes `StatefulSet` does.
    Auto,
}

impl FromStr for ShardChoice {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => text.parse().map(Self::Number).map_err(|_| "must be a whole number or `auto`"),
        }
    }
}

impl ShardChoice {
    /// The shard of `total` that is chosen on the host of this name, or what is wrong.
    pub(super) fn of(self, total: u32, host: &str) -> Result<Shard, String> {
        let ordinal = match self {
            Self::Number(ordinal) => ordinal,
            Self::Auto => {
                let before = host.trim_end_matches(|c: char| c.is_ascii_digit());
                let digits = host.strip_prefix(before).unwrap_or_default();
                digits.parse().map_err(|_| {
                    format!(
                        "--shard auto: the host name `{host}` does not end with a number: give the number"
                    )
                })?
            }
        };
        let shard = NonZeroU32::new(total).and_then(|total| Shard::new(ordinal, total));
        shard.ok_or_else(|| {
            format!(
                "--shard {ordinal}: there are --total-shards {total}, numbered from 0 to {}",
                total.saturating_sub(1)
            )
        })
    }
}

/// The name of this machine, or of the container.
pub(super) fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}
