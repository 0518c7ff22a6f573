use std::io::Read as _;

use flate2::read::GzDecoder;

use super::*;

fn spelled(push: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut text = Vec::new();
    push(&mut text);
    String::from_utf8(text).unwrap()
}

fn gauge(writer: &mut PageWriter, name: &str, values: &[u64]) {
    writer.family(name, FamilyType::Gauge, "Help.", |writer| {
        for &value in values {
            writer.sample(name.as_bytes(), b"", b" ", Value::Count(value));
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
        let mut writer = PageWriter::new(format, Encoding::Identity, 0);
        writer.family("a_total", FamilyType::Counter, "Help.", |writer| {
            writer.sample(b"a_total", b"", b" ", Value::Count(3));
        });
        String::from_utf8(writer.finish()).unwrap()
    };
    assert_eq!(page(Format::Text), "# HELP a_total Help.\n# TYPE a_total counter\na_total 3\n");
    assert_eq!(page(Format::OpenMetrics), "# TYPE a counter\n# HELP a Help.\na_total 3\n# EOF\n");
}

#[test]
fn a_family_without_samples_leaves_no_trace() {
    for encoding in [Encoding::Identity, Encoding::Gzip] {
        let page = |names: &[(&str, &[u64])]| {
            let mut writer = PageWriter::new(Format::Text, encoding, 0);
            for (name, values) in names {
                gauge(&mut writer, name, values);
            }
            writer.finish()
        };
        assert_eq!(page(&[("a", &[1]), ("b", &[]), ("c", &[2])]), page(&[("a", &[1]), ("c", &[2])]));
    }
}

#[test]
fn a_compressed_page_is_the_same_page_and_never_whole_in_memory() {
    let values: Vec<u64> = (0..100_000).collect();
    let mut plain = PageWriter::new(Format::OpenMetrics, Encoding::Identity, 0);
    gauge(&mut plain, "a", &values);
    let mut compressed = PageWriter::new(Format::OpenMetrics, Encoding::Gzip, 1 << 30);
    gauge(&mut compressed, "a", &values);
    assert!(compressed.text.capacity() < 2 * CHUNK_BYTES);

    let mut text = Vec::new();
    GzDecoder::new(&compressed.finish()[..]).read_to_end(&mut text).unwrap();
    assert!(text.len() > 10 * CHUNK_BYTES);
    assert_eq!(text, plain.finish());
}
