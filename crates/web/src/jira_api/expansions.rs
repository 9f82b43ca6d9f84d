//! What the issues of a list are expanded with beyond what is stored of them: how each can be edited, what can be done with it, and
//! its transitions.

use std::collections::HashMap;

use application::{
    instances::{Instance, InstanceKind},
    issues::{IssueRow, list_transitions},
    ports::TenantTx,
};
use serde_json::{Value, json};

use super::{
    assemble::{Assembled, View},
    forms::EditForms,
    refusal::Refusal,
    site::Site,
    transitions,
};

/// Assembles a list of issues with all that is asked for.
///
/// The transitions of a mirror's issues are known to its site alone, which would have to be asked once for each issue: they are left
/// out of lists, and told of one issue at a time.
pub(super) async fn assemble(
    site: &Site,
    mut tx: Box<dyn TenantTx>,
    instance: &Instance,
    view: &View,
    rows: Vec<IssueRow>,
) -> Result<Assembled, Refusal> {
    let expand = view.expand;
    let with_transitions = expand.transitions && instance.kind == InstanceKind::Sandbox;
    if !(with_transitions || expand.editmeta || expand.operations) {
        return view.assemble(tx.as_mut(), instance.id, rows).await;
    }
    let known: Vec<(String, Value)> = rows
        .iter()
        .map(|row| {
            let fields = if expand.editmeta { row.raw["fields"].clone() } else { Value::Null };
            (row.jira_id.clone(), fields)
        })
        .collect();
    let mut assembled = view.assemble(tx.as_mut(), instance.id, rows).await?;
    // What follows has transactions of its own.
    drop(tx);
    let mut forms = EditForms::default();
    let mut more: HashMap<String, Vec<(&str, Value)>> = HashMap::new();
    for (id, fields) in known {
        let mut own = Vec::new();
        if expand.editmeta {
            own.push(("editmeta", forms.of(site, instance, &fields).await?));
        }
        if with_transitions {
            let services = &site.state.services;
            let open = list_transitions(services, &site.caller, Some(&site.name), &id).await?;
            let mut open: Vec<Value> = open.into_iter().map(|choice| choice.raw).collect();
            transitions::without_screens(&mut open);
            own.push(("transitions", Value::Array(open)));
        }
        if expand.operations {
            // Links of Jira's pages, of which there are none here.
            own.push(("operations", json!({ "linkGroups": [] })));
        }
        more.insert(id, own);
    }
    for issue in &mut assembled.issues {
        let own = issue["id"].as_str().and_then(|id| more.remove(id)).unwrap_or_default();
        for (member, value) in own {
            issue[member] = value;
        }
    }
    Ok(assembled)
}
