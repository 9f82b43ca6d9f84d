//! `forebay key-rotate`

use application::rotation::{self, RotatedColumn};
use serde_json::json;

use crate::{failure::Failure, output, wiring::Wiring};

pub(super) async fn run(wiring: &Wiring, as_json: bool) -> Result<(), Failure> {
    let key = wiring.services.secrets.key_id();
    let columns = rotation::rotate(&wiring.services).await?;
    // Last: whoever is interrupted before it still needs the older keys for the rest.
    let root = wiring.access.rotate_root().await?;
    let unreadable: u64 = columns.iter().map(|column| column.unreadable).sum();
    if as_json {
        output::json(&json!({ "key": key, "columns": columns, "root_sealed_anew": root }))?;
    } else {
        show(&columns, root)?;
    }
    if unreadable > 0 {
        return Err(Failure::new(format!("{unreadable} stored secrets cannot be opened with the loaded master keys"))
            .hint("the log names their instances; load the key that sealed them, or remove the instances and add them again")
            .answered());
    }
    if !as_json {
        output::note(&format!(
            "everything opens with the key {key} alone: older keys can be taken out of FOREBAY_MASTER_KEY, of every process \
             at once; console sessions that an older key sealed end then"
        ));
    }
    Ok(())
}

fn show(columns: &[RotatedColumn], root: bool) -> Result<(), Failure> {
    let mut rows: Vec<_> = columns
        .iter()
        .map(|rotated| {
            let name = format!("{}.{}", rotated.column.table, rotated.column.column);
            vec![name, rotated.sealed_anew.to_string(), rotated.unreadable.to_string()]
        })
        .collect();
    rows.push(vec!["forebay.hash_root".into(), u8::from(root).to_string(), "0".into()]);
    output::table(&["SECRETS", "SEALED ANEW", "UNREADABLE"], &rows)
}
