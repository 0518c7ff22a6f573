//! Writes what a registry of the `prometheus` crate gathered, in either format.

use prometheus::proto::{Histogram, LabelPair, Metric, MetricFamily, MetricType};

use super::Format;
use super::family::FamilyType;
use super::write::{PageWriter, Piece, Value, push_canonical_float, push_float, push_label};

/// Writes one gathered family. Gauges, counters and histograms are all there is: others are left out.
pub(super) fn write_gathered(to: &mut PageWriter<'_>, family: &MetricFamily) {
    let family_type = match family.get_field_type() {
        MetricType::COUNTER => FamilyType::Counter,
        MetricType::GAUGE => FamilyType::Gauge,
        MetricType::HISTOGRAM => FamilyType::Histogram,
        MetricType::SUMMARY | MetricType::UNTYPED => return,
    };
    let name = family.name();
    to.family(name, family_type, family.help(), |to| {
        for metric in family.get_metric() {
            match family_type {
                FamilyType::Counter => write_sample(to, name, metric, metric.get_counter().get_value()),
                FamilyType::Gauge => write_sample(to, name, metric, metric.get_gauge().get_value()),
                FamilyType::Histogram => write_histogram(to, name, metric),
            }
        }
    });
}

fn write_sample(to: &mut PageWriter<'_>, name: &str, metric: &Metric, value: f64) {
    write_line(to, name, &labels(metric.get_label(), None), Value::Float(value));
}

fn write_histogram(to: &mut PageWriter<'_>, name: &str, metric: &Metric) {
    let histogram: &Histogram = metric.get_histogram();
    let bucket_name = format!("{name}_bucket");
    let mut bucket = |upper_bound: f64, count: u64| {
        let le = bound(to.format(), upper_bound);
        let labels = labels(metric.get_label(), Some(&le));
        write_line(to, &bucket_name, &labels, Value::Count(count));
    };
    for finite in histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite()) {
        bucket(finite.upper_bound(), finite.cumulative_count());
    }
    // Both formats demand this bucket; the crate leaves it out.
    bucket(f64::INFINITY, histogram.get_sample_count());

    let labels = labels(metric.get_label(), None);
    let sum = Value::Float(histogram.get_sample_sum());
    write_line(to, &format!("{name}_sum"), &labels, sum);
    let count = Value::Count(histogram.get_sample_count());
    write_line(to, &format!("{name}_count"), &labels, count);
}

fn write_line(to: &mut PageWriter<'_>, name: &str, labels: &[u8], value: Value) {
    to.sample([Piece::whole(name.as_bytes()), Piece::whole(labels), Piece::whole(b" ")], value);
}

/// The label `le`, spelled as each format's own libraries spell it.
fn bound(format: Format, upper_bound: f64) -> Vec<u8> {
    let mut text = b"le=\"".to_vec();
    match format {
        Format::Text => push_float(&mut text, upper_bound),
        Format::OpenMetrics => push_canonical_float(&mut text, upper_bound),
    }
    text.push(b'"');
    text
}

/// The whole label part of a series, which is empty without labels.
fn labels(pairs: &[LabelPair], le: Option<&[u8]>) -> Vec<u8> {
    let mut text = Vec::new();
    for pair in pairs {
        text.push(if text.is_empty() { b'{' } else { b',' });
        push_label(&mut text, pair.name(), pair.value());
    }
    if let Some(le) = le {
        text.push(if text.is_empty() { b'{' } else { b',' });
        text.extend_from_slice(le);
    }
    if !text.is_empty() {
        text.push(b'}');
    }
    text
}
