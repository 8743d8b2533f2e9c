//! What a super-step costs in memory: as much in a thread of ten thousand messages as in a new one. And what stays in memory of
//! what was read.

#![expect(unsafe_code, reason = "counting what is allocated takes an allocator")]

#[cfg(test)]
mod counting;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod steps;
