# Says whether the worker lives.

if living; then
  if [ -f "$here/stopping" ]; then say "leaving $process"; else say "alive $process"; fi
elif [ -f "$here/process" ]; then
  say "gone"
  tail -n 1 "$here/log"
else
  say "absent"
fi
