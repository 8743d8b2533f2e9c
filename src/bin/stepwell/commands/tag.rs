//! `stepwell tag`: names of checkpoints.

use clap::builder::NonEmptyStringValueParser;
use futures::executor::block_on;
use serde_json::{Value, json};
use stepwell::checkpoint::{Checkpointer, Tag};

use super::find::{Thread, require};
use crate::database;
use crate::failure::{Answer, Failure};
use crate::format::{plain, short};
use crate::screen::Screen;

/// Which checkpoint of which thread of which database, and its name.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    db: database::Arg,
    #[command(flatten)]
    thread: Thread,
    /// The name; without one, those that the thread has are listed
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: Option<String>,
    /// The checkpoint, by its tag, its id or the beginning of it [default: the latest]
    #[arg(long, value_name = "ID", requires = "name")]
    checkpoint: Option<String>,
    /// Take the name away
    #[arg(long, requires = "name", conflicts_with = "checkpoint")]
    remove: bool,
    /// Print one JSON document per name and line
    #[arg(long)]
    json: bool,
}

/// Gives, takes or lists names.
pub(crate) fn run(args: &Args) -> Result<Answer, Failure> {
    let screen = Screen::new();
    let db = match args.name {
        Some(_) => args.db.open()?,
        None => args.db.look()?,
    };
    block_on(require(&db, &args.thread.id))?;
    let saver = db.checkpointer();
    let tags = block_on(saver.tags(&args.thread.id))?;
    let Some(name) = &args.name else {
        return list(&screen, args, &tags);
    };
    if args.remove {
        let has = |tag: &&Tag| tag.name == *name && tag.namespace == args.thread.namespace;
        let Some(tag) = tags.iter().find(has) else {
            return Err(Failure::usage(format!(
                "thread `{}` has no tag `{name}` in this namespace",
                args.thread.id
            )));
        };
        saver.untag(&tag.thread, &tag.namespace, &tag.name).wait()?;
        drop(saver);
        db.close()?;
        return match args.json {
            true => Ok(screen.json(&document(tag))?.into()),
            false => Ok(screen
                .line(format_args!("Removed tag {}", plain(name)))?
                .into()),
        };
    }
    let wanted = args.checkpoint.as_deref();
    let checkpoint = block_on(args.thread.checkpoint(&db, wanted))?;
    let tag = Tag {
        thread: checkpoint.thread,
        namespace: checkpoint.namespace,
        name: name.clone(),
        checkpoint_id: checkpoint.checkpoint.id,
    };
    saver.tag(tag.clone()).wait()?;
    drop(saver);
    db.close()?;
    if args.json {
        screen.json(&document(&tag))?;
    } else {
        let id = short(&tag.checkpoint_id);
        screen.line(format_args!("Tagged {id} as {}", plain(name)))?;
    }
    Ok(Answer::Yes)
}

fn list(screen: &Screen, args: &Args, tags: &[Tag]) -> Result<Answer, Failure> {
    if tags.is_empty() && !args.json {
        screen.line("The thread has no tags.")?;
    }
    for tag in tags {
        match args.json {
            true => screen.json(&document(tag))?,
            false => screen.line(format_args!(
                "{}  {}{}",
                short(&tag.checkpoint_id),
                plain(&tag.name),
                match tag.namespace.as_str() {
                    "" => String::new(),
                    subgraph => format!(" (subgraph {})", plain(subgraph)),
                }
            ))?,
        }
    }
    Ok(Answer::Yes)
}

fn document(tag: &Tag) -> Value {
    json!({
        "thread": tag.thread,
        "namespace": tag.namespace,
        "name": tag.name,
        "checkpoint": tag.checkpoint_id,
    })
}
