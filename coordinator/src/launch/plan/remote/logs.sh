# Prints what the worker has written, after a line that ends what a login shell may say.

if [ -f "$here/log" ]; then
  say "log"
  if [ "$lines" ]; then tail -n "$lines" "$here/log"; else cat "$here/log"; fi
else
  say "absent"
fi
