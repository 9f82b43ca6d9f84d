//! What the issues of a list are expanded with beyond what is stored of them: how each can be edited, what can be done with it, and
//! its transitions.

use std::collections::HashMap;

use application::{
    Error,
    instances::{Instance, InstanceKind},
    issues::{IssueRow, list_transitions, transitions_at_site},
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
pub(super) async fn assemble(
    site: &Site,
    mut tx: Box<dyn TenantTx>,
    instance: &Instance,
    view: &View,
    rows: Vec<IssueRow>,
) -> Result<Assembled, Refusal> {
    let expand = view.expand;
    if !(expand.transitions || expand.editmeta || expand.operations) {
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
    let ids: Vec<String> = known.iter().map(|(id, _)| id.clone()).collect();
    let mut open = if expand.transitions { transitions(site, instance, &ids).await? } else { HashMap::new() };
    let mut forms = EditForms::default();
    let mut more: HashMap<String, Vec<(&str, Value)>> = HashMap::new();
    for (id, fields) in known {
        let mut own = Vec::new();
        if expand.editmeta {
            own.push(("editmeta", forms.of(site, instance, &fields).await?));
        }
        if let Some(mut open) = open.remove(&id) {
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

/// What is open to each of these issues now. A mirror's site is asked once for all of them; where it does not answer, the issues are
/// told without, as one issue is.
async fn transitions(
    site: &Site,
    instance: &Instance,
    ids: &[String],
) -> Result<HashMap<String, Vec<Value>>, Refusal> {
    let (services, caller) = (&site.state.services, &site.caller);
    if instance.kind == InstanceKind::Sandbox {
        let mut open = HashMap::new();
        for id in ids {
            let choices = list_transitions(services, caller, Some(&site.name), id).await?;
            open.insert(id.clone(), choices.into_iter().map(|choice| choice.raw).collect());
        }
        return Ok(open);
    }
    match transitions_at_site(services, caller, instance, ids).await {
        Err(Error::Unavailable(reason)) => {
            tracing::warn!(reason, "transitions were asked for, and the site is silent");
            Ok(HashMap::new())
        }
        open => Ok(open?),
    }
}
