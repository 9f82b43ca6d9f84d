//! The roles that hold the border ([`ensure_roles`]), what they have in a database ([`ensure_database`]), and the check that
//! they still do ([`border_gaps`]).

mod border;
mod database;
mod scram;

use std::time::Duration;

use application::{Error, Result};
use secrecy::{ExposeSecret, SecretString};
use sqlx::{AssertSqlSafe, PgConnection};

pub(super) use self::border::told;
pub use self::{
    border::{Gap, border_gaps},
    database::{ensure_database, open_functions},
};
use super::{errors::convert, lock};
use crate::crypto::Keyring;

/// Serves requests: one tenant per transaction.
pub const APP: &str = "forebay_app";
/// Asks at the SQL door: one tenant, which its ticket proves.
pub const READ: &str = "forebay_read";
/// Manages tenants and keys.
pub const PLATFORM: &str = "forebay_platform";
/// Owns the job queue's schema.
pub const QUEUE: &str = "forebay_queue";
/// Owns the functions that must see every tenant. Cannot sign in.
pub const DEFINER: &str = "forebay_definer";

const ROLES: [&str; 5] = [APP, READ, PLATFORM, QUEUE, DEFINER];
/// Serialises those who make the roles through the same database ("fbay" and a number).
const LOCK: i64 = 0x6662_6179_0001;
/// How often to try again when somebody makes the roles through another database of the same server.
const ATTEMPTS: u32 = 20;

/// The passwords of the roles that sign in.
pub struct RolePasswords {
    app: SecretString,
    read: SecretString,
    platform: SecretString,
    queue: SecretString,
}

impl RolePasswords {
    /// The passwords that follow from the master key, so that no process has to be told them.
    pub fn derive(keyring: &Keyring) -> Self {
        Self {
            app: keyring.role_password(APP),
            read: keyring.role_password(READ),
            platform: keyring.role_password(PLATFORM),
            queue: keyring.role_password(QUEUE),
        }
    }

    /// The password of a role; `None` when it does not sign in.
    pub fn of(&self, role: &str) -> Option<&SecretString> {
        match role {
            APP => Some(&self.app),
            READ => Some(&self.read),
            PLATFORM => Some(&self.platform),
            QUEUE => Some(&self.queue),
            _ => None,
        }
    }
}

impl std::fmt::Debug for RolePasswords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RolePasswords")
    }
}

/// Makes the roles that are missing and mends the others: attributes, passwords and memberships. Does no harm when they
/// are as they should be, or when other processes do the same at the same time.
///
/// The owner of the database need not be a superuser, but then needs CREATEROLE, and becomes a member of the roles to
/// which the migrations give things, and of `forebay_read`, whose sessions a function of the owner's ends.
///
/// # Errors
/// [`Error::Conflict`] with the SQL for a superuser to run, when the owner may not do it.
pub async fn ensure_roles(owner: &mut PgConnection, passwords: &RolePasswords) -> Result<()> {
    lock::take(owner, LOCK).await?;
    let mut result = try_ensure_roles(owner, passwords).await;
    for attempt in 1..ATTEMPTS {
        match &result {
            Err(Failure::Clash) => {
                tokio::time::sleep(Duration::from_millis(10) * attempt).await;
                result = try_ensure_roles(owner, passwords).await;
            }
            _ => break,
        }
    }
    let unlocked = lock::give(owner, LOCK).await;
    result.map_err(|failure| match failure {
        Failure::Refused(error) => error,
        Failure::Clash => {
            Error::Unavailable("other processes keep changing the database roles; try again".into())
        }
    })?;
    unlocked
}

enum Failure {
    /// Somebody else changed the same role at the same time.
    Clash,
    Refused(Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        // Two that make or alter one role at the same time: duplicate_object, unique_violation, and an internal error
        // that PostgreSQL gives no code of its own.
        let clash = error.as_database_error().is_some_and(|e| match e.code().as_deref() {
            Some("42710" | "23505") => true,
            Some("XX000") => e.message().contains("concurrently"),
            _ => false,
        });
        if clash { Self::Clash } else { Self::Refused(convert(error)) }
    }
}

struct Owner {
    /// Quoted as SQL wants it.
    name: String,
    superuser: bool,
}

impl Owner {
    /// Whoever is signed in.
    async fn of(connection: &mut PgConnection) -> Result<Self, Failure> {
        let owner = sqlx::query_as!(
            Owner,
            r#"SELECT quote_ident(rolname) AS "name!", rolsuper AS "superuser!" FROM pg_roles WHERE rolname = current_user"#
        );
        Ok(owner.fetch_one(connection).await?)
    }

    fn may_not(&self, remedy: &str) -> Failure {
        Failure::Refused(Error::Conflict(format!(
            "the database user {} may not set up Forebay's roles; let a superuser run: {remedy}",
            self.name
        )))
    }
}

