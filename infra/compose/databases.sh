#!/bin/bash
# Run once by the image of PostgreSQL, on an empty volume: a database for each service, which nobody else may enter.
set -eu
for service in orders payments shipping tracking sandbox; do
  psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres -v role="$service" -v password="$(cat "/secrets/$service/password")" <<'SQL'
    CREATE ROLE :"role" LOGIN PASSWORD :'password';
    CREATE DATABASE :"role" OWNER :"role";
    REVOKE CONNECT ON DATABASE :"role" FROM PUBLIC;
SQL
done
# Change data capture reads the write-ahead log, and of the tables only the outboxes.
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres -v password="$(cat /secrets/cdc/password)" <<'SQL'
  CREATE ROLE cdc LOGIN REPLICATION PASSWORD :'password';
  GRANT CONNECT ON DATABASE orders, payments, shipping TO cdc;
SQL
