//! Writes the seeds of every target below the folder that it is given, where `cargo fuzz` looks for them.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let corpus = env::args_os().nth(1).expect("usage: seeds FOLDER");
    for (target, _) in yester_fuzz::TARGETS {
        let folder = Path::new(&corpus).join(target);
        fs::create_dir_all(&folder)?;
        for (number, seed) in yester_fuzz::seeds(target).iter().enumerate() {
            fs::write(folder.join(format!("seed-{number:02}")), seed)?;
        }
    }
    Ok(())
}
