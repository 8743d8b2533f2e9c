//! The parent, which starts a process for every cell of every engine, and the child, which measures one.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cell::{Cell, Run};
use crate::engine::Kind;
use crate::plan::{Plan, Scale};
use crate::report::{Figure, Report};

/// The first argument of a child.
pub(crate) const CHILD: &str = "--child";
/// A quick run takes no longer if it can be helped.
const QUICK_MAX: Duration = Duration::from_secs(220);
/// What a child says that wants to be killed.
const KILL_ME: &str = "kill me";

pub(crate) fn run(plan: &Plan) {
    let mut report = Report::default();
    let begun = Instant::now();
    let mut rounds = 0;
    for round in 0..plan.rounds {
        // On a machine that is busy with something else, fewer have to do.
        let fits = round == 0 || begun.elapsed() / round as u32 * (round as u32 + 1) < QUICK_MAX;
        if plan.scale == Scale::Quick && !fits {
            break;
        }
        rounds += 1;
        let mut engines: VecDeque<_> = plan.engines.iter().copied().collect();
        // Another one begins in each round, so that a drift within the rounds favours nobody.
        engines.rotate_left(round % plan.engines.len());
        for &cell in &plan.cells {
            for &engine in &engines {
                eprintln!(
                    "round {} of {}: {} {}",
                    round + 1,
                    plan.rounds,
                    cell.name(),
                    engine.name()
                );
                for (figure, value) in measure(plan, cell, engine) {
                    report.add(cell, engine, round, figure, value);
                }
            }
        }
    }
    report.take_ratios();
    println!(
        "{}: {} rounds over all engines in turn; median (min..max)",
        plan.scale.name(),
        rounds
    );
    report.print(plan.scale);
    report.print_summary();
}

/// Runs a cell's processes one after the other in a fresh directory.
fn measure(plan: &Plan, cell: Cell, engine: Kind) -> Vec<(Figure, f64)> {
    let dir = tempfile::tempdir_in(&plan.dir).unwrap();
    let db = dir.path().join("db");
    std::fs::create_dir(&db).unwrap();
    let mut figures = Vec::new();
    for stage in 0..cell.stages() {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([CHILD, cell.name(), engine.name(), &stage.to_string()])
            .arg(plan.scale.name())
            .arg(&db)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        figures.extend(listen(&mut child));
    }
    figures
}

/// What a child has measured.
fn listen(child: &mut Child) -> Vec<(Figure, f64)> {
    let mut figures = Vec::new();
    let mut killed = false;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if line == KILL_ME {
            child.kill().unwrap();
            killed = true;
            continue;
        }
        let (name, value) = line.split_once('\t').unwrap();
        let figure = Figure::ALL.into_iter().find(|f| f.name() == name).unwrap();
        figures.push((figure, value.parse().unwrap()));
    }
    let status = child.wait().unwrap();
    assert!(killed || status.success(), "a cell failed: {status}");
    figures
}

/// Measures one stage of one cell and says so on its standard output.
pub(crate) fn child(args: impl Iterator<Item = String>) {
    let args: Vec<String> = args.collect();
    let [cell, engine, stage, scale, dir] = args.as_slice() else {
        panic!("a child is started by its parent only")
    };
    let run = Run {
        engine: Kind::named(engine).unwrap(),
        dir: Path::new(dir),
        scale: Scale::named(scale).unwrap(),
        stage: stage.parse().unwrap(),
    };
    Cell::named(cell).unwrap().run(&run);
}

/// Reports a figure to the parent.
pub(crate) fn tell(figure: Figure, value: f64) {
    println!("{}\t{value}", figure.name());
}

/// Ends this process as a crash would.
pub(crate) fn die() -> ! {
    println!("{KILL_ME}");
    loop {
        std::thread::park();
    }
}
