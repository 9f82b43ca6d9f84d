//! What the roles have in one database, outside of its migrations: a copy or a restored dump comes without it.

use application::{Error, Result};
use sqlx::{AssertSqlSafe, PgConnection};

use super::{APP, DEFINER, Failure, Owner, PLATFORM, QUEUE, READ, run};
use crate::postgres::errors::convert;

/// What each role's sessions begin with here, in case somebody connects without saying it: see
/// [`crate::postgres::PoolSettings`]. Zero is none: the queue's statements are short, but one that waits for its turn must
/// not be cut off.
const SETTINGS: [(&str, &[(&str, &str)]); 4] = [
    (APP, &[("statement_timeout", "30s"), ("idle_in_transaction_session_timeout", "60s")]),
    (PLATFORM, &[("statement_timeout", "30s"), ("idle_in_transaction_session_timeout", "60s")]),
    (
        READ,
        &[
            ("statement_timeout", "15s"),
            ("idle_in_transaction_session_timeout", "60s"),
            ("default_transaction_read_only", "on"),
        ],
    ),
    (QUEUE, &[("statement_timeout", "0")]),
];

/// Sets the border's marks on the connection's database: who may connect and make temporary tables, the time-outs of the
/// roles, and, when a superuser asks, that nobody may call [`open_functions`] just because everybody may. Does no harm when all is
/// as it should be. The roles must be there ([`super::ensure_roles`]).
///
/// # Errors
/// [`Error::Conflict`] with the SQL for a superuser to run, when the owner may not do it.
pub async fn ensure_database(owner: &mut PgConnection) -> Result<()> {
    try_ensure_database(owner).await.map_err(|failure| match failure {
        Failure::Refused(error) => error,
        Failure::Clash => {
            Error::Unavailable("other processes keep changing the database's rights; try again".into())
        }
    })
}

async fn try_ensure_database(connection: &mut PgConnection) -> Result<(), Failure> {
    let owner = Owner::of(connection).await?;
    let database = sqlx::query_scalar!(r#"SELECT quote_ident(current_database()) AS "name!""#)
        .fetch_one(&mut *connection)
        .await?;
    ensure_rights(connection, &owner, &database).await?;
    for (role, settings) in SETTINGS {
        ensure_settings(connection, &owner, &database, role, settings).await?;
    }
    if owner.superuser {
        close_functions(connection).await?;
    }
    Ok(())
}

/// PostgreSQL lets everybody connect to a new database and make temporary tables there. `forebay_definer` needs those:
/// refreshing a materialized view concurrently makes one.
async fn ensure_rights(connection: &mut PgConnection, owner: &Owner, database: &str) -> Result<(), Failure> {
    if has_rights(connection).await? {
        return Ok(());
    }
    let statements = [
        format!("GRANT CONNECT ON DATABASE {database} TO {APP}, {READ}, {PLATFORM}, {QUEUE}"),
        format!("GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {}", owner.name),
        format!("GRANT TEMPORARY ON DATABASE {database} TO {DEFINER}"),
        format!("REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC"),
    ];
    let remedy = format!("{};", statements.join("; "));
    for statement in &statements {
        run(connection, owner, statement, &remedy).await?;
    }
    // Where one may not grant anything, PostgreSQL only warns.
    if has_rights(connection).await? { Ok(()) } else { Err(owner.may_not(&remedy)) }
}

async fn has_rights(connection: &mut PgConnection) -> Result<bool, Failure> {
    let has = sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (
                SELECT FROM pg_database d CROSS JOIN aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
                WHERE d.datname = current_database() AND a.grantee = 0)
            AND has_database_privilege('forebay_definer', current_database(), 'TEMPORARY')
            AND (SELECT bool_and(has_database_privilege(r, current_database(), 'CONNECT'))
                 FROM unnest(ARRAY['forebay_app', 'forebay_read', 'forebay_platform', 'forebay_queue']) r)
            AS "has!""#
    );
    Ok(has.fetch_one(connection).await?)
}

async fn ensure_settings(
    connection: &mut PgConnection,
    owner: &Owner,
    database: &str,
    role: &'static str,
    wanted: &[(&str, &str)],
) -> Result<(), Failure> {
    let found = sqlx::query_scalar!(
        r#"SELECT s.setconfig AS "settings!" FROM pg_db_role_setting s
           JOIN pg_database d ON d.oid = s.setdatabase JOIN pg_roles r ON r.oid = s.setrole
           WHERE d.datname = current_database() AND r.rolname = $1"#,
        role
    );
    let found = found.fetch_optional(&mut *connection).await?.unwrap_or_default();
    for (name, value) in wanted {
        if !found.contains(&format!("{name}={value}")) {
            let alter = format!("ALTER ROLE {role} IN DATABASE {database} SET {name} = '{value}'");
            run(connection, owner, &alter, &format!("{alter};")).await?;
        }
    }
    Ok(())
}

/// PostgreSQL's own functions that everybody may call in this database, and that a question at the SQL door must not, should it get
/// past the guard: those that show what other sessions ask, stop them, hold locks, snapshots or sleep, that run SQL from a text, and
/// that write (large objects, the write-ahead log, notifications). Empty when they are closed, which takes a superuser ([`ensure_database`]).
///
/// # Errors
/// [`Error::Unavailable`] when the server does not answer.
pub async fn open_functions(connection: &mut PgConnection) -> Result<Vec<String>> {
    sqlx::query_scalar!(
        r#"SELECT p.oid::regprocedure::text AS "function!" FROM pg_proc p
           WHERE p.pronamespace = 'pg_catalog'::regnamespace
             AND (p.proname ~ '^(lo_|pg_sleep|pg_advisory_|pg_try_advisory_|pg_stat_get_backend_activity)'
                OR p.proname IN ('loread', 'lowrite', 'pg_notify', 'pg_logical_emit_message', 'pg_cancel_backend',
                    'pg_terminate_backend', 'pg_stat_get_activity', 'pg_stat_get_progress_info', 'pg_lock_status',
                    'pg_export_snapshot', 'ts_stat', 'ts_rewrite', 'query_to_xml', 'query_to_xmlschema',
                    'query_to_xml_and_xmlschema', 'cursor_to_xml', 'cursor_to_xmlschema'))
             AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0)
           ORDER BY 1"#
    )
    .fetch_all(connection)
    .await
    .map_err(convert)
}

/// Takes them from everybody, and gives them back to whoever has work to do here and to those who watch the server.
async fn close_functions(connection: &mut PgConnection) -> Result<(), Failure> {
    let functions = open_functions(connection).await.map_err(Failure::Refused)?;
    if functions.is_empty() {
        return Ok(());
    }
    let functions = functions.join(", ");
    for sql in [
        format!("GRANT EXECUTE ON FUNCTION {functions} TO {APP}, {PLATFORM}, {QUEUE}, {DEFINER}, pg_monitor"),
        format!(
            "DO $$ BEGIN EXECUTE format('GRANT EXECUTE ON FUNCTION {functions} TO %I', \
             (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database())); END $$"
        ),
        format!("REVOKE EXECUTE ON FUNCTION {functions} FROM PUBLIC"),
    ] {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await?;
    }
    Ok(())
}
