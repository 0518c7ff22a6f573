//! The paths of our own port, and which path the metrics page may have beside them.

/// The status page.
pub(super) const STATUS: &str = "/";
/// Whether the process runs.
pub(super) const HEALTHY: &str = "/-/healthy";
/// Whether scrapes see all accounts.
pub(super) const READY: &str = "/-/ready";
/// Reads the configuration anew.
pub(super) const RELOAD: &str = "/-/reload";
/// Polls one account now.
pub(super) const POLL: &str = "/-/poll";
/// The status page's style sheet.
pub(super) const STYLE: &str = "/style.css";

/// The status page for programs.
pub(super) const STATUS_JSON: &str = "/status.json";
/// The accounts as targets.
pub(super) const DISCOVERY: &str = "/sd";
/// The configuration in force.
pub(super) const CONFIG: &str = "/config";

/// Paths that are, or are meant to be, something else's.
const TAKEN: [&str; 4] = [STYLE, STATUS_JSON, DISCOVERY, CONFIG];

/// The path of the metrics page: a literal path that no other page has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryPath(Box<str>);

impl Default for TelemetryPath {
    fn default() -> Self {
        Self("/metrics".into())
    }
}

impl TelemetryPath {
    /// What is allowed, for error messages.
    pub const RULE: &str =
        "`/` or `/` and letters, digits and `-._~/`, not one of the exporter's other paths";

    /// A valid path, or nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('/')?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        // No empty segment: clients and proxies fold `//`. No dots alone: clients resolve them.
        let segment = |s: &str| !s.is_empty() && s != "." && s != ".." && s.bytes().all(allowed);
        let literal = rest.is_empty() || rest.split('/').all(segment);
        let free = !TAKEN.contains(&text) && text != "/-" && !text.starts_with("/-/");
        (literal && free).then(|| Self(text.into()))
    }

    /// The path, with its leading `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telemetry_path_is_literal_and_free() {
        for good in ["/", "/metrics", "/a/b-c_d.e~1", "/-x", "/Metrics"] {
            assert!(TelemetryPath::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "metrics",
            "//",
            "/a/",
            "/a//b",
            "/..",
            "/a/./b",
            "/{x}",
            "/*",
            "/:x",
            "/a b",
            "/a?b",
            "/é",
            "/%61",
            "/-",
            "/-/x",
            "/style.css",
            "/status.json",
            "/sd",
            "/config",
        ] {
            assert!(TelemetryPath::parse(bad).is_none(), "{bad}");
        }
    }
}
