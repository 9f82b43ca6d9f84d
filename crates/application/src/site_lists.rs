//! Lists that only a site's own API asks for: people by what their names begin with, labels in use, statuses by issue type,
//! versions and components of a project, options of fields. All within the caller's limit.

use async_trait::async_trait;
use domain::ids::InstanceId;
use serde_json::Value;

use crate::error::Result;

/// Which people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeopleQuery {
    /// With what a word of their name, or the name by which they sign in at a Server, begins, in any case; or their account id, or their whole e-mail address.
    pub text: Option<String>,
    /// Their name for signing in at a Server, or their e-mail address, is exactly this, in any case.
    pub login: Option<String>,
    /// Only active accounts of people, not of apps: who can be given work.
    pub assignable: bool,
    /// After so many.
    pub offset: i64,
    /// At most so many.
    pub limit: i64,
}

/// An option of a field that is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedOption {
    /// The field.
    pub field_key: String,
    /// Its id.
    pub jira_id: String,
    /// The option under which it stands in a cascading select.
    pub parent_id: Option<String>,
    /// Its text.
    pub value: String,
}

/// Reading them. Projects are named by their present key.
#[async_trait]
pub trait SiteListStore: Send {
    /// The contexts of a custom field, as served: of fields with options alone, and none where the site does not show them.
    async fn contexts_of_field(&mut self, instance: InstanceId, field: &str) -> Result<Vec<Value>>;

    /// The options of a custom field in one of its contexts, as served, in order.
    async fn options_in_context(
        &mut self,
        instance: InstanceId,
        field: &str,
        context: &str,
    ) -> Result<Vec<Value>>;

    /// People as served, by name.
    async fn people(&mut self, instance: InstanceId, query: &PeopleQuery) -> Result<Vec<Value>>;

    /// The labels that present issues have, in their order, each once whatever its case.
    async fn labels_in_use(&mut self, instance: InstanceId) -> Result<Vec<String>>;

    /// The ids of issue types of a project with those of the statuses in which such issues are.
    async fn statuses_in_use(&mut self, instance: InstanceId, project: &str)
    -> Result<Vec<(String, String)>>;

    /// A project's versions as served, in its order, with the project's id.
    async fn versions_of(&mut self, instance: InstanceId, project: &str) -> Result<Vec<Value>>;

    /// A project's components as served, by name, with the project's id and key.
    async fn components_of(&mut self, instance: InstanceId, project: &str) -> Result<Vec<Value>>;

    /// The version with this id, as in [`SiteListStore::versions_of`].
    async fn version(&mut self, instance: InstanceId, id: &str) -> Result<Option<Value>>;

    /// The component with this id, as in [`SiteListStore::components_of`].
    async fn component(&mut self, instance: InstanceId, id: &str) -> Result<Option<Value>>;

    /// The options that these fields offer, each field's in its order.
    async fn offered_options(
        &mut self,
        instance: InstanceId,
        fields: &[String],
    ) -> Result<Vec<OfferedOption>>;
}
