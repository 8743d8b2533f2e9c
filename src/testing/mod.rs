//! Testing what must survive a crash: graphs of one's own ([`CrashTest`]); a file system that crashes ([`SimFs`]), and faults of all kinds; and testing what takes the place of parts of
//! this crate: [`store_conformance`].
//!
//! [`SimFs`] takes the place of the operating system's file system (with
//! [`DbOptions::vfs`](crate::db::DbOptions::vfs)), and of time, randomness and background threads with it, so a run follows from
//! its seed.
//!
//! ```
//! use std::sync::Arc;
//! use stepwell::db::Db;
//! use stepwell::testing::{SimFs, Survival};
//!
//! let fs = SimFs::new(1);
//! let db = Db::options().vfs(Arc::new(fs.clone())).open("/db")?;
//! let unharmed = fs.moment().power_cut(&Survival::Random(7));
//! let again = Db::options().vfs(Arc::new(unharmed)).open("/db")?;
//! # drop((db, again));
//! # Ok::<(), stepwell::db::DbError>(())
//! ```

mod crash_test;
pub mod store_conformance;

#[doc(hidden)]
pub use crate::canary::Canary;
pub use crate::vfs::sim::{Failing, Faults, Moment, Operation, Random, SimFs, Survival};
pub use crash_test::{
    Client, CrashCase, CrashFailure, CrashFinding, CrashReport, CrashTest, NoCrashCase, Rerun,
};
