//! The end-to-end tests: the real binary, over real HTTP, on a real PostgreSQL. One test binary, so that it links once.

mod app;
mod browser;

mod cli;
mod console;
mod demo;
mod doors;
mod isolation;
mod migrations;
mod samples;
mod sync;
mod tidy;
