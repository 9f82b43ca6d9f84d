//! Why a well-formed query cannot be answered, in Jira's sentences (jira-facts 8.6).
//!
//! Fields are named as the query names them.

use application::Error;

fn refused(message: String) -> Error {
    Error::InvalidJql(message)
}

pub(super) fn unknown_field(field: &str) -> Error {
    refused(format!("Field '{field}' does not exist or you do not have permission to view it."))
}

pub(super) fn unknown_value(value: &str, field: &str) -> Error {
    refused(format!("The value '{value}' does not exist for the field '{field}'."))
}

pub(super) fn unknown_id(id: &str, field: &str) -> Error {
    refused(format!("A value with ID '{id}' does not exist for the field '{field}'."))
}

pub(super) fn unknown_issue(key: &str, field: &str) -> Error {
    refused(format!("An issue with key '{key}' does not exist for field '{field}'."))
}

pub(super) fn invalid_issue_key(key: &str, field: &str) -> Error {
    refused(format!("The issue key '{key}' for field '{field}' is invalid."))
}

pub(super) fn wrong_operator(operator: &str, field: &str) -> Error {
    refused(format!("The operator '{operator}' is not supported by the '{field}' field."))
}

pub(super) fn no_empty_values(field: &str) -> Error {
    refused(format!("The field '{field}' does not support searching for EMPTY values."))
}

pub(super) fn empty_text(field: &str) -> Error {
    refused(format!("The field '{field}' does not support searching for an empty string."))
}

pub(super) fn frequent_words(text: &str, field: &str) -> Error {
    refused(format!(
        "The field '{field}' does not support searching for words as frequent as '{text}' alone."
    ))
}

pub(super) fn list_function(operator: &str, function: &str, field: &str) -> Error {
    refused(format!(
        "Operator '{operator}' does not support the list value '{function}' for field '{field}'."
    ))
}

pub(super) fn single_function(operator: &str, function: &str, field: &str) -> Error {
    refused(format!(
        "Operator '{operator}' does not support the non-list value '{function}' for field '{field}'."
    ))
}

pub(super) fn unknown_function(function: &str) -> Error {
    refused(format!("Unable to find JQL function '{function}'."))
}

pub(super) fn function_of_another_field(function: &str, field: &str) -> Error {
    refused(format!("The function '{function}' cannot be used with the field '{field}'."))
}

pub(super) fn wrong_arguments(function: &str, (least, most): (usize, usize), got: usize) -> Error {
    let expected = match most {
        usize::MAX => format!("at least '{least}'"),
        _ if least == most => format!("'{most}'"),
        _ => format!("between '{least}' and '{most}'"),
    };
    refused(format!("Function '{function}' expected {expected} arguments but received '{got}'."))
}

pub(super) fn invalid_increment(function: &str, increment: &str) -> Error {
    refused(format!(
        "The increment '{increment}' of the function '{function}' is invalid. It has to be of the form '(+/-)nn' \
         with one of the units 'y', 'M', 'w', 'd', 'h' and 'm' behind it, or none for the function's own, e.g. '-1w'."
    ))
}

pub(super) fn nobody_is_logged_in() -> Error {
    refused("The function 'currentUser' can only be used by logged-in users.".into())
}

pub(super) fn invalid_date(value: &str, field: &str) -> Error {
    refused(format!(
        "Date value '{value}' for field '{field}' is invalid. Valid formats include: 'yyyy/MM/dd HH:mm', \
         'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d', '4w 2d'."
    ))
}

pub(super) fn invalid_number(value: &str, field: &str) -> Error {
    refused(format!("The value '{value}' for the field '{field}' is not a number."))
}

pub(super) fn not_sortable(field: &str) -> Error {
    refused(format!("Not able to sort using field '{field}'."))
}

pub(super) fn too_many(what: &str, most: usize) -> Error {
    refused(format!("The query is too large: it must not have more than {most} {what}."))
}

pub(super) fn order_of_function(operator: &str, field: &str) -> Error {
    refused(format!("Operator '{operator}' does not support functions for field '{field}'; name a version."))
}

pub(super) fn unknown_user(user: &str, function: &str) -> Error {
    refused(format!("The user '{user}' in the function '{function}' does not exist."))
}

pub(super) fn unknown_group(group: &str, function: &str) -> Error {
    refused(format!(
        "Function '{function}' can not generate a list of usernames for group '{group}'; the group does not exist."
    ))
}

pub(super) fn unknown_role(role: &str, function: &str) -> Error {
    refused(format!(
        "Function '{function}' can not generate a list of projects for role '{role}'; the role does not exist."
    ))
}

pub(super) fn unknown_permission(permission: &str, function: &str) -> Error {
    refused(format!(
        "Function '{function}' can not generate a list of projects for permission '{permission}'; the permission does not exist."
    ))
}

pub(super) fn invalid_duration(value: &str, field: &str) -> Error {
    refused(format!(
        "The duration '{value}' for the field '{field}' is invalid. Valid formats include: '4h', '1d 2h', '30m', '2w', or a \
         number of minutes."
    ))
}

pub(super) fn filters_in_a_circle(name: &str) -> Error {
    refused(format!(
        "The filter '{name}' refers to itself, by way of its own JQL or that of the filters in it."
    ))
}

pub(super) fn broken_filter(name: &str, reason: &str) -> Error {
    refused(format!("The JQL of the filter '{name}' cannot be read: {reason}"))
}

pub(super) fn filter_out_of_sight(name: &str) -> Error {
    refused(format!("The JQL of the filter '{name}' is not known here, so it cannot be searched by."))
}

/// A field of Jira Service Management where that is not.
pub(super) fn no_desk(field: &str) -> Error {
    refused(format!(
        "The field '{field}' is one of service desks: it does not exist here, because the site has no service desk."
    ))
}

pub(super) fn not_a_clock(value: &str, field: &str) -> Error {
    refused(format!(
        "The value '{value}' is not supported by the field '{field}': an SLA is compared with functions, such as \
         breached(), paused() or remaining(\"2h\")."
    ))
}

pub(super) fn operator_of_function(operator: &str, function: &str, field: &str) -> Error {
    refused(format!(
        "Operator '{operator}' is not supported by the function '{function}()' for field '{field}'."
    ))
}

/// Right, but not to be known from a copy.
pub(super) fn unanswered(construct: &str) -> Error {
    refused(format!("{construct} is valid JQL, but a copy cannot answer it"))
}
