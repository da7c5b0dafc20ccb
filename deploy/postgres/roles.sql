-- The roles and databases of leadmill, as include/leadmill/local/databases.py makes them for the embedded server.
-- The image runs this once, on an empty data volume. A password that changes later: ALTER ROLE ... PASSWORD.
\set ON_ERROR_STOP on
\set secrets /run/secrets
\getenv secrets LEADMILL_SECRETS
\set leadmill `cat :'secrets'/leadmill_password`
\set warehouse `cat :'secrets'/warehouse_password`
\set leadmill_source `cat :'secrets'/leadmill_source_password`
\set leadmill_reader `cat :'secrets'/leadmill_reader_password`
\set leadmill_monitor `cat :'secrets'/leadmill_monitor_password`

-- Statements that hold a password must not reach the server's log, even when they fail.
SET log_statement = none;
SET log_min_error_statement = panic;
SET log_min_duration_statement = -1;

CREATE ROLE leadmill LOGIN PASSWORD :'leadmill';
CREATE ROLE warehouse LOGIN PASSWORD :'warehouse';
CREATE ROLE leadmill_source LOGIN PASSWORD :'leadmill_source';
CREATE ROLE leadmill_reader LOGIN PASSWORD :'leadmill_reader';
-- A group for people and systems that say what became of a lead: GRANT leadmill_follow_up TO ...
CREATE ROLE leadmill_follow_up NOLOGIN;
-- For postgres-exporter only; the embedded server has no such role.
CREATE ROLE leadmill_monitor LOGIN PASSWORD :'leadmill_monitor';

ALTER ROLE leadmill_source SET default_transaction_read_only = on;
ALTER ROLE leadmill_reader SET default_transaction_read_only = on;
ALTER ROLE leadmill_monitor SET default_transaction_read_only = on;
GRANT pg_monitor TO leadmill_monitor;

CREATE DATABASE warehouse OWNER warehouse;
CREATE DATABASE leadmill OWNER leadmill;
CREATE DATABASE airflow OWNER leadmill;
CREATE DATABASE mlflow OWNER leadmill;
CREATE DATABASE feast OWNER leadmill;
REVOKE ALL ON DATABASE warehouse, leadmill, airflow, mlflow, feast FROM public;
GRANT CONNECT ON DATABASE warehouse TO leadmill_source;
GRANT CONNECT ON DATABASE leadmill TO leadmill_reader, leadmill_follow_up;
