//! Looking into and after a database with the command: what the guide shows, and what programs read.

#[cfg(test)]
mod database;
#[cfg(test)]
mod guide;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod printed;
#[cfg(test)]
mod store;
