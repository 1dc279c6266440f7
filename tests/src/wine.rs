//! Runs the Windows build under Wine.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Sandbox, Yester};

/// A Windows installation in the sandbox of a test. Requires [`crate::needs::Need::Windows`].
#[derive(Debug)]
pub struct Wine<'a> {
    sandbox: &'a Sandbox,
    prefix: PathBuf,
    /// The output folder of `scripts/windows.sh`.
    built: PathBuf,
}

/// Wine prints less, asks nothing, and takes file names literally.
const ENVIRONMENT: [(&str, &str); 3] =
    [("WINEDEBUG", "-all"), ("WINEDLLOVERRIDES", "mscoree,mshtml="), ("LC_ALL", "C.UTF-8")];

impl<'a> Wine<'a> {
    /// Copies the installation of the build.
    pub fn new(sandbox: &'a Sandbox) -> Self {
        let built = env::var_os("YESTER_WINDOWS").expect("YESTER_WINDOWS names a folder");
        let wine = Self { sandbox, prefix: sandbox.path("wine"), built: built.into() };
        // A copy takes a second, and a new installation ten.
        let copied = Command::new("cp").arg("-a").arg(wine.built.join("prefix")).arg(&wine.prefix).status();
        assert!(copied.expect("cp can be run").success(), "no copy of the installation");
        wine
    }

    /// `yester.exe --repo REPO ARGS…`, not yet run. Paths in the arguments must be those of Windows: see
    /// [`Wine::path`].
    pub fn yester<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(&self, args: I) -> Yester<'a> {
        let repo = Self::path(self.sandbox.repo());
        self.run("yester.exe").arg("--repo").arg(repo).args(args)
    }

    /// Another program of the build, not yet run.
    pub fn run(&self, program: &str) -> Yester<'a> {
        let start = self.sandbox.bare_yester([""; 0]).env("WINEPREFIX", &self.prefix);
        let yester = ENVIRONMENT.into_iter().fold(start, |yester, (name, value)| yester.env(name, value));
        yester.of(self.built.join(program), "wine")
    }

    /// Installs a WinFsp of the build: `winfsp`, the real one, which lacks a driver, or `double`, which plays
    /// scripts.
    pub fn install(&self, winfsp: &str) {
        let folder = Self::path(self.built.join(winfsp));
        let key = r"HKLM\SOFTWARE\WOW6432Node\WinFsp";
        let mut reg = self.tool("wine");
        reg.args(["reg", "add", key, "/v", "InstallDir", "/t", "REG_SZ", "/f", "/d"]).arg(folder);
        assert!(reg.status().expect("reg can be run").success(), "reg failed");
    }

    /// The Windows form of a path.
    pub fn path(path: impl AsRef<Path>) -> String {
        let path = path.as_ref().to_str().expect("a path that is text");
        format!("Z:{}", path.replace('/', "\\"))
    }

    fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("WINEPREFIX", &self.prefix).envs(ENVIRONMENT).env_remove("DISPLAY");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for Wine<'_> {
    fn drop(&mut self) {
        // The Wine server outlives the programs. It must end before the sandbox is removed.
        for word in ["--kill", "--wait"] {
            let _ = self.tool("wineserver").arg(word).status();
        }
        // Debian's Wine server records the folder of its socket there. If it is killed, it leaves that
        // folder.
        if let Ok(name) = fs::read_to_string(self.prefix.join("wineserver"))
            && name.starts_with("wine-")
        {
            let _ = fs::remove_dir_all(env::temp_dir().join(name));
        }
    }
}
