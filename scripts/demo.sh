#!/usr/bin/env bash
# The product's main job on real input: a Central Node and an Endpoint Agent on
# this machine, set up as documented ("Central Node, with validation") by the
# product's own commands. Real process events flow until Ctrl-C, or for
# DEMO_SECONDS. Everything is kept in demo/.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
demo=$root/demo
cn_address=${DEMO_ADDRESS:-127.0.0.2:9443}
cn_local=${DEMO_LOCAL_ADDRESS:-127.0.0.2:9090}

say() { printf '\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '== %s\n' "$*"; }
fail() {
  echo "demo: error: $1" >&2
  [ -n "${2:-}" ] && tail -n 20 "$2" >&2
  exit 1
}

rm -rf "$demo"
mkdir -p "$demo"
chmod 700 "$demo"
# A socket's path may have 107 bytes; a tree may lie deeper than that.
run=$demo/run
[ ${#run} -lt 80 ] || run=$(mktemp -d)
mkdir -p "$run"

pids=()
finish() {
  trap - EXIT INT TERM
  rm -f "$demo/ready"
  # The newest first: viewers before what they look at.
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    kill "${pids[i]}" 2>/dev/null || true
    wait "${pids[i]}" 2>/dev/null || true
  done
  [ "$run" = "$demo/run" ] || rm -rf "$run"
}
trap finish EXIT
trap 'exit 0' INT TERM

CN_BIN=$root/bin/centralnode
AGENT_BIN=$root/bin/agent
CN_CONFIG=$demo/centralnode.toml
AGENT_CONFIG=$demo/agent.toml
cn() { "$CN_BIN" --config "$CN_CONFIG" "$@"; }
agent() { "$AGENT_BIN" --config "$AGENT_CONFIG" "$@"; }

# until_true SECONDS COMMAND...: polls until the command succeeds.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.2
  done
}

cat >"$CN_CONFIG" <<EOF
listen = "$cn_address"
state_dir = "$demo/centralnode"
socket = "$run/centralnode.sock"
local_listen = "$cn_local"
EOF
cat >"$AGENT_CONFIG" <<EOF
state_dir = "$demo/agent"
policy_file = "$demo/policy.toml"
package_period = "1s"
EOF

say "Central Node on $cn_address"
"$CN_BIN" --config "$CN_CONFIG" run 2>"$demo/centralnode.log" &
pids+=($!)
until_true 20 cn status || fail "the Central Node did not start" "$demo/centralnode.log"
cn certificate show

say "1. Download the server certificate of the Central Node"
cn certificate download --out "$demo/centralnode.crt"
say "2. Turn on Validate Endpoint Agent TLS certificates"
cn agent-certificate validation on --yes
say "3. Generate an Endpoint Agent certificate, as a PFX"
cn agent-certificate generate --name "demo agent" --out "$demo/agent.pfx"
say "4. Give both to the Endpoint Agent"
agent --message-broker=enable --type=kata --servers="$cn_address" --tls=yes \
  --pinned-certificate="$demo/centralnode.crt" --client-certificate="$demo/agent.pfx"
say "5. Start the Endpoint Agent"
"$AGENT_BIN" --config "$AGENT_CONFIG" run 2>"$demo/agent.log" &
pids+=($!)
arrived() { [ -n "$(cn event list --limit 1 --output jsonl)" ]; }
until_true 60 arrived || fail "no event arrived" "$demo/agent.log"
agent doctor || true
cn agent-certificate list
cn host list

fingerprint=$(cn agent-certificate list --output json | grep -o '"fingerprint": *"[^"]*"' | head -n 1 | cut -d'"' -f4)
CN_ADDRESS=$cn_address
ADMIN_PASSWORD=$(cat "$demo/centralnode/initial-password")
for name in CN_ADDRESS ADMIN_PASSWORD CN_BIN AGENT_BIN CN_CONFIG AGENT_CONFIG; do
  printf '%s=%q\n' "$name" "${!name}"
done >"$demo/env"
chmod 600 "$demo/env"
: >"$demo/ready"

say "Running. In another terminal:"
cat <<EOF
  withdraw the agent's certificate, and see it cut off here at once, with the reason:
    bin/centralnode --config demo/centralnode.toml agent-certificate delete $fingerprint
  what the agent says then:      bin/agent --config demo/agent.toml status
  who did what:                  bin/centralnode --config demo/centralnode.toml audit list
  all variables for scripts:     demo/env
EOF
say "Process starts of this machine as they arrive (Ctrl-C ends the demo)"
"$CN_BIN" --config "$CN_CONFIG" event watch --kind process-start 2>"$demo/watch.log" &
pids+=($!)
tail -n 0 -F "$demo/agent.log" 2>/dev/null &
pids+=($!)
if [ -n "${DEMO_SECONDS:-}" ]; then
  end=$((SECONDS + DEMO_SECONDS))
  while [ $SECONDS -lt $end ]; do sleep 1; done
else
  wait "${pids[0]}" || fail "the Central Node ended" "$demo/centralnode.log"
fi
