//! How much of a daily quota polls may use.

/// A part of a whole, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// So many millionths.
    pub const fn of_million(millionths: u32) -> Self {
        Self(millionths)
    }

    /// What is allowed in text, for error messages.
    pub(super) const RULE: &str = "with at most 6 decimals, such as `0.2`";

    /// A decimal number such as `0.2` or `1`, or nothing. Exact: at most 6 decimals.
    pub fn parse(text: &str) -> Option<Self> {
        const DECIMALS: usize = 6;
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) || decimals.len() > DECIMALS {
            return None;
        }
        format!("{whole}{decimals:0<DECIMALS$}").parse().ok().map(Self)
    }

    /// The part as a number; 1 is the whole.
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / 1_000_000.0
    }

    /// The part in millionths; 1,000,000 is the whole.
    pub const fn millionths(self) -> u32 {
        self.0
    }
}

/// How much of the daily quota of an API an account's polls may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Calls of `get_materialcount` a day that `WeChat` is assumed to allow, until `quota/get` has
    /// told. The default is what most accounts' consoles show.
    pub daily_calls: u64,
    /// Planned calls of one API over its daily quota: not more than this.
    pub max_share: Share,
    /// Below this part of its quota that remains for today, an API is polled less often.
    pub reserve: Share,
    /// Whether a plan above `max_share` is carried out all the same.
    pub allow_over_budget: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            daily_calls: 1_000,
            max_share: Share::of_million(200_000),
            reserve: Share::of_million(100_000),
            allow_over_budget: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_exactly() {
        let shares = [
            ("0.2", 200_000),
            ("1", 1_000_000),
            ("0.05", 50_000),
            ("0.000001", 1),
            ("0", 0),
            ("1.0", 1_000_000),
        ];
        for (text, millionths) in shares {
            assert_eq!(Share::parse(text), Some(Share::of_million(millionths)), "{text}");
        }
        for bad in
            ["", ".", "1.", ".5", "-0.1", "+0.1", "0.1000000", "2e-1", "20%", "0,2", "٠.٢", "99999999999"]
        {
            assert_eq!(Share::parse(bad), None, "{bad}");
        }
    }
}
