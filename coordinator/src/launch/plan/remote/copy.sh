# Takes a program from standard input. Whole or not at all: under its name only when every byte came.

target=$directory/$copied
mkdir -p "$directory" || exit
cat >"$target.$$" && [ "$(($(wc -c <"$target.$$")))" -eq "$bytes" ] && chmod 755 "$target.$$" && mv "$target.$$" "$target"
if [ -x "$target" ]; then say "copied"; else rm -f "$target.$$"; fi
