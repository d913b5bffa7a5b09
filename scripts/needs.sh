#!/usr/bin/env bash
# Installs from Debian what this machine lacks, and says what it does.
#   needs.sh demo            the datasets that make demo shares
#   needs.sh bench           what make bench-tracker and bench-irc compare with
#   needs.sh test [package…] these, and what the tests need: database server, real
#                            BitTorrent clients, IRC and mail servers, a browser; and further
#                            packages
set -euo pipefail

packages=(bowtie2-examples libsbml5-examples samtools-test hmmer-examples)
# Small images of Debian leave documentation out, and with it the datasets.
samples=(/usr/share/doc/bowtie2/examples /usr/share/doc/libsbml5-examples/examples /usr/share/doc/hmmer/examples)

purpose=${1:-}
case $purpose in
demo) ;;
bench)
	packages=(mariadb-server opentracker inspircd ngircd)
	samples=()
	;;
test)
	shift
	packages+=(
		mariadb-server                     # the second database engine
		transmission-daemon aria2 rtorrent # clients that seed and fetch
		qbittorrent-nox deluged
		ktorrent xvfb dbus-daemon dbus-bin # … which needs a display and a bus
		python3 python3-libtorrent         # … and make hybrid and v2 torrents
		iproute2 util-linux                # network namespaces
		chromium fonts-dejavu-core         # the site in a browser
		libxml2-utils                      # xmllint
		nginx-light systemd curl           # what deploy/ is for
		inspircd ngircd                    # other IRC networks that Hermes works on
		opensmtpd                          # a mail server that takes the site's letters
		irssi weechat-curses tmux hexchat  # people's IRC clients, and terminals for them
		"$@"
	)
	# What tells of the pages' faults comes from npm, which Node's own packages have too.
	command -v npm >/dev/null || packages+=(nodejs npm)
	;;
*)
	sed -n '2,7s/^# \?//p' "$0" >&2
	exit 2
	;;
esac

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null; }

missing=()
for p in "${packages[@]}"; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
	echo "Not installed here yet: ${missing[*]}"
	if ! command -v apt-get >/dev/null; then
		echo "This is not Debian: install the like of them yourself, please." >&2
		exit 1
	fi
	if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
		echo "Run as root: apt-get install ${missing[*]}" >&2
		exit 1
	fi
	echo "Installing them with apt-get."
	apt update
	apt install --no-install-recommends "${missing[@]}" >/dev/null
	# Debian starts these as services, open to everybody; the tests start their own.
	for p in inspircd ngircd opensmtpd; do
		if [[ " ${missing[*]} " == *" $p "* ]] && command -v systemctl >/dev/null; then
			echo "Switching the service $p off."
			as_root systemctl disable "$p" >/dev/null 2>&1 || true
			[ ! -d /run/systemd/system ] || as_root systemctl stop "$p"
		fi
	done
fi
for dir in "${samples[@]}"; do
	if [ ! -d "$dir" ]; then
		echo "Installing the datasets once more, with the documentation folders they lie in."
		apt -o Dpkg::Options::=--path-include='/usr/share/doc/*' install --reinstall --no-install-recommends \
			bowtie2-examples libsbml5-examples hmmer-examples >/dev/null
		break
	fi
done
pages=$(cd "$(dirname "$0")" && pwd)/pages
if [ "$purpose" = test ] && ! cmp -s "$pages/package-lock.json" "$pages/node_modules/.installed"; then
	echo "Installing axe-core and html-validate with npm, in scripts/pages."
	(cd "$pages" && npm ci --ignore-scripts --no-audit --no-fund --omit-lockfile-registry-resolved=true </dev/null >/dev/null)
	cp "$pages/package-lock.json" "$pages/node_modules/.installed"
fi
