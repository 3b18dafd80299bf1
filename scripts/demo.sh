#!/usr/bin/env bash
# The product's main job on real input: a Central Node, a Sensor and an Endpoint
# Agent on this machine, set up as documented ("Sensor, with validation") by the
# product's own commands. Real process events flow until Ctrl-C, or for
# DEMO_SECONDS. Everything is kept in demo/.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
demo=$root/demo
cn_address=${DEMO_ADDRESS:-127.0.0.2:9443}
cn_local=${DEMO_LOCAL_ADDRESS:-127.0.0.2:9090}
sensor_address=${DEMO_SENSOR_ADDRESS:-127.0.0.3:9443}
sensor_local=${DEMO_SENSOR_LOCAL_ADDRESS:-127.0.0.3:9090}
cn_web=${DEMO_WEB_ADDRESS:-127.0.0.2:8443}
cn_ssh=${DEMO_SSH_ADDRESS:-127.0.0.2:2222}
sensor_ssh=${DEMO_SENSOR_SSH_ADDRESS:-127.0.0.3:2222}

say() { printf '\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '== %s\n' "$*"; }
fail() {
  echo "demo: error: $1" >&2
  [ -n "${2:-}" ] && tail -n 20 "$2" >&2
  exit 1
}

scripts/need.sh curl openssl || fail "the demo needs curl and openssl"

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
SENSOR_BIN=$root/bin/sensor
AGENT_BIN=$root/bin/agent
CN_CONFIG=$demo/centralnode.toml
SENSOR_CONFIG=$demo/sensor.toml
AGENT_CONFIG=$demo/agent.toml
cn() { "$CN_BIN" --config "$CN_CONFIG" "$@"; }
sensor() { "$SENSOR_BIN" --config "$SENSOR_CONFIG" "$@"; }
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

# One password for both daemons. It is the demo's own, so nobody is asked to
# change it at the first sign-in to the web interface.
(umask 077 && printf 'Demo-%s\n' "$(openssl rand -hex 8)" >"$demo/admin-password")

cat >"$CN_CONFIG" <<EOF
listen = "$cn_address"
state_dir = "$demo/centralnode"
socket = "$run/centralnode.sock"
local_listen = "$cn_local"
ssh_listen = "$cn_ssh"
web_listen = "$cn_web"
admin_password_file = "$demo/admin-password"
unsafe_same_server = true # a demonstration: both daemons are on this machine
EOF
cat >"$SENSOR_CONFIG" <<EOF
listen = "$sensor_address"
state_dir = "$demo/sensor"
socket = "$run/sensor.sock"
local_listen = "$sensor_local"
ssh_listen = "$sensor_ssh"
admin_password_file = "$demo/admin-password"
name = "demo branch"
unsafe_same_server = true
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

say "Sensor on $sensor_address"
"$SENSOR_BIN" --config "$SENSOR_CONFIG" run 2>"$demo/sensor.log" &
pids+=($!)
until_true 20 sensor status || fail "the Sensor did not start" "$demo/sensor.log"

say "1. Enable traffic redirection: name the Central Node, compare its certificate"
sensor central-node set "$cn_address" --dry-run
value_of() { grep -o "\"$1\": *\"[^\"]*\"" | head -n 1 | cut -d'"' -f4; }
cn_fingerprint=$(cn certificate show --output json | value_of fingerprint)
sensor central-node set "$cn_address" --fingerprint "$cn_fingerprint" --yes
say "2. Authorise the Sensor on the Central Node"
identity=$(sensor central-node show --output json | value_of link_identity)
cn sensor list
cn sensor accept "$identity" --yes
accepted() { [ "$(sensor central-node show --output json | value_of state)" = Accepted ]; }
until_true 20 accepted || fail "the Sensor was not accepted" "$demo/sensor.log"
say "3. Generate a server certificate for the Sensor, download it"
sensor certificate generate --yes >/dev/null
sensor certificate download --out "$demo/sensor.crt"
say "4. Turn on Validate Endpoint Agent TLS certificates"
cn agent-certificate validation on --yes
say "5. Generate an Endpoint Agent certificate, as a PFX"
cn agent-certificate generate --name "demo agent" --out "$demo/agent.pfx"
say "6. Give both to the Endpoint Agent, with the Sensor's address"
agent --message-broker=enable --type=kata --servers="$sensor_address" --tls=yes \
  --pinned-certificate="$demo/sensor.crt" --client-certificate="$demo/agent.pfx"
say "7. Start the Endpoint Agent"
"$AGENT_BIN" --config "$AGENT_CONFIG" run 2>"$demo/agent.log" &
pids+=($!)
arrived() { [ -n "$(cn event list --limit 1 --output jsonl)" ]; }
until_true 60 arrived || fail "no event arrived" "$demo/agent.log"
agent doctor || true
cn agent-certificate list
cn host list
cn sensor list
sensor link status

say "8. An external system makes its own certificate and calls: any call is a request to integrate"
cn certificate download --out "$demo/centralnode.crt"
openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/CN=demo file store" \
  -keyout "$demo/system.key" -out "$demo/system.crt" 2>/dev/null
system=demo-store
api=https://$cn_address/kata/scanner/v1/sensors/$system
call() { curl -sS --cacert "$demo/centralnode.crt" --cert "$demo/system.crt" --key "$demo/system.key" "$@"; }
call "$api/connection"
echo
cn external-system list
say "9. Accept it on the Central Node, once the fingerprint of its certificate was compared"
system_fingerprint=$(openssl x509 -in "$demo/system.crt" -noout -fingerprint -sha256 | cut -d= -f2)
cn external-system accept "$system" --fingerprint "$system_fingerprint" --yes
call "$api/connection"
echo
say "10. Submit an ordinary file and the EICAR test file, read both verdicts, see the alert"
# In two halves, so that no scanner takes this script for the test file.
printf '%s%s' 'X5O!P%@AP[4\PZX54(P^)7CC)7}$' 'EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*' >"$demo/eicar.com"
for file in README.md demo/eicar.com; do
  call -F "content=@$file" -F "scanId=$(basename "$file")" -F "objectType=file" "$api/scans?sensorInstanceId=demo"
  echo "  $file"
done
states() { call "$api/scans/state"; }
scanned() { ! states | grep -q processing; }
until_true 20 scanned || fail "no verdict came" "$demo/centralnode.log"
states
echo
cn alert list

fingerprint=$(cn agent-certificate list --output json | value_of fingerprint)
CN_ADDRESS=$cn_address
SENSOR_ADDRESS=$sensor_address
CN_SSH_ADDRESS=$cn_ssh
SENSOR_SSH_ADDRESS=$sensor_ssh
CN_WEB_ADDRESS=$cn_web
ADMIN_PASSWORD=$(cat "$demo/admin-password")
WEB_USER=admin
WEB_PASSWORD=$ADMIN_PASSWORD
for name in CN_ADDRESS CN_WEB_ADDRESS SENSOR_ADDRESS CN_SSH_ADDRESS SENSOR_SSH_ADDRESS ADMIN_PASSWORD WEB_USER WEB_PASSWORD CN_BIN SENSOR_BIN AGENT_BIN CN_CONFIG SENSOR_CONFIG AGENT_CONFIG; do
  printf '%s=%q\n' "$name" "${!name}"
done >"$demo/env"
chmod 600 "$demo/env"
: >"$demo/ready"

say "Running. In another terminal:"
cat <<EOF
  the web interface of the Central Node (account $WEB_USER, password $WEB_PASSWORD; its certificate is the one of step 8, compare the fingerprint):
    https://$cn_web/
  withdraw the agent's certificate, and see it cut off here at once, with the reason:
    bin/centralnode --config demo/centralnode.toml agent-certificate delete $fingerprint
  cut the whole branch off, and let it in again:
    bin/centralnode --config demo/centralnode.toml sensor reject $identity
    bin/centralnode --config demo/centralnode.toml sensor accept $identity
  the administrator menu of the Sensor, and of the Central Node (password $ADMIN_PASSWORD):
    ssh -p ${sensor_ssh##*:} admin@${sensor_ssh%:*}
    ssh -p ${cn_ssh##*:} admin@${cn_ssh%:*}
    or without network: bin/sensor --config demo/sensor.toml menu
  download the Sensor's certificate, make one of your own and upload it:
    scp -P ${sensor_ssh##*:} admin@${sensor_ssh%:*}:ssl/kata.crt .
    openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=sensor -addext subjectAltName=IP:${sensor_address%:*} -addext basicConstraints=CA:FALSE -keyout kata.pem -out kata.pem
    scp -P ${sensor_ssh##*:} kata.pem admin@${sensor_ssh%:*}:
  any command over SSH:          ssh -p ${cn_ssh##*:} admin@${cn_ssh%:*} status
  submit a file of yours, read its verdict, withdraw the external system (then submit again):
    api=$api
    curl --cacert demo/centralnode.crt --cert demo/system.crt --key demo/system.key -X POST "\$api/scans" -F "content=@FILE" -F scanId=1 -F "objectType=file"
    curl --cacert demo/centralnode.crt --cert demo/system.crt --key demo/system.key "\$api/scans/state"
    bin/centralnode --config demo/centralnode.toml external-system delete $system
  how the link does:             bin/sensor --config demo/sensor.toml link watch
  what the agent says then:      bin/agent --config demo/agent.toml status
  who did what:                  bin/centralnode --config demo/centralnode.toml audit list
  all variables for scripts:     demo/env
EOF
say "Process starts of this machine as they arrive, with their way (Ctrl-C ends the demo)"
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
