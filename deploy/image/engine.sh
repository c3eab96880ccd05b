#!/usr/bin/env bash
# Runs a command where a container engine works and the base image is at hand:
#
#   deploy/image/engine.sh COMMAND…
#
# That is docker, or podman, if it can run the base image. Root gets a podman of its own on a Debian
# machine, with its configuration and its images in one folder, IMAGE_CACHE (default
# ~/.cache/rain-forecast/engine), its state in /run/rain-forecast, and nothing in /etc. There, where no
# registry is within reach, a stand-in made of Debian's packages takes the base image's name. Elsewhere
# it says why it can't run the command, and ends with 0.
set -euo pipefail

base=$(sed -n 's/^ *base_image: *//p' "$(dirname "${BASH_SOURCE[0]}")/../../bentofile.yaml")
cache=${IMAGE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/rain-forecast/engine}

runs_base_image() { # pulls it if need be
  command -v "$1" && "$1" run --rm --network=none "$base" true
} &>/dev/null

skip() {
  echo "skipped: $1" >&2
  exit 0
}

install_podman() {
  for tool in podman runc mmdebstrap /usr/lib/podman/netavark; do
    command -v "$tool" >/dev/null && continue
    command -v apt-get >/dev/null || skip "$tool is missing, and there is no apt-get to install it"
    echo "installing podman …" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq --no-install-recommends podman runc netavark mmdebstrap >/dev/null
    return
  done
}

configure_podman() { # with its images in $cache, and its state in $run
  # podman refuses a run root of more than 50 characters when a container ends, and so never restarts it.
  run=/run/rain-forecast/$(sha256sum <<<"$cache" | head -c 8)
  cat >"$cache/containers.conf" <<END
[containers]
# No bridge, no firewall rules: the tests use loopback ports.
netns = "host"
# podman's own default is above what a confined root may ask for.
default_ulimits = ["nofile=$(ulimit -Hn):$(ulimit -Hn)", "nproc=32768:32768"]

[engine]
# crun 1.8 of Debian 12 fails where both versions of cgroups are mounted.
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
# Apart from any other podman of this machine.
lock_type = "file"
tmp_dir = "$run/libpod"

[network]
network_backend = "netavark"
network_config_dir = "$run/networks"
END
  cat >"$cache/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$cache/images"
runroot = "$run/storage"
END
  export CONTAINERS_CONF="$cache/containers.conf" CONTAINERS_STORAGE_CONF="$cache/storage.conf"
}

# As slim as the official image: no compiler, no documentation, no bytecode of the standard library.
# shellcheck disable=SC2016  # apt-get and mmdebstrap's shell fill in what is in single quotes
stand_in() {
  echo "$base is out of reach; making a stand-in of Debian's packages, a minute or two …" >&2
  local mirror
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Release: bookworm' | head -n 1)
  mmdebstrap --quiet --variant=minbase --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --include=usr-is-merged,python3,python3-pip,ca-certificates --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm "$1"/usr/lib/python3*/EXTERNALLY-MANAGED && ln -s python3 "$1"/usr/bin/python' \
    --customize-hook='find "$1"/usr/lib/python3* -name __pycache__ -prune -exec rm -r {} +' \
    bookworm "$cache/base.tar" ${mirror:+"$mirror"} >"$cache/base.log" 2>&1 ||
    { cat "$cache/base.log" >&2 && return 1; }
  podman import --quiet --change 'CMD=["python3"]' --change 'LABEL=rain-forecast.base=stand-in' \
    --change 'ENV=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    "$cache/base.tar" "$base" >/dev/null
  rm "$cache/base.tar" "$cache/base.log"
}

clean_up() {
  podman rm --all --force --time 0 >/dev/null 2>&1 || true
  # podman leaves its store mounted upon itself.
  awk -v cache="$cache/" -v run="$run/" 'index($2, cache) == 1 || index($2, run) == 1 { print $2 }' \
    /proc/self/mounts | sort -r | while read -r mount; do umount "$mount"; done
  rm -rf "$run"
}

main() {
  [ $# -gt 0 ] || { sed -n '2,/^set/s/^# \?//p' "$0"; exit 2; }

  if runs_base_image docker; then
    ENGINE=docker exec "$@"
  fi
  if [ "$(id -u)" != 0 ]; then
    runs_base_image podman ||
      skip "neither docker nor podman can run $base here, and only root can install an engine"
    ENGINE=podman exec "$@"
  fi

  install_podman
  mkdir -p "$cache"
  cache=$(realpath "$cache")
  exec 9>"$cache/lock"
  flock 9
  # Of versions that kept podman's state in it; its database would bring the old run root back.
  rm -rf "$cache/store"
  configure_podman
  trap clean_up EXIT
  podman image exists "$base" || podman pull --quiet "$base" >/dev/null 2>&1 || stand_in
  ENGINE=podman "$@" 9>&-
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  main "$@"
fi
