//! Writes the seeds of the corpora: `cargo run --bin make_seeds`, in this folder. The seeds hold
//! the format's bytes, so a new version of the format needs new ones.

use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    write(&folder.join("open_segment"), breezeway_fuzz::seeds::all()?)?;
    for target in ["mpmc_ops", "spsc_ops"] {
        write(&folder.join(target), breezeway_fuzz::seeds::programs())?;
    }
    Ok(())
}

fn write<N: AsRef<Path>>(folder: &Path, seeds: Vec<(N, Vec<u8>)>) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    for (name, input) in seeds {
        fs::write(folder.join(name), input)?;
    }
    Ok(())
}
