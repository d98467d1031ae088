//! `breezeway generate`: manual pages and shell completions.

use std::fs;
use std::path::Path;

use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;

use crate::Failure;
use crate::arguments::Arguments;
use crate::show;

pub fn generate(folder: &Path) -> Result<(), Failure> {
    let failed = |error| format!("cannot write into {}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    let mut command = Arguments::command();
    for shell in Shell::value_variants() {
        clap_complete::generate_to(*shell, &mut command, "breezeway", folder).map_err(failed)?;
    }
    clap_mangen::generate_to(Arguments::command(), folder).map_err(failed)?;
    for subcommand in Arguments::command().get_subcommands() {
        for alias in subcommand.get_visible_aliases() {
            let page = format!(".so man1/breezeway-{}.1\n", subcommand.get_name());
            fs::write(folder.join(format!("breezeway-{alias}.1")), page).map_err(failed)?;
        }
    }
    show::print(&format!("manual pages and completions are in {}", folder.display()))
}
