# Asks the worker to leave in order, once: a second signal would end it at once.

if ! living; then
  rm -rf "$here/access"
  if [ -f "$here/process" ]; then say "gone"; else say "absent"; fi
  exit
fi
if [ "$force" ]; then
  kill -KILL "$process"
elif ! [ -f "$here/stopping" ]; then
  : >"$here/stopping"
  kill -TERM "$process"
fi
waited=0
while living && [ "$waited" -lt "$moments" ]; do
  moment
  waited=$((waited + 1))
done
if living; then
  say "leaving $process"
  exit
fi
rm -rf "$here/access"
say "gone"
tail -n 1 "$here/log"
