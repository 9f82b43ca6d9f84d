//! What is held against any bytes at all. The fuzz targets call nothing else, and the tests of the crates (`tests/any_bytes.rs`)
//! call the same with bytes that proptest makes up.

mod adf_bodies;
mod jql_bodies;

#[cfg(feature = "libfuzzer")]
pub use libfuzzer_sys;

/// A target: libFuzzer's, or without it a program that holds one input to the same, from stdin.
#[cfg(feature = "libfuzzer")]
#[macro_export]
macro_rules! target {
    ($body:ident) => {
        $crate::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::$body(bytes));
    };
}

/// A target: libFuzzer's, or without it a program that holds one input to the same, from stdin.
#[cfg(not(feature = "libfuzzer"))]
#[macro_export]
macro_rules! target {
    ($body:ident) => {
        fn main() -> std::io::Result<()> {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes)?;
            $crate::$body(&bytes);
            Ok(())
        }
    };
}

pub use adf_bodies::{adf_document, adf_html, adf_markdown, adf_wiki};
pub use jql_bodies::jql_parse;
