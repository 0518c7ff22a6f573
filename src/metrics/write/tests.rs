use std::io::Read as _;

use flate2::read::GzDecoder;
use proptest::prelude::*;

use super::*;

fn spelled(push: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut text = Vec::new();
    push(&mut text);
    String::from_utf8(text).unwrap()
}

/// The parts of the page that `write` writes.
fn parts(format: Format, encoding: Encoding, write: impl FnOnce(&mut PageWriter<'_>)) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut pass_on = |part| parts.push(part);
    let mut writer = PageWriter::new(format, encoding, &mut pass_on);
    write(&mut writer);
    writer.finish();
    parts
}

fn gauge(writer: &mut PageWriter<'_>, name: &str, values: &[u64]) {
    writer.family(name, FamilyType::Gauge, "Help.", |writer| {
        for &value in values {
            let [name, labels, end] = [name.as_bytes(), b"", b" "].map(Piece::whole);
            writer.sample([name, labels, end], Value::Count(value));
        }
    });
}

#[test]
fn label_values_are_escaped() {
    let cases = [
        ("", r#"a="""#),
        ("plain é 汉", r#"a="plain é 汉""#),
        ("\\", r#"a="\\""#),
        ("\"\"", r#"a="\"\"""#),
        ("x\ny\\n", r#"a="x\ny\\n""#),
    ];
    for (value, expected) in cases {
        assert_eq!(spelled(|text| push_label(text, "a", value)), expected);
    }
}

#[test]
fn numbers_are_spelled_as_the_formats_want() {
    let cases = [
        (0.0, "0", "0.0"),
        (-0.0, "-0", "-0.0"),
        (1.0, "1", "1.0"),
        (0.05, "0.05", "0.05"),
        (10.0, "10", "10.0"),
        (f64::NAN, "NaN", "NaN"),
        (f64::INFINITY, "+Inf", "+Inf"),
        (f64::NEG_INFINITY, "-Inf", "-Inf"),
    ];
    for (number, short, canonical) in cases {
        assert_eq!(spelled(|text| push_float(text, number)), short);
        assert_eq!(spelled(|text| push_canonical_float(text, number)), canonical);
    }
}

#[test]
fn moments_are_exact_decimals() {
    let cases = [
        (0, "0"),
        (1, "0.001"),
        (1_790_000_000_000, "1790000000"),
        (1_790_000_000_050, "1790000000.050"),
        (-1, "-0.001"),
        (-2_500, "-2.500"),
    ];
    for (millis, expected) in cases {
        assert_eq!(spelled(|text| push_moment(text, WallTime::from_millis(millis))), expected);
    }
}

#[test]
fn help_escapes_quotes_in_openmetrics_only() {
    let help = "a \"b\" \\ c\nd";
    assert_eq!(spelled(|text| push_help(text, help, Format::Text)), "a \"b\" \\\\ c\\nd\n");
    assert_eq!(spelled(|text| push_help(text, help, Format::OpenMetrics)), "a \\\"b\\\" \\\\ c\\nd\n");
}

#[test]
fn a_counter_is_named_without_its_suffix_in_openmetrics_metadata() {
    let page = |format| {
        let parts = parts(format, Encoding::Identity, |writer| {
            writer.family("a_total", FamilyType::Counter, "Help.", |writer| {
                let [name, labels, end] = [&b"a_total"[..], b"", b" "].map(Piece::whole);
                writer.sample([name, labels, end], Value::Count(3));
            });
        });
        String::from_utf8(parts.concat()).unwrap()
    };
    assert_eq!(page(Format::Text), "# HELP a_total Help.\n# TYPE a_total counter\na_total 3\n");
    assert_eq!(page(Format::OpenMetrics), "# TYPE a counter\n# HELP a Help.\na_total 3\n# EOF\n");
}

#[test]
fn a_family_without_samples_leaves_no_trace() {
    for encoding in [Encoding::Identity, Encoding::Gzip] {
        let page = |names: &[(&str, &[u64])]| {
            parts(Format::Text, encoding, |writer| {
                for (name, values) in names {
                    gauge(writer, name, values);
                }
            })
        };
        assert_eq!(page(&[("a", &[1]), ("b", &[]), ("c", &[2])]), page(&[("a", &[1]), ("c", &[2])]));
        assert_eq!(page(&[]).concat(), page(&[("a", &[])]).concat());
    }
}

#[test]
fn a_page_is_passed_on_in_parts_of_bounded_length() {
    let values: Vec<u64> = (0..500_000).collect();
    let of = |encoding| parts(Format::OpenMetrics, encoding, |writer| gauge(writer, "a", &values));
    let (plain, compressed) = (of(Encoding::Identity), of(Encoding::Gzip));
    for parts in [&plain, &compressed] {
        let (last, full) = parts.split_last().unwrap();
        assert!(full.len() >= 5 && !last.is_empty());
        assert!(full.iter().all(|part| (PART_BYTES..2 * PART_BYTES).contains(&part.len())));
    }
    let mut text = Vec::new();
    GzDecoder::new(&compressed.concat()[..]).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.concat());
}

#[test]
fn a_text_of_any_length_is_a_piece() {
    let long = [b'a'; 2 * BLOCK_BYTES];
    for len in 0..long.len() {
        let expected = format!("b{}", "a".repeat(len));
        let padded = Padded::new(&long[..len]);
        for piece in [padded.piece(), Piece::whole(&long[..len]), Piece::of(&long, len)] {
            let spelled = spelled(|text| {
                text.push(b'b');
                piece.push_to(text);
            });
            assert_eq!(spelled, expected);
        }
    }
}

proptest! {
    /// Whatever the limit: what is printed reads back as the quotient.
    #[test]
    fn a_share_reads_back_as_the_quotient(part: u64, digits in 0..20_u32, whole in 1..=u64::MAX, other: bool) {
        let part = part >> (digits * 3);
        let whole = if other { whole >> (digits * 3).min(whole.ilog2()) } else { 10_u64.pow(digits.min(19)) };
        let spelled = spelled(|text| push_share(text, part, whole));
        let read: f64 = spelled.parse().unwrap();
        prop_assert_eq!(read.to_bits(), (part as f64 / whole as f64).to_bits(), "{}", spelled);
    }
}

#[test]
fn usual_shares_are_spelled_short() {
    let cases = [
        (0, 1000, "0"),
        (50, 1000, "0.05"),
        (1000, 1000, "1"),
        (1234, 1000, "1.234"),
        (1, 100_000, "0.00001"),
        (67_890, 100_000, "0.6789"),
        (1, 3, "0.3333333333333333"),
    ];
    for (part, whole, expected) in cases {
        assert_eq!(spelled(|text| push_share(text, part, whole)), expected);
    }
}
