//! Looking into and after a database with the command: what the guide shows, and what programs read.

#[cfg(test)]
mod beside;
#[cfg(test)]
mod database;
#[cfg(test)]
mod guide;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod printed;
#[cfg(test)]
#[expect(dead_code, reason = "others use more of it")]
#[path = "../common/samples.rs"]
mod samples;
#[cfg(test)]
mod store;
#[cfg(test)]
mod torture;
