-- no-transaction
-- Names of people that JQL looks up: there may be very many.
DROP INDEX CONCURRENTLY IF EXISTS users_account_id_lower;
CREATE INDEX CONCURRENTLY users_account_id_lower ON users (tenant_id, account_id_lower);
DROP INDEX CONCURRENTLY IF EXISTS users_display_name_lower;
CREATE INDEX CONCURRENTLY users_display_name_lower ON users (tenant_id, display_name_lower);
DROP INDEX CONCURRENTLY IF EXISTS users_login_lower;
CREATE INDEX CONCURRENTLY users_login_lower ON users (tenant_id, login_lower) WHERE login_lower IS NOT NULL;
