//! Migrations are read while compiling: a new one must make cargo compile this crate again.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
