use super::*;

#[test]
fn names_that_mean_something_are_taken() {
    let taken = [
        "latest",
        "LATEST",
        "latest~2",
        "first",
        "today",
        "Monday",
        "3d",
        "6h",
        "2024",
        "12345",
        "2024-06-01",
        "2024-06-01T03-00-00_2",
        "2024-02-30",
        "GMT-2024.06.01-03.00.00",
        "gmt",
        "GMT-x",
        "#1a2b",
        "changes",
        "Versions",
        "42",
    ];
    for name in taken {
        assert!(is_reserved_name(name), "{name}");
    }
    for name in ["before-upgrade", "v2", "2024-05-upgrade", "1.0", "late", "gmtime", "monday2", "größe", "ä"]
    {
        assert!(!is_reserved_name(name), "{name}");
    }
}
