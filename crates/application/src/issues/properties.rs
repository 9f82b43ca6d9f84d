//! Properties that programs put onto issues: JSON under a key, which no person sees.

use async_trait::async_trait;
use domain::ids::IssueId;
use serde_json::Value;

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
}
