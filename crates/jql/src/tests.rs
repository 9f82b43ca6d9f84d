//! Tests of the language as a whole.

mod conformance;
mod errors;
mod grammar;
mod printing;
mod tree;
mod vectors;
