#!/usr/bin/env bash
# How long a restart keeps callers waiting: from SIGTERM to an idle server until /readyz of its successor
# says 200. `deploy/restart-gap.sh target/release/mailwright [TIMES [FOLDER]]` prints each and the median;
# FOLDER is a copy of a data folder, with its key, else an empty one is made. What waits in it would be sent!
set -euo pipefail
# A server that closes early must not end this script.
trap "" PIPE
binary=$1 times=${2:-9}
folder=$(mktemp -d)
export MAILWRIGHT_DATA_FOLDER=${3:-$folder/data}
export MAILWRIGHT_SERVER_GRPC_LISTEN=127.0.0.1:55051 MAILWRIGHT_SERVER_HTTP_LISTEN=127.0.0.1:58080
export MAILWRIGHT_METRICS_LISTEN=

start() {
  "$binary" serve 2>>"$folder/log" &
  server=$!
  until { exec 3<>/dev/tcp/127.0.0.1/58080 && printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3 && grep -q ' 200 ' <&3; } 2>/dev/null; do
    kill -0 "$server" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
    sleep 0.005
  done
}
stop() {
  kill -TERM "$server"
  # 143: stopped in the very instant in which it became ready.
  wait "$server" || [ $? = 143 ]
}
milliseconds() { date +%s%3N; }

gaps=()
start
for _ in $(seq "$times"); do
  from=$(milliseconds)
  stop
  start
  gaps+=($(($(milliseconds) - from)))
done
stop
rm -r "$folder"
printf '%s ms\n' "${gaps[@]}"
printf 'median %s ms\n' "$(printf '%s\n' "${gaps[@]}" | sort -n | sed -n "$(((times + 1) / 2))p")"
