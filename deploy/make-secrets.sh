#!/bin/sh
# Makes the passwords and keys of docker-compose.yaml in the folder secrets (or the one named as argument).
# Run it again at any time: a value that is there stays, so delete a file to have it made anew. Addresses that contain
# a password are written from it each time.
#
# The folder is closed to everybody else (0700). The files in it are 0644 because each is mounted alone into the
# containers that need it, where it must be readable by that image's own unprivileged user.
set -eu
folder=${1:-$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd -P)/secrets}
umask 077
mkdir -p "$folder"
chmod 700 "$folder"
cd "$folder"

keep() { # NAME TEXT: writes the file in one step, without a line's end, which Airflow would take as a part of it
    printf '%s' "$2" >".$1.new"
    chmod 644 ".$1.new"
    mv -f ".$1.new" "$1"
}
bytes() { dd if=/dev/urandom bs="$1" count=1 2>/dev/null; }
# Hex needs no quoting in URLs, JSON, shells or libpq strings.
hex() { bytes "$1" | od -An -v -tx1 | tr -d ' \n'; }
once() { [ -s "$1" ] || keep "$1" "$(hex "$2")"; }

for role in postgres leadmill warehouse leadmill_source leadmill_reader leadmill_monitor redis grafana_admin \
    airflow_admin airflow_viewer; do
    once "${role}_password" 16
done
once airflow_api_secret 32
once airflow_jwt_secret 32
[ -s airflow_fernet_key ] || keep airflow_fernet_key "$(bytes 32 | base64 | tr '+/' '-_')"

url() { printf '%s://%s:%s@postgres:5432/%s' "$1" "$2" "$(cat "$2_password")" "$3"; }
keep leadmill_database_url "$(url postgresql leadmill leadmill)"
keep leadmill_mlflow_url "$(url postgresql leadmill mlflow)"
keep leadmill_feast_registry_url "$(url postgresql+psycopg leadmill feast)"
keep leadmill_warehouse_url "$(url postgresql warehouse warehouse)"
keep airflow_database_url "$(url postgresql+psycopg2 leadmill airflow)"
keep airflow_broker_url "redis://:$(cat redis_password)@redis:6379/0"
keep redis.conf "requirepass $(cat redis_password)"
keep airflow_passwords.json "{\"admin\": \"$(cat airflow_admin_password)\", \"viewer\": \"$(cat airflow_viewer_password)\"}"

# Yours to edit: the Airflow connections by which use cases read their sources. It begins with the demo's warehouse.
[ -s airflow_connections.json ] ||
    keep airflow_connections.json "{\"warehouse\": \"$(url postgresql leadmill_source warehouse)\"}"
# The same for the scoring API, which reads that source's clock.
[ -s leadmill_source_url ] || keep leadmill_source_url "$(url postgresql leadmill_source warehouse)"

echo "The secrets are in $folder: back them up, and keep them out of version control." >&2
