//! `stepwell dump`: every record of the log as JSON lines.

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;

use serde_json::Value;

use crate::database;
use crate::failure::{Answer, Failure};

/// Which database.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    db: database::Arg,
}

/// Prints the lines. The database is not changed, and may be open elsewhere.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let db = args.db.look_only()?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut printed = Ok(());
    db.dump(&mut |line| match print(&mut out, &line) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            printed = Err(error);
            ControlFlow::Break(())
        }
    })?;
    printed?;
    out.flush()?;
    Ok(Answer::Yes)
}

fn print(out: &mut impl Write, line: &Value) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
