# Starts a worker that outlives this connection, unless one lives already.

if living; then
  say "alive $process"
  exit
fi

PATH=$PATH:$HOME/.cargo/bin:$HOME/.local/bin
case $binary in '~/'*) binary=$HOME/${binary#'~/'} ;; esac
# A copied program has no place of its own but the folder of all launches.
[ "$copied" ] && binary=$directory/$copied
if ! found=$(command -v "$binary"); then
  say "missing $(uname -sm)"
  exit
fi
version=$("$found" --version 2>&1) || {
  say "broken $(echo "$version" | head -n 1)"
  exit
}
if [ "${version##* }" != "$wanted" ]; then
  say "other $version"
  exit
fi

mkdir -p "$here" || exit
write_credentials || exit
case $version in
pondersweep-worker*) set -- "$found" "$@" ;;
*) set -- "$found" worker "$@" ;;
esac
# A session of its own: what ends the connection does not reach it.
if command -v setsid >/dev/null 2>&1; then set -- setsid "$@"; fi

touch "$here/log"
lines=$(($(wc -l <"$here/log")))
NO_COLOR=1 PONDERSWEEP_LOG=${PONDERSWEEP_LOG:-info} nohup "$@" </dev/null >>"$here/log" 2>&1 &
process=$!
identity "$process" >"$here/identity"
echo "$process" >"$here/process"
rm -f "$here/stopping"

new_lines() { tail -n "+$((lines + 1))" "$here/log"; }
waited=0
while :; do
  if ! living; then
    wait "$process"
    say "ended $?"
    new_lines | tail -n 20
    exit
  fi
  if new_lines | grep -q registered; then
    say "registered $process"
    exit
  fi
  [ "$waited" -lt "$moments" ] || break
  moment
  waited=$((waited + 1))
done
say "started $process"
new_lines | tail -n 3
