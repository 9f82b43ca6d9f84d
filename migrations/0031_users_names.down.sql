-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS users_login_lower;
DROP INDEX CONCURRENTLY IF EXISTS users_display_name_lower;
DROP INDEX CONCURRENTLY IF EXISTS users_account_id_lower;
