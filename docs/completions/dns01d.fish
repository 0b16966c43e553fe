# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_dns01d_global_optspecs
    string join \n c/config= socket= h/help V/version
end

function __fish_dns01d_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_dns01d_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_dns01d_using_subcommand
    set -l cmd (__fish_dns01d_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c dns01d -n "__fish_dns01d_needs_command" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_needs_command" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_needs_command" -s h -l help -d 'Print help'
complete -c dns01d -n "__fish_dns01d_needs_command" -s V -l version -d 'Print version'
complete -c dns01d -n "__fish_dns01d_needs_command" -f -a "run" -d 'Run the daemon'
complete -c dns01d -n "__fish_dns01d_needs_command" -f -a "check" -d 'Check the configuration and the machine; change nothing'
complete -c dns01d -n "__fish_dns01d_needs_command" -f -a "status" -d 'Show every certificate, its state and what is next'
complete -c dns01d -n "__fish_dns01d_needs_command" -f -a "renew" -d 'Renew a certificate now, whatever its plan and its back-off say'
complete -c dns01d -n "__fish_dns01d_needs_command" -f -a "why" -d 'Say why a certificate stands as it does, and what comes next'
complete -c dns01d -n "__fish_dns01d_needs_command" -f -a "next" -d 'Show what is next for each certificate, and why then'
complete -c dns01d -n "__fish_dns01d_needs_command" -f -a "plan" -d 'Show all that will happen until a moment, if nothing else does'
complete -c dns01d -n "__fish_dns01d_needs_command" -f -a "ca" -d 'Show what a CA offers and allows, and what is left of that'
complete -c dns01d -n "__fish_dns01d_needs_command" -f -a "revoke" -d 'Revoke a certificate, after another one is live in its place'
complete -c dns01d -n "__fish_dns01d_needs_command" -f -a "compromise" -d 'Replace a certificate whose key somebody else may have, then revoke it'
complete -c dns01d -n "__fish_dns01d_needs_command" -f -a "account" -d 'Look at and change the account at a CA'
complete -c dns01d -n "__fish_dns01d_needs_command" -f -a "reload" -d 'Read the configuration again'
complete -c dns01d -n "__fish_dns01d_needs_command" -f -a "provider" -d 'See which providers there are and what they take, and prepare them'
complete -c dns01d -n "__fish_dns01d_using_subcommand run" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand run" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dns01d -n "__fish_dns01d_using_subcommand check" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand check" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand check" -l online -d 'Try all that an issuance needs, without the CA'
complete -c dns01d -n "__fish_dns01d_using_subcommand check" -l staging -d 'Obtain certificates of a CA that nobody trusts, and deploy none'
complete -c dns01d -n "__fish_dns01d_using_subcommand check" -l json -d 'Print one JSON object; with --online or --staging, one for each step'
complete -c dns01d -n "__fish_dns01d_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dns01d -n "__fish_dns01d_using_subcommand status" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand status" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand status" -l json -d 'Print one JSON object'
complete -c dns01d -n "__fish_dns01d_using_subcommand status" -s h -l help -d 'Print help'
complete -c dns01d -n "__fish_dns01d_using_subcommand renew" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand renew" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand renew" -l wait -d 'Show each step as it happens, and end when it is deployed or has failed'
complete -c dns01d -n "__fish_dns01d_using_subcommand renew" -l json -d 'Print one JSON object per step'
complete -c dns01d -n "__fish_dns01d_using_subcommand renew" -s h -l help -d 'Print help'
complete -c dns01d -n "__fish_dns01d_using_subcommand why" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand why" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand why" -l json -d 'Print one JSON object'
complete -c dns01d -n "__fish_dns01d_using_subcommand why" -s h -l help -d 'Print help'
complete -c dns01d -n "__fish_dns01d_using_subcommand next" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand next" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand next" -l json -d 'Print one JSON object'
complete -c dns01d -n "__fish_dns01d_using_subcommand next" -s h -l help -d 'Print help'
complete -c dns01d -n "__fish_dns01d_using_subcommand plan" -l at -d 'A day (2027-01-31), a moment (2027-01-31T12:00:00Z) or a time from now (+30d)' -r
complete -c dns01d -n "__fish_dns01d_using_subcommand plan" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand plan" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand plan" -l json -d 'Print one JSON object'
complete -c dns01d -n "__fish_dns01d_using_subcommand plan" -s h -l help -d 'Print help'
complete -c dns01d -n "__fish_dns01d_using_subcommand ca" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand ca" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand ca" -l json -d 'Print one JSON list'
complete -c dns01d -n "__fish_dns01d_using_subcommand ca" -s h -l help -d 'Print help'
complete -c dns01d -n "__fish_dns01d_using_subcommand revoke" -l reason -d 'Why: unspecified, key-compromise, affiliation-changed, superseded or cessation-of-operation' -r
complete -c dns01d -n "__fish_dns01d_using_subcommand revoke" -l key -d 'The certificate\'s own key, where the account that it came from is gone' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand revoke" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand revoke" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand revoke" -l no-replace -d 'Revoke it at once, and put no other in its place'
complete -c dns01d -n "__fish_dns01d_using_subcommand revoke" -l json -d 'Print one JSON object per step'
complete -c dns01d -n "__fish_dns01d_using_subcommand revoke" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dns01d -n "__fish_dns01d_using_subcommand compromise" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand compromise" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand compromise" -l json -d 'Print one JSON object per step'
complete -c dns01d -n "__fish_dns01d_using_subcommand compromise" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and not __fish_seen_subcommand_from show update rollover import register deactivate" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and not __fish_seen_subcommand_from show update rollover import register deactivate" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and not __fish_seen_subcommand_from show update rollover import register deactivate" -s h -l help -d 'Print help'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and not __fish_seen_subcommand_from show update rollover import register deactivate" -f -a "show" -d 'Show it as the CA has it'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and not __fish_seen_subcommand_from show update rollover import register deactivate" -f -a "update" -d 'Make its contacts and its agreement to the terms those of the configuration'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and not __fish_seen_subcommand_from show update rollover import register deactivate" -f -a "rollover" -d 'Give it another key'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and not __fish_seen_subcommand_from show update rollover import register deactivate" -f -a "import" -d 'Work with an account that another client made'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and not __fish_seen_subcommand_from show update rollover import register deactivate" -f -a "register" -d 'Make a new account in place of one that the CA closed or lost'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and not __fish_seen_subcommand_from show update rollover import register deactivate" -f -a "deactivate" -d 'Close it for good: nothing opens it again, and nothing is issued by it any more'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from show" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from show" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from update" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from update" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from update" -l json -d 'Print one JSON object'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from update" -s h -l help -d 'Print help'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from rollover" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from rollover" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from rollover" -l json -d 'Print one JSON object'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from rollover" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from import" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from import" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from import" -l json -d 'Print one JSON object'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from register" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from register" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from register" -l json -d 'Print one JSON object'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from register" -l yes -d 'Leave the old account for good'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from register" -s h -l help -d 'Print help'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from deactivate" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from deactivate" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from deactivate" -l json -d 'Print one JSON object'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from deactivate" -l yes -d 'Close it for good'
complete -c dns01d -n "__fish_dns01d_using_subcommand account; and __fish_seen_subcommand_from deactivate" -s h -l help -d 'Print help'
complete -c dns01d -n "__fish_dns01d_using_subcommand reload" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand reload" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand reload" -s h -l help -d 'Print help'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and not __fish_seen_subcommand_from list show check setup new test" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and not __fish_seen_subcommand_from list show check setup new test" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and not __fish_seen_subcommand_from list show check setup new test" -s h -l help -d 'Print help'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and not __fish_seen_subcommand_from list show check setup new test" -f -a "list" -d 'List every provider of every plugin library on this machine, and who uses it'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and not __fish_seen_subcommand_from list show check setup new test" -f -a "show" -d 'Show what a provider is, which options it takes, and how to configure it'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and not __fish_seen_subcommand_from list show check setup new test" -f -a "check" -d 'Have a provider instance check its credentials, and whether it may write for these names'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and not __fish_seen_subcommand_from list show check setup new test" -f -a "setup" -d 'Have a provider instance create what it needs for these names'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and not __fish_seen_subcommand_from list show check setup new test" -f -a "new" -d 'Begin a provider of one\'s own: a project that builds, with its tests'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and not __fish_seen_subcommand_from list show check setup new test" -f -a "test" -d 'Test whether a plugin keeps the promises of dns01_plugin.h'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from list" -l plugin-dir -d 'Look for plugins in this directory instead of the configured ones; may be repeated' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from list" -l plugin-host -d 'The dns01-plugin-host program, instead of the configured one' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from list" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from list" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from show" -l plugin-dir -d 'Look for plugins in this directory instead of the configured ones; may be repeated' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from show" -l plugin-host -d 'The dns01-plugin-host program, instead of the configured one' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from show" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from show" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from check" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from check" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from check" -l json -d 'Print one JSON object'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from setup" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from setup" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from setup" -l json -d 'Print one JSON object'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from setup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from new" -l lang -d 'The language to write it in' -r -f -a "rust\t'With cargo, in safe Rust'
c\t'With make and cc, from the header alone'
go\t'With go and cc, through cgo'"
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from new" -l path -d 'The directory to make; it must not be there yet [default: ./NAME]' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from new" -l plugin-api -d 'With rust: depend on the dns01-plugin-api in this directory instead of the published one' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from new" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from new" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l options -d 'YAML of the plugin\'s own options, as under `providers.NAME.options` of a configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l zone -d 'A zone of yours that these options may write to; random names in it are used, and cleaned up' -r
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l provider -d 'Which provider of the library' -r
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l name -d 'Publish only at `_acme-challenge.NAME`, for servers that allow no other names' -r
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l subzone -d 'A zone delegated from the zone that the options may write to as well' -r
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l server -d 'An authoritative server to ask, an address or a name, instead of those that DNS tells; may be repeated' -r
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l visible-within -d 'How long the servers may take to show a change, at least' -r
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l rounds -d 'How often the instance is opened, used and closed to see whether it leaks' -r
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l only -d 'Run only this check, or this group of checks; may be repeated' -r
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l plugin-dir -d 'Look for plugins in this directory instead of the configured ones; may be repeated' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l plugin-host -d 'The dns01-plugin-host program, instead of the configured one' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -s c -l config -d 'The configuration file' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l socket -d 'The control socket, instead of the one in the configuration' -r -F
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l no-dns -d 'Do not look in DNS: for a provider that publishes nowhere'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l keeps-values -d 'The service takes no value away, as acme-dns, where newer ones take its place: remove() must say that it changed nothing, and values may stay'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l allow-exec -d 'Let the plugin run programs, as `allow-exec` of a configuration does'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -l json -d 'Print one JSON object'
complete -c dns01d -n "__fish_dns01d_using_subcommand provider; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help (see more with \'--help\')'
