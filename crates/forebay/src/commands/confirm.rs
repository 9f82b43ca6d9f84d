//! Asking before something is gone for good.

use std::io::{BufRead, IsTerminal};

use crate::{failure::Failure, output};

/// Goes on when a person types `word` on the terminal, or said `--yes` before.
///
/// # Errors
/// A failure that says that nothing was done: another word was typed, or nobody could be asked.
pub(super) fn confirm(what: &str, word: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let hint = format!("type `{word}` when asked on a terminal, or confirm with --yes");
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(format!(
            "nothing was removed: this {what}, and there is no terminal to ask on"
        ))
        .hint(hint));
    }
    output::note(&format!("this {what}. Type {word} to go on:"));
    let mut typed = String::new();
    std::io::stdin().lock().read_line(&mut typed)?;
    if typed.trim() == word {
        return Ok(());
    }
    Err(Failure::new(format!("nothing was removed: `{word}` was not typed")).hint(hint))
}
