//! `forebay bench converge`.

use clap::Args;

#[derive(Args, Debug)]
pub(crate) struct ConvergeArgs {
    /// How many rounds, each with a database, a fault plan and writers of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) rounds: u32,
    /// The seed of the first round; each further round takes the next number. One round with the seed of a round that failed
    /// repeats its plan and its writers' choices.
    #[arg(long, default_value_t = 42)]
    pub(crate) seed: u64,
    /// How many issues the Cloud source begins with; the Data Center source has half as many.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) issues: u64,
    /// For how long the sources are changed while everything fails.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) seconds: u64,
    /// How many write at the Cloud source at the same time; at the Data Center source it is half as many.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) writers: u32,
}
