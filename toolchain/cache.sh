# Sourced by the scripts here: things built or fetched once, kept in the user's cache under a hash of what pins them.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/pulumi-alicloud

say() { echo "toolchain: $*" >&2; }
fail() { say "$*"; exit 1; }

# need COMMAND WHERE-FROM
need() { command -v "$1" >/dev/null 2>&1 || fail "\`$1\` is missing: $2"; }

# hash TEXT-OR-FILE…: each file's content and each other word count.
hash() {
  local word
  for word; do if [ -f "$word" ]; then cat "$word"; else echo "$word"; fi; done | sha256sum | cut -c1-16
}

# once FOLDER WHAT COMMAND…: COMMAND fills a new folder, its last argument, which becomes FOLDER when all of it is there.
# Of two that run at a time one waits for the other.
once() {
  local folder=$1 what=$2 staging log start=$SECONDS
  shift 2
  [ -d "$folder" ] && return
  mkdir -p "$(dirname "$folder")"
  exec 9>"$folder.lock"
  flock 9
  if [ ! -d "$folder" ]; then
    say "$what …"
    staging=$(mktemp -d "$folder.XXXXXX")
    log=$folder.log
    if ! "$@" "$staging" >"$log" 2>&1; then
      rm -rf "$staging"
      tail -n 30 "$log" >&2
      fail "$what: failed (all of its output: $log)"
    fi
    mv -T "$staging" "$folder"
    say "$what: $((SECONDS - start)) s"
  fi
  exec 9>&-
}
