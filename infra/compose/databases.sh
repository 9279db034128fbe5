#!/bin/bash
# Run once by the image of PostgreSQL, on an empty volume: a database for each service, which nobody else may enter.
set -eu
for folder in /secrets/*; do
  service=$(basename "$folder")
  case $service in postgres | cdc | key-store) continue ;; esac
  psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres -v role="$service" -v password="$(cat "/secrets/$service/password")" <<'SQL'
    CREATE ROLE :"role" LOGIN PASSWORD :'password';
    CREATE DATABASE :"role" OWNER :"role";
    REVOKE CONNECT ON DATABASE :"role" FROM PUBLIC;
SQL
done
# The data keys have a database of their own; whom it lets in, the migrations grant by the contracts.
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres -v password="$(cat /secrets/key-store/password)" <<'SQL'
  CREATE ROLE key_store LOGIN PASSWORD :'password';
  CREATE DATABASE key_store OWNER key_store;
  REVOKE CONNECT ON DATABASE key_store FROM PUBLIC;
SQL
# Change data capture reads the write-ahead log; which databases and tables it may see, their owners say (infra/cdc).
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres -v password="$(cat /secrets/cdc/password)" <<'SQL'
  CREATE ROLE cdc LOGIN REPLICATION PASSWORD :'password';
SQL
