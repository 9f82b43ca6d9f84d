//! What is held against any bytes at all. The fuzz targets call nothing else, and the tests of the crates (`tests/any_bytes.rs`)
//! call the same with bytes that proptest makes up.

mod adf_bodies;
mod jql_bodies;

pub use adf_bodies::{adf_document, adf_html, adf_markdown, adf_wiki};
pub use jql_bodies::jql_parse;
