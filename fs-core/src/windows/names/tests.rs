use super::*;
use proptest::prelude::*;

fn windows(name: &[u8]) -> String {
    String::from_utf16(&to_windows(name)).expect("no half surrogates")
}

fn utf16(name: &str) -> Vec<u16> {
    name.encode_utf16().collect()
}

#[test]
fn ordinary_names_stay() {
    for name in [
        "passwd",
        ".bashrc",
        "a.tar.gz",
        "Grüße",
        "日本語",
        "🦀.rs",
        "two words",
        "@2024-06-01T03-00-00+0200",
    ] {
        assert_eq!(windows(name.as_bytes()), name);
    }
}

#[test]
fn forbidden_characters_are_escaped() {
    assert_eq!(windows(b"12:30"), "12\u{f03a}30");
    assert_eq!(
        windows(br#"<>:"/\|?*"#),
        "\u{f03c}\u{f03e}\u{f03a}\u{f022}\u{f02f}\u{f05c}\u{f07c}\u{f03f}\u{f02a}"
    );
    assert_eq!(windows(b"a\nb\x01\x1f\x7f"), "a\u{f00a}b\u{f001}\u{f01f}\x7f");
}

#[test]
fn dots_and_spaces_are_escaped_at_the_end_only() {
    assert_eq!(windows(b" .a. b. ."), " .a. b\u{f02e}\u{f020}\u{f02e}");
    assert_eq!(windows(b"..."), "\u{f02e}\u{f02e}\u{f02e}");
}

#[test]
fn device_names_are_escaped() {
    for (name, expected) in [
        ("CON", "\u{f043}ON"),
        ("nul", "\u{f06e}ul"),
        ("Aux.c", "\u{f041}ux.c"),
        ("prn.tar.gz", "\u{f070}rn.tar.gz"),
        ("com0", "\u{f063}om0"),
        ("LPT9.txt", "\u{f04c}PT9.txt"),
        ("COM¹", "\u{f043}OM¹"),
        ("lpt³.x", "\u{f06c}pt³.x"),
        ("NUL .txt", "\u{f04e}UL .txt"),
        ("conin$", "\u{f063}onin$"),
        ("CONOUT$.log", "\u{f043}ONOUT$.log"),
    ] {
        assert_eq!(windows(name.as_bytes()), expected);
    }
    for name in ["CONS", "COM", "COM10", "COM⁴", "LPT", "xCON", "a.con", "nul-", ".nul", "com1x.c"] {
        assert_eq!(windows(name.as_bytes()), name);
    }
    // The character that made it a device's name is escaped already.
    assert_eq!(windows(b"CON:"), "CON\u{f03a}");
    assert_eq!(windows(b"CON. "), "CON\u{f02e}\u{f020}");
}

#[test]
fn bytes_that_are_no_utf8_are_escaped() {
    assert_eq!(windows(b"caf\xe9"), "caf\u{f0e9}");
    assert_eq!(windows(b"\xff\xe2\x82x"), "\u{f0ff}\u{f0e2}\u{f082}x");
}

#[test]
fn half_a_pair_stays_half_a_pair() {
    for units in [
        &[0xd800][..],
        &[u16::from(b'a'), 0xdc00, u16::from(b'b')],
        &[0xdfff, 0xd800],
        &[0xd800, 0xd83e, 0xdd80],
    ] {
        let name = from_windows(units).unwrap();
        assert!(String::from_utf8(name.clone()).is_err());
        assert_eq!(to_windows(&name), units);
    }
    assert_eq!(from_windows(&[0xd800]).unwrap(), b"\xed\xa0\x80");
    // Both halves of a pair, each by itself: Windows would make one character of them.
    assert_eq!(to_windows(b"\xed\xa0\xbe\xed\xb6\x80"), [0xd83e, 0xf0ed, 0xf0b6, 0xf080]);
}

#[test]
fn a_plain_reading_knows_no_escapes() {
    assert_eq!(plain(&utf16("a\u{f041}ü")), "a\u{f041}ü".as_bytes());
    assert_eq!(plain(&[0xd800]), b"\xed\xa0\x80");
}

#[test]
fn private_characters_of_the_original_cannot_be_mistaken() {
    assert_eq!(windows("\u{f03a}".as_bytes()), "\u{f0ef}\u{f080}\u{f0ba}");
    assert_eq!(windows("\u{f100}\u{efff}".as_bytes()), "\u{f100}\u{efff}");
}

#[test]
fn names_that_no_file_has_are_none() {
    let no_unix_names = ["\u{f02e}", "\u{f02e}\u{f02e}", "a\u{f02f}b", "\u{f000}"];
    for name in
        ["\u{f041}", "CON", "a:b", "a.", "\u{f0e9}\u{f041}", "x\u{f02e}y"].into_iter().chain(no_unix_names)
    {
        assert_eq!(from_windows(&utf16(name)), None, "{name:?}");
    }
}

/// Names that combine the special cases, which random bytes seldom do.
fn tricky() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        any::<u8>().prop_filter("no NUL", |&byte| byte != 0).prop_map(|byte| vec![byte]),
        (0xa0..=0xbf_u8, 0x80..=0xbf_u8).prop_map(|(high, low)| vec![0xed, high, low]),
        "[a-zA-Z ._:$¹\u{efff}-\u{f100}🦀]".prop_map(String::into_bytes),
        "(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\\$|conout\\$)".prop_map(String::into_bytes),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn check(name: &[u8]) -> Result<(), TestCaseError> {
    let units = to_windows(name);
    prop_assert_eq!(from_windows(&units), is_unix_name(name).then(|| name.to_vec()));
    prop_assert!(units.len() <= name.len());
    prop_assert!(!is_device(&units));
    let text = String::from_utf16_lossy(&units);
    prop_assert!(!text.contains(is_forbidden));
    prop_assert!(!text.ends_with(['.', ' ']));
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_survive_the_way_there_and_back(name in prop::collection::vec(1..=255_u8, 0..=255)) {
        check(&name)?;
    }

    #[test]
    fn tricky_names_survive_the_way_there_and_back(name in tricky()) {
        check(&name)?;
    }

    #[test]
    fn a_windows_name_is_that_of_one_file(units in prop::collection::vec(any::<u16>(), 0..8)) {
        if let Some(name) = from_windows(&units) {
            prop_assert_eq!(to_windows(&name), units);
        }
    }
}
