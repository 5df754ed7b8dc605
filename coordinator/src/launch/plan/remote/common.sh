# What every script on the other side knows. POSIX sh; launch, host and directory are set above.

umask 077

say() { printf 'pondersweep-launch: %s\n' "$*"; }

case $directory in '~/'*) directory=$HOME/${directory#'~/'} ;; esac
[ "$directory" ] || directory=${XDG_STATE_HOME:-$HOME/.local/state}/pondersweep/workers
# A folder of its own for each host: homes are often shared by many.
here=$directory/$launch/$host

# What tells a process from a later one with its number; nothing for a process that is dead,
# even if its parent has not waited for it yet.
identity() {
  if [ -r /proc/self/stat ]; then
    fields=$(sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null)
    case $fields in '' | Z* | X*) return 1 ;; esac
    echo "$(cat /proc/sys/kernel/random/boot_id) $(echo "$fields" | cut -d ' ' -f 20)"
  else
    LC_ALL=C ps -o lstart= -p "$1"
  fi
}

# Whether the worker that was started here lives; its number is then in $process.
living() {
  process=$(cat "$here/process" 2>/dev/null) || return 1
  [ "$process" ] && [ "$(identity "$process")" = "$(cat "$here/identity")" ]
}

moment() { sleep 0.1 2>/dev/null || sleep 1; }
