//! A tree of acme.sh.

/// A script with the functions of the real one that dns01d's driver and a dnsapi use, and with its way of running the
/// command in its arguments when it is sourced.
///
/// It is not acme.sh, which no Debian package and no registry has.
pub const ACME_SH: &str = r##"#!/usr/bin/env sh
DEFAULT_INSTALL_HOME="$HOME/.acme.sh"
DEFAULT_USER_AGENT="acme.sh/3.0 (a tree of the tests)"
_startswith() { echo "$1" | grep -- "^$2" >/dev/null 2>&1; }
_exists() { eval type "$1" >/dev/null 2>&1; }
_info() { printf "%s\n" "$1"; }
_debug() { :; }
_err() { printf "%s\n" "$1" >&2; return 1; }
_base64() { openssl base64 -A; }
_contains() { echo "$1" | grep -- "$2" >/dev/null 2>&1; }
_saveaccountconf_mutable() { echo "$1='$2'" >>"$LE_CONFIG_HOME/account.conf" || exit 99; }
_readaccountconf_mutable() { grep "^$1=" "$LE_CONFIG_HOME/account.conf" || exit 99; }
_post() { echo "this _post would put its headers on a command line" >&2; exit 99; }
_get() { echo "this _get would put its headers on a command line" >&2; exit 99; }
__USE_TR_TAG=""
export __USE_TR_TAG
showhelp() { echo "it was sourced without a command" >&2; exit 99; }
main() {
  [ -z "$1" ] && showhelp && return
  if _startswith "$1" '-'; then _process "$@"; else "$@"; fi
}
main "$@"
"##;