async fn try_ensure_roles(connection: &mut PgConnection, passwords: &RolePasswords) -> Result<(), Failure> {
    let owner = Owner::of(connection).await?;
    for role in ROLES {
        ensure_role(connection, &owner, role, passwords.of(role)).await?;
    }
    if !owner.superuser {
        for role in [DEFINER, QUEUE, READ] {
            ensure_membership(connection, &owner, role).await?;
        }
    }
    Ok(())
}

async fn ensure_role(
    connection: &mut PgConnection,
    owner: &Owner,
    role: &'static str,
    password: Option<&SecretString>,
) -> Result<(), Failure> {
    // What is wrong with a role that exists, as the words that mend it.
    let wrong_attributes = sqlx::query_scalar!(
        r#"SELECT concat_ws(' ',
                CASE WHEN rolsuper THEN 'NOSUPERUSER' END,
                CASE WHEN rolbypassrls THEN 'NOBYPASSRLS' END,
                CASE WHEN rolreplication THEN 'NOREPLICATION' END,
                CASE WHEN rolcreatedb THEN 'NOCREATEDB' END,
                CASE WHEN rolcreaterole THEN 'NOCREATEROLE' END,
                CASE WHEN rolinherit THEN 'NOINHERIT' END,
                CASE WHEN rolcanlogin <> $2 THEN CASE WHEN $2 THEN 'LOGIN' ELSE 'NOLOGIN' END END
            ) AS "wrong_attributes!"
           FROM pg_roles WHERE rolname = $1"#,
        role,
        password.is_some()
    )
    .fetch_optional(&mut *connection)
    .await?;

    let login = if password.is_some() { "LOGIN" } else { "NOLOGIN" };
    let wrong_attributes = match wrong_attributes {
        Some(wrong) => wrong,
        None => {
            let create = format!(
                "CREATE ROLE {role} {login} NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT"
            );
            run(connection, owner, &create, &format!("ALTER ROLE {} CREATEROLE;", owner.name)).await?;
            String::new()
        }
    };
    if !wrong_attributes.is_empty() {
        let alter = format!("ALTER ROLE {role} {wrong_attributes}");
        run(connection, owner, &alter, &format!("{alter};")).await?;
    }
    let may_alter = format!("ALTER ROLE {} CREATEROLE; GRANT {role} TO {0} WITH ADMIN OPTION;", owner.name);
    if let Some(verifier) = password.map(|password| scram::verifier(password.expose_secret()))
        && !(owner.superuser && has_verifier(connection, role, &verifier).await?)
    {
        run(connection, owner, &format!("ALTER ROLE {role} PASSWORD '{verifier}'"), &may_alter).await?;
    }
    leave_all(connection, owner, role).await
}

/// Whatever a role is a member of, it may become or read with.
async fn leave_all(connection: &mut PgConnection, owner: &Owner, role: &'static str) -> Result<(), Failure> {
    let groups = sqlx::query_scalar!(
        r#"SELECT quote_ident(pg_get_userbyid(roleid)) AS "group!" FROM pg_auth_members
           WHERE member = (SELECT oid FROM pg_roles WHERE rolname = $1)"#,
        role
    );
    for group in groups.fetch_all(&mut *connection).await? {
        let revoke = format!("REVOKE {group} FROM {role}");
        run(connection, owner, &revoke, &format!("{revoke};")).await?;
    }
    Ok(())
}

/// Whether the role has this password already: saves a write at every start. Only superusers can tell.
async fn has_verifier(connection: &mut PgConnection, role: &str, verifier: &str) -> Result<bool, Failure> {
    let has = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM pg_authid WHERE rolname = $1 AND rolpassword = $2) AS "has!""#,
        role,
        verifier
    );
    Ok(has.fetch_one(connection).await?)
}

/// Lets the owner give things to a role, and work with them and with its sessions.
async fn ensure_membership(connection: &mut PgConnection, owner: &Owner, role: &str) -> Result<(), Failure> {
    // PostgreSQL 16 made the right to become a role a matter of its own.
    let member = sqlx::query_scalar!(
        r#"SELECT pg_has_role(current_user, $1, 'USAGE') AND pg_has_role(current_user, $1,
               CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) AS "member!""#,
        role
    );
    if member.fetch_one(&mut *connection).await? {
        return Ok(());
    }
    let grant = format!("GRANT {role} TO {}", owner.name);
    run(connection, owner, &grant, &format!("{grant};")).await
}

/// Runs a statement made of constants and quoted names. When the owner may not, the error tells a superuser what to run.
async fn run(connection: &mut PgConnection, owner: &Owner, sql: &str, remedy: &str) -> Result<(), Failure> {
    match sqlx::query(AssertSqlSafe(sql)).execute(connection).await {
        Ok(_) => Ok(()),
        Err(e) if e.as_database_error().and_then(|e| e.code()).as_deref() == Some("42501") => {
            Err(owner.may_not(remedy))
        }
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
