#!/usr/bin/env bash
# Two desks on this machine, from nothing to a delegated ticket, with the plain commands that an operator types.
# Usage: examples/two-desks/run.sh [path of the deskwire binary]
set -euo pipefail

deskwire="${1:-deskwire}"
folder="$(mktemp -d)"
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT
cd "$folder"

"$deskwire" init --data acme --name "Acme Service" --listen 127.0.0.1:18441 --recovery-file acme.words
"$deskwire" init --data kassa --name "Kassa Systems" --listen 127.0.0.1:18442 --recovery-file kassa.words
for desk in acme kassa; do
  "$deskwire" serve --data "$desk" 2>"$desk.log" &
  pids+=("$!")
done
for desk in acme kassa; do
  until "$deskwire" id --data "$desk" >/dev/null 2>&1; do
    kill -0 "${pids[@]}" || { cat ./*.log >&2; exit 1; }
  done
done

invitation="$("$deskwire" link invite --data acme)"
"$deskwire" link accept --data kassa "$invitation"
"$deskwire" link verify --data acme kassa-systems --yes
"$deskwire" link approve --data acme kassa-systems
until "$deskwire" link show --data kassa acme-service --json | grep -q '"state": *"active"'; do :; done

"$deskwire" ticket new --data acme "Dead cash register" --description "It does not start."
"$deskwire" ticket delegate --data acme ACME-1 kassa-systems --yes
until "$deskwire" delegation list --data kassa --json | grep -q '"state": *"offered"'; do :; done
"$deskwire" delegation accept --data kassa KASSA-1
"$deskwire" delegation resolve --data kassa KASSA-1 --solution "New power supply."
until "$deskwire" delegation list --data acme --json | grep -q '"state": *"resolved"'; do :; done
"$deskwire" delegation confirm --data acme ACME-1
"$deskwire" ticket show --data acme ACME-1
