#!/bin/sh
# Brings every database up to date. The services would do it as well; here it is done once, before any of them starts.
set -eu
for password in /secrets/*/password; do
  service=$(basename "$(dirname "$password")")
  case $service in key-store | master-key) continue ;; esac
  DATABASE_URL="postgres://$service@postgres:5432/$service" DATABASE_PASSWORD_FILE="$password" node "apps/$service/dist/main.js" migrate
done
KEY_STORE_URL=postgres://key_store@postgres:5432/key_store KEY_STORE_PASSWORD_FILE=/secrets/key-store/password MASTER_KEYS_FILE=/secrets/master-key/password \
  node infra/key-store/dist/main.js
