//! The options of rsync(1) 3.0 to 3.5, and whether each takes a value.

/// Whether an option takes a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// The option takes no value.
    Flag,
    /// The option takes a value: after a `=`, or as the next argument.
    Value,
}

const SHORT_FLAGS: &[u8] = b"0468ACDEFHIJKLNOPRSUVWXabcdghiklmnopqrstuvxyz";
const SHORT_WITH_VALUE: &[u8] = b"@BMTef";

/// Long options without a value, sorted.
const FLAGS: &str = "\
    8-bit-output acls append append-verify archive atimes backup blocking-io checksum compress \
    copy-devices copy-dirlinks copy-links copy-unsafe-links crtimes cvs-exclude daemon del delay-updates \
    delete delete-after delete-before delete-delay delete-during delete-excluded delete-missing-args \
    detach devices dirs drop-D dry-run executability existing fake-super force from0 fsync fuzzy group \
    hard-links help human-readable i-d i-r ignore-errors ignore-existing ignore-missing-args \
    ignore-non-existing ignore-times implied-dirs inc-recursive inplace insecure-links ipv4 ipv6 \
    itemize-changes keep-dirlinks links list-only mkpath motd msgs2stderr munge-links new-compress \
    numeric-ids old-args old-compress old-d old-dirs omit-dir-times omit-link-times one-file-system \
    open-noatime owner partial perms preallocate progress protect-args prune-empty-dirs qsort quiet \
    recursive relative remove-sent-files remove-source-files safe-links secluded-args sender server \
    size-only sparse specials stats super times trust-sender update verbose version whole-file \
    write-devices xattrs";

/// Long options with a value, sorted.
const WITH_VALUE: &str = "\
    address backup-dir block-size bwlimit cc checksum-choice checksum-seed chmod chown compare-dest \
    compress-choice compress-level compress-threads config confine-root contimeout copy-as copy-dest \
    debug dparam early-input exclude exclude-from files-from filter groupmap iconv include include-from \
    info link-dest log-file log-file-format log-format max-alloc max-delete max-size min-size \
    modify-window only-write-batch out-format outbuf partial-dir password-file port protocol read-batch \
    remote-option rsh rsync-path skip-compress sockopts stderr stop-after stop-at suffix temp-dir \
    time-limit timeout usermap write-batch zc zl zt";

/// The arity of a long option, given without its dashes; `None` if it is unknown. rsync accepts no
/// abbreviations.
pub fn long(name: &str) -> Option<Arity> {
    // A negated option takes no value.
    let negated = |name: &str| match name.as_bytes() {
        [letter] => short(*letter),
        _ => lists(FLAGS, name).then_some(Arity::Flag).or_else(|| with_value(name)),
    };
    let flag = lists(FLAGS, name) || name.strip_prefix("no-").and_then(negated).is_some();
    if flag { Some(Arity::Flag) } else { with_value(name) }
}

fn with_value(name: &str) -> Option<Arity> {
    lists(WITH_VALUE, name).then_some(Arity::Value)
}

fn lists(options: &str, name: &str) -> bool {
    options.split(' ').any(|option| option == name)
}

/// The arity of a short option; `None` if it is unknown.
pub fn short(letter: u8) -> Option<Arity> {
    if SHORT_WITH_VALUE.contains(&letter) {
        return Some(Arity::Value);
    }
    SHORT_FLAGS.contains(&letter).then_some(Arity::Flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_full_and_negated() {
        for (name, arity) in [
            ("delete", Some(Arity::Flag)),
            ("no-perms", Some(Arity::Flag)),
            ("no-p", Some(Arity::Flag)),
            ("no-D", Some(Arity::Flag)),
            ("no-i-r", Some(Arity::Flag)),
            ("no-bwlimit", Some(Arity::Flag)),
            ("no-iconv", Some(Arity::Flag)),
            ("compress-threads", Some(Arity::Value)),
            ("log-format", Some(Arity::Value)),
            ("zt", Some(Arity::Value)),
            ("exclu", None),
            ("no-such", None),
            ("no-no-perms", None),
            ("no-", None),
            ("", None),
        ] {
            assert_eq!(long(name), arity, "{name}");
        }
        assert_eq!(short(b'e'), Some(Arity::Value));
        assert_eq!(short(b'a'), Some(Arity::Flag));
        assert_eq!(short(b'w'), None);
    }

    #[test]
    fn no_option_is_of_both_kinds() {
        assert!(FLAGS.split(' ').is_sorted() && WITH_VALUE.split(' ').is_sorted());
        assert!(!FLAGS.split(' ').any(|name| name.is_empty() || lists(WITH_VALUE, name)));
        assert!(!SHORT_FLAGS.iter().any(|letter| SHORT_WITH_VALUE.contains(letter)));
    }
}
