//! The door as a client finds it: over a pipe and over HTTP, in front of ports that are made up. The whole way to the
//! database is tested with the binary.

mod http;
mod ports;
pub(crate) mod samples;
mod stdio;
