//! Ten days that a young Prometheus has not seen: blocks of what the recording rules would have left, made by
//! `promtool` before the start. The newest three hours, which belong to the running server, stay out.

use std::fmt::Write as _;
use std::path::Path;

use crate::program::feed;

const DAY: u64 = 86_400;
/// Closer than Prometheus looks back.
const STEP: u64 = 240;

/// One series: its selector, its value now, and what it grows by in a day.
type Row = (&'static str, f64, f64);

const SERIES: [Row; 5] = [
    ("account_kind:wechat_material_items:max{job=\"wechat\",account=\"growing\",kind=\"voice\"}", 420.0, 7.0),
    (
        "account_kind:wechat_material_items:max{job=\"wechat\",account=\"growing\",kind=\"video\"}",
        515.0,
        40.0,
    ),
    (
        "account_kind:wechat_material_items:max{job=\"wechat\",account=\"growing\",kind=\"image\"}",
        52_600.0,
        900.0,
    ),
    ("account_kind:wechat_material_items:max{job=\"wechat\",account=\"healthy\",kind=\"news\"}", 212.0, 0.0),
    (
        "account_pool:wechat_material_pool_usage_ratio:max{job=\"wechat\",account=\"pooled\",pool=\"voice_video\"}",
        0.5,
        0.01,
    ),
];

/// Writes them below `data` in `dir` as of `now`, in seconds since the Unix epoch.
pub(super) async fn write(dir: &Path, now: u64) {
    let mut text = String::new();
    let mut family = "";
    for (selector, value, per_day) in SERIES {
        let name = selector.split('{').next().unwrap();
        if name != family {
            writeln!(text, "# TYPE {name} gauge").unwrap();
            family = name;
        }
        for time in (now - 10 * DAY..now - DAY / 8).step_by(usize::try_from(STEP).unwrap()) {
            let days = (now - time) as f64 / DAY as f64;
            writeln!(text, "{selector} {} {time}", value - per_day * days).unwrap();
        }
    }
    text.push_str("# EOF\n");
    let (page, data) = (dir.join("history"), dir.join("data"));
    std::fs::write(&page, text).unwrap();
    // Few large blocks take half a second, blocks of two hours twelve.
    let args = ["tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=240h"];
    let args = [&args[..], &[page.to_str().unwrap(), data.to_str().unwrap()]].concat();
    let (code, said) = feed("promtool", &args, b"").await;
    assert_eq!(code, Some(0), "{said}");
}
