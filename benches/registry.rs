//! The way of the `prometheus` crate: a registry of vectors.

use prometheus::{Encoder as _, Gauge, GaugeVec, Opts, Registry, TextEncoder};
use wechat_material_exporter::config::Kind;

use crate::fleet::{name, spread};

/// Series that a healthy account without pools has.
const SERIES: usize = 21;

/// As many series as accounts have on our page, with labels as long.
pub(crate) struct Series {
    registry: Registry,
    gauges: Vec<Gauge>,
}

impl Series {
    pub(crate) fn new(accounts: u64) -> Self {
        let registry = Registry::new();
        let mut gauges = Vec::new();
        for family in 0..SERIES {
            let opts = Opts::new(format!("wechat_material_family_{family}"), "Help of this family.");
            let family_gauges = GaugeVec::new(opts, &["account", "kind"]).expect("a family");
            let kind = Kind::ALL[family % Kind::ALL.len()].label();
            gauges.extend((0..accounts).map(|n| family_gauges.with_label_values(&[&name(n), kind])));
            registry.register(Box::new(family_gauges)).expect("a new family");
        }
        let series = Self { registry, gauges };
        series.set(0);
        series
    }

    /// Gives every series another value: two of three an integer, as on our page.
    pub(crate) fn set(&self, round: u64) {
        for (place, gauge) in (round..).zip(&self.gauges) {
            gauge.set(match place % 3 {
                0 => 0.001 * spread(place, Kind::Voice) as f64,
                _ => spread(place, Kind::Image) as f64,
            });
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text).expect("a page");
        text
    }
}
