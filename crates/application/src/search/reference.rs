//! What JQL can be written with at an instance: for editors that complete it.

/// The fields and functions of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JqlReference {
    /// Fields, system fields first.
    pub fields: Vec<FieldReference>,
    /// Functions.
    pub functions: Vec<FunctionReference>,
}

/// A field that queries may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldReference {
    /// Its name.
    pub name: String,
    /// The number of a custom field.
    pub custom_id: Option<u64>,
    /// Whether another field has the same name, so that it is named by its number.
    pub is_ambiguous: bool,
    /// The operators that it takes, as Jira writes them.
    pub operators: Vec<&'static str>,
    /// Whether it can be sorted by.
    pub orderable: bool,
    /// Whether values of it are suggested.
    pub suggests: bool,
    /// The Java class of its values, as Jira names it.
    pub class: &'static str,
}

/// A function that queries may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionReference {
    /// Its name.
    pub name: &'static str,
    /// Whether it stands for a list.
    pub is_list: bool,
    /// The Java class of what it stands for, as Jira names it.
    pub class: &'static str,
}
