use super::*;
use Call::{Data, Token};

/// Each row of the contract: class, label, rule, and every code with the calls it belongs to.
#[test]
fn every_row_has_its_place_label_and_rule() {
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let hours = |n: u64| Duration::from_secs(n * 3_600);
    let to_an_hour = Rule::Doubling { base: None, cap: hours(1) };
    let doubling = |base, cap| Rule::Doubling { base: Some(base), cap };
    let expected = [
        (ErrorClass::Network, "network", Rule::Attempts),
        (ErrorClass::Busy, "busy", Rule::Attempts),
        (ErrorClass::Token, "token", to_an_hour),
        (ErrorClass::Secret, "secret", doubling(minutes(15), hours(1))),
        (ErrorClass::Ip, "ip", doubling(minutes(5), minutes(15))),
        (ErrorClass::Risk, "risk", Rule::Confirmation),
        (ErrorClass::QuotaMinute, "quota_minute", Rule::NextMinute),
        (ErrorClass::QuotaDay, "quota_day", Rule::NextDay),
        (ErrorClass::Permission, "permission", doubling(hours(1), hours(6))),
        (ErrorClass::Account, "account", doubling(hours(6), hours(24))),
        (ErrorClass::Authorization, "authorization", doubling(hours(1), hours(1))),
        (ErrorClass::Ticket, "ticket", doubling(minutes(10), minutes(10))),
        (ErrorClass::Request, "request", to_an_hour),
        (ErrorClass::Decode, "decode", Rule::Interval),
        (ErrorClass::Other, "other", to_an_hour),
    ];
    assert_eq!(CLASSES.len(), expected.len());
    for (row, (class, label, rule)) in CLASSES.iter().zip(expected) {
        assert_eq!((row.class, row.label, row.rule), (class, label, rule));
        assert_eq!(class.row().class, class, "the table is in the order of the enum");
        for text in [row.summary.en, row.summary.zh, row.remedy.en, row.remedy.zh] {
            assert!(!text.is_empty(), "{label} lacks a text");
        }
    }
}

fn check(class: ErrorClass, codes: &[i64], calls: &[Call]) {
    for &code in codes {
        for &call in calls {
            assert_eq!(ErrorClass::of(ErrCode(code), call), class, "{code} on {call:?}");
        }
    }
}

#[test]
fn every_code_has_its_class() {
    let both = &[Token, Data];
    check(ErrorClass::Busy, &[-1, -1000, 85113], both);
    check(ErrorClass::Token, &[40001, 40014, 42001, 48012], &[Data]);
    check(ErrorClass::Secret, &[40001, 40002, 40013, 40125, 40243, 41002, 41004], &[Token]);
    check(ErrorClass::Ip, &[40164, 45035, 61004], both);
    check(ErrorClass::Risk, &[89501, 89502, 89503, 89504, 89505, 89506, 89507], both);
    check(ErrorClass::QuotaMinute, &[45011], both);
    check(ErrorClass::QuotaDay, &[45009], both);
    check(ErrorClass::Permission, &[48001, 48009, 50001, 61007, 61016, 61017, 42005], both);
    check(ErrorClass::Account, &[48004, 50002, 50003, 50004, 50007], both);
    check(ErrorClass::Authorization, &[61003, 42002, 42007, 61023], both);
    check(ErrorClass::Ticket, &[61005, 61006], both);
    let request = [
        40066, 40097, 40170, 41001, 43001, 43002, 43003, 44002, 47001, 61011, 61014, 61015, 61024, 76003,
        76021, 76022, 85088, 85107, 85112,
    ];
    check(ErrorClass::Request, &request, both);
    check(ErrorClass::Other, &[1, 40003, 43004, 89500, 89508, i64::MAX], both);
    check(ErrorClass::Other, &[40013, 41002], &[Data]);
    check(ErrorClass::Other, &[40014, 42001], &[Token]);
}
