#!/bin/sh
# Brings every database up to date. The services would do it as well; here it is done once, before any of them starts.
set -eu
for password in /secrets/*/password; do
  service=$(basename "$(dirname "$password")")
  DATABASE_URL="postgres://$service@postgres:5432/$service" DATABASE_PASSWORD_FILE="$password" node "apps/$service/dist/main.js" migrate
done
