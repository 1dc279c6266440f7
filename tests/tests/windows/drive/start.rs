use std::fs;

use fs_tests::needs::{self, Need};
use fs_tests::{Sandbox, Wine};

#[test]
fn without_winfsp_or_its_driver_it_is_told_what_to_do() {
    if !needs::met(&[Need::Windows]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let wine = Wine::new(&sandbox);
    let mount = |point: &str| wine.yester(["mount", point]);
    let ran = mount("Y:").run().code_is(1);
    assert_eq!(
        ran.stderr().trim_end(),
        "yester: WinFsp is not installed, which makes drives; install it from https://winfsp.dev and try again"
    );
    wine.install("winfsp");
    let ran = mount("Y:").run().code_is(1);
    assert_eq!(
        ran.stderr().trim_end(),
        "yester: WinFsp's driver is not running; restart Windows, or install WinFsp anew from https://winfsp.dev"
    );
    wine.install("double");
    let ran = mount("T:").run().code_is(1);
    assert!(ran.stderr().contains("T: is in use already"), "{ran}");
    let ran = mount("Y:").arg("--daemon").run().code_is(1);
    assert!(ran.stderr().contains("--daemon is for Linux only"), "{ran}");
    let ran = mount("Y:").args(["-o", "suid"]).run().code_is(1);
    assert!(ran.stderr().contains("unknown mount option \"suid\""), "{ran}");
    let ran = mount("Y:").args(["--source", "nobody"]).run().code_is(1);
    assert!(ran.stderr().contains("nobody"), "{ran}");
}

#[test]
fn a_mount_ends_when_the_driver_goes() {
    if !needs::met(&[Need::Windows]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let wine = Wine::new(&sandbox);
    wine.install("double");
    let (script, out) = (sandbox.path("script"), sandbox.path("answers"));
    fs::write(&script, "end\tlost\n").expect("a script");
    for (point, place) in [(r"C:\history", r"C:\history"), (r"Y:\", "Y:")] {
        let mount = wine.yester(["mount", point]);
        let ran = mount
            .env("DOUBLE_SCRIPT", Wine::path(&script))
            .env("DOUBLE_OUT", Wine::path(&out))
            .run()
            .code_is(1);
        let lost = format!("{point} is no longer served: WinFsp has stopped");
        assert!(ran.stderr().contains(&lost), "{ran}");
        let told = fs::read_to_string(&out).expect("answers");
        assert!(told.contains(&format!("mounted {place}\n")), "{told}");
        assert!(told.ends_with("unmounted\ndeleted\n"), "{told}");
    }
}
