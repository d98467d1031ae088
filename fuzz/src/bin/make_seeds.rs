//! Writes the seeds of a corpus anew: `cargo run --bin make_seeds`, in this folder. They hold the format's bytes, so this is for
//! a new version of it.

use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/open_segment");
    fs::create_dir_all(&folder)?;
    for (name, input) in breezeway_fuzz::seeds::all()? {
        fs::write(folder.join(name), input)?;
    }
    Ok(())
}
