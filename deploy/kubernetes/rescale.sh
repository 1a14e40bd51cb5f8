# Gives the state of FROM flow processes to TO. The volume of process n is at VOLUMES/n; the work is done on copies in
# WORK, the folder of `store.dir`. Begun again at whatever point it died, with the same ID, it ends the same way.
# LOST: numbers of processes whose volume is gone for good, with spaces between.
set -eu

aside="before-rescale-$ID"
lost=" ${LOST:-} "
is_lost() { case "$lost" in *" $1 "*) true ;; *) false ;; esac; }
say() { echo "rescale: $*"; }

rm -rf "${WORK:?}"/*
n=0
while [ "$n" -lt "$FROM" ]; do
  if ! is_lost "$n"; then
    old="$VOLUMES/$n/$aside/flow-$n" # where an earlier try has put it
    [ -d "$old" ] || old="$VOLUMES/$n/flow-$n"
    [ -d "$old" ] || { say "$old is not there: is this the volume of process $n? If it is lost, say so" >&2; exit 2; }
    if [ -e "$old/lock" ]; then
      flock --nonblock "$old/lock" true || { say "$old is in use: stop all flow processes first" >&2; exit 2; }
    fi
    say "copying the state of process $n"
    cp -a "$old" "$WORK/"
  fi
  n=$((n + 1))
done

set --
for number in $lost; do set -- "$@" --lost "$number"; done
makegood rescale --to "$TO" "$@"

m=0
while [ "$m" -lt "$TO" ]; do
  say "bringing the state of process $m"
  rm -rf "$VOLUMES/$m/flow-$m.new"
  cp -a "$WORK/flow-$m" "$VOLUMES/$m/flow-$m.new"
  m=$((m + 1))
done
sync

# All is there: what follows are renames.
n=0
while [ "$n" -lt "$FROM" ]; do
  if ! is_lost "$n" && [ ! -d "$VOLUMES/$n/$aside/flow-$n" ]; then
    mkdir -p "$VOLUMES/$n/$aside"
    mv "$VOLUMES/$n/flow-$n" "$VOLUMES/$n/$aside/flow-$n"
  fi
  n=$((n + 1))
done
m=0
while [ "$m" -lt "$TO" ]; do
  rm -rf "$VOLUMES/$m/flow-$m"
  mv "$VOLUMES/$m/flow-$m.new" "$VOLUMES/$m/flow-$m"
  m=$((m + 1))
done
sync
say "done: $TO processes; what was before is in $aside on each volume"
