//! Values that are stored as what they have of others come back as they were, whatever was put, removed and opened again in between.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../common/cases.rs"]
mod cases;
mod damage;
#[path = "../common/database.rs"]
mod database;
mod histories;
mod one_record;
mod sharing;
mod sizes;
mod values;
