# Calls one function of a dnsapi of acme.sh, as acme.sh does: its script is sourced for its functions,
# then the file of the dnsapi, then API_add or API_rm is called with the full name and the value.
#
#   bash -c THIS NAME TREE API add|rm FQDN VALUE  <credentials, NAME=value, one on each line
#
# Credentials become shell variables that are not exported, so that neither the environment nor the command
# line of a program shows them: `export` only assigns, and the requests of acme.sh are made anew here with all
# that they carry in curl's standard input. Nothing can be written in the sandbox, so nothing is saved.

while IFS= read -r dns01_line; do
    unset "${dns01_line%%=*}" # it may have come exported
    printf -v "${dns01_line%%=*}" %s "${dns01_line#*=}"
done
unset dns01_line
exec </dev/null

dns01_tree=$1 dns01_api=$2 dns01_verb=$3 dns01_fqdn=$4 dns01_value=$5

export() {
    local dns01_word
    for dns01_word in "$@"; do
        case $dns01_word in
        -*) ;;
        *=*) printf -v "${dns01_word%%=*}" %s "${dns01_word#*=}" ;;
        esac
    done
}

LE_WORKING_DIR=$dns01_tree
LE_CONFIG_HOME=/dev/null
HTTP_HEADER=/dev/null
NO_TIMESTAMP=1
ACME_NO_COLOR=1

if [ ! -r "$dns01_tree/acme.sh" ]; then
    echo "there is no acme.sh in $dns01_tree" >&2
    builtin exit 78
fi
# its last line runs the command that it is given
. "$dns01_tree/acme.sh" true >/dev/null

: "${USER_AGENT:=$DEFAULT_USER_AGENT}"

# the account's and the domain's files: the credentials are in the configuration of dns01d
_saveaccountconf() { :; }
_saveaccountconf_mutable() { :; }
_clearaccountconf() { :; }
_clearaccountconf_mutable() { :; }
_readaccountconf() { :; }
_readaccountconf_mutable() { :; }
_savedomainconf() { :; }
_cleardomainconf() { :; }
_readdomainconf() { :; }

# A line of curl's configuration: OPTION = "VALUE".
dns01_setting() {
    local value=$2
    value=${value//\\/\\\\}
    value=${value//\"/\\\"}
    value=${value//$'\n'/\\n}
    value=${value//$'\r'/\\r}
    value=${value//$'\t'/\\t}
    printf '%s = "%s"\n' "$1" "$value"
}

# METHOD (none for a plain GET) URL BODY CONTENT-TYPE ONLY-HEADER TIMEOUT
dns01_request() {
    local header
    {
        printf 'silent\nshow-error\ngloboff\n'
        # curl goes elsewhere with the headers of the dnsapi, credentials among them: never in clear
        [ "$ACME_HTTP_NO_REDIRECTS" ] || printf 'location\nproto-redir = "=https"\n'
        [ -z "$HTTPS_INSECURE" ] || printf 'insecure\n'
        if [ "$5" ] || [ "$1" = HEAD ]; then printf 'head\n'; fi
        [ -z "$1" ] || [ "$1" = HEAD ] || dns01_setting request "$1"
        [ -z "$6" ] || dns01_setting connect-timeout "$6"
        if [ "$CA_PATH" ]; then
            dns01_setting capath "$CA_PATH"
        elif [ "$CA_BUNDLE" ]; then
            dns01_setting cacert "$CA_BUNDLE"
        fi
        dns01_setting user-agent "$USER_AGENT"
        [ -z "$4" ] || dns01_setting header "Content-Type: $4"
        for header in "$_H1" "$_H2" "$_H3" "$_H4" "$_H5"; do
            [ -z "$header" ] || dns01_setting header "$header"
        done
        [ -z "$3" ] || dns01_setting data "$3"
        dns01_setting url "$2"
    } | curl --disable --config -
}

# URL ONLY-HEADER TIMEOUT
_get() {
    dns01_request "" "$1" "" "" "$2" "$3"
}

# BODY URL NEED-BASE64 METHOD CONTENT-TYPE; the answer is also left in $response, as acme.sh leaves it
_post() {
    local status
    response=$(dns01_request "${4:-POST}" "$2" "$1" "$5" "" "")
    status=$?
    [ -z "$3" ] || response=$(printf %s "$response" | _base64)
    printf %s "$response"
    return "$status"
}

dns01_file=$dns01_tree/dnsapi/$dns01_api.sh
[ -r "$dns01_file" ] || dns01_file=$dns01_tree/$dns01_api.sh
if [ ! -r "$dns01_file" ]; then
    echo "there is no dnsapi/$dns01_api.sh in $dns01_tree" >&2
    builtin exit 78
fi
. "$dns01_file" || builtin exit 78

if ! declare -F "${dns01_api}_$dns01_verb" >/dev/null; then
    echo "$dns01_file has no function ${dns01_api}_$dns01_verb" >&2
    builtin exit 78
fi
"${dns01_api}_$dns01_verb" "$dns01_fqdn" "$dns01_value"
