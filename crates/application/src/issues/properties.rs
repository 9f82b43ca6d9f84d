//! Properties that programs put onto issues: JSON under a key, which no person sees.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::ids::IssueId;
use serde_json::Value;
use uuid::Uuid;

use crate::error::Result;

/// Storage of issue properties.
#[async_trait]
pub trait PropertyStore: Send {
    /// The keys of an issue's properties, in order.
    async fn property_keys(&mut self, issue: IssueId) -> Result<Vec<String>>;

    /// A property's value.
    async fn property(&mut self, issue: IssueId, key: &str) -> Result<Option<Value>>;

    /// The properties of these issues: those of these keys, or all where none is named.
    async fn properties_of(
        &mut self,
        issues: &[IssueId],
        keys: &[String],
    ) -> Result<Vec<(IssueId, String, Value)>>;

    /// Sets a property; `true` where it is new.
    async fn set_property(&mut self, issue: IssueId, key: &str, value: &Value) -> Result<bool>;

    /// Takes a property away; `false` without it.
    async fn remove_property(&mut self, issue: IssueId, key: &str) -> Result<bool>;

    /// The properties of a comment or a worklog (by the id of its row), by key.
    async fn child_properties(&mut self, child: Uuid) -> Result<BTreeMap<String, Value>>;

    /// Sets a property of a comment or a worklog of this issue.
    async fn set_child_property(
        &mut self,
        issue: IssueId,
        child: Uuid,
        key: &str,
        value: &Value,
    ) -> Result<()>;

    /// Takes a property of a comment or a worklog away, or all that it has.
    async fn remove_child_properties(&mut self, child: Uuid, key: Option<&str>) -> Result<()>;
}
