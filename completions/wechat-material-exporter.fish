# Fails, and prints the sub-command, if there is one already.
function __fish_wechat_material_exporter_needs_command
    for word in (commandline -opc)
        if contains -- $word demo simulate doctor health help
            echo $word
            return 1
        end
    end
end

function __fish_wechat_material_exporter_using_subcommand
    set -l command (__fish_wechat_material_exporter_needs_command)
    test -n "$command"; and contains -- $command $argv
end

complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -l config.file -d 'Configuration file, YAML; any readable path' -r -F
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -l state.file -d 'File that keeps values, deadlines and waits over a restart; never a secret or token. `{shard}` in it becomes the number of the shard' -r -F
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -l shard -d 'Number of this process among --total-shards, from 0; `auto`: the number at the end of the host name' -r
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -l total-shards -d 'How many processes share this configuration, each polling its part of it' -r
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -l web.listen-address -d 'Address to listen on: HOST:PORT with IPv6 in brackets, or :PORT for all addresses; repeatable' -r
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -l web.telemetry-path -d 'Path of the metrics page' -r
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -l web.external-url -d 'URL under which others reach the exporter, for the targets of /sd; without it what each request says' -r
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -l web.config.file -d 'File with TLS, client certificates, users and headers, in the format of Prometheus\'s exporter-toolkit; read again when it or a file that it names changes' -r -F
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -l log.level -d 'Least important events to write to stderr: error, warn, info, debug or trace' -r -f -a "error\t'Somebody has to act now'
warn\t'Something is degraded'
info\t'Start, stop, accounts that begin or cease to fail'
debug\t'Every poll'
trace\t'Everything'"
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -l log.format -d 'How they are written: logfmt, or json with one object a line' -r -f -a "logfmt\t'`key=value` pairs'
json\t'One JSON object a line'"
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -l config.check -d 'Validate the configuration, print every fault or the plan of calls, and exit 0 or 1'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -l once -d 'Poll every account once, write the metrics page to stdout, and exit 0 if all succeeded, else 1. With --state.file it skips what is parked or not yet due'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -l web.auth-exempt-health -d 'Serve /-/healthy and /-/ready without a password where --web.config.file names users'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -l web.enable-lifecycle -d 'Allow POST /-/reload and POST /-/poll'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -s h -l help -d 'Print help'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -s V -l version -d 'Print version'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -f -a "demo" -d 'Run the exporter against an embedded simulator; needs no file and no account'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -f -a "simulate" -d 'Run the simulator of the WeChat API alone'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -f -a "doctor" -d 'Check configuration, network and accounts, and say what to do about each trouble'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -f -a "health" -d 'Ask the exporter that listens here on --web.listen-address whether it is healthy'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand demo" -l accounts -d 'Add N generated accounts to the demo\'s own, about one in ten of them in some kind of trouble' -r
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand demo" -l speed -d 'How many times faster than the clock the counts grow: 0 stands still, 1 is as in life' -r
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand demo" -l web.listen-address -d 'Address to listen on: HOST:PORT with IPv6 in brackets, or :PORT for all addresses; repeatable' -r
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand demo" -l web.telemetry-path -d 'Path of the metrics page' -r
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand demo" -l web.external-url -d 'URL under which others reach the exporter, for the targets of /sd; without it what each request says' -r
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand demo" -l log.level -d 'Least important events to write to stderr: error, warn, info, debug or trace' -r -f -a "error\t'Somebody has to act now'
warn\t'Something is degraded'
info\t'Start, stop, accounts that begin or cease to fail'
debug\t'Every poll'
trace\t'Everything'"
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand demo" -l log.format -d 'How they are written: logfmt, or json with one object a line' -r -f -a "logfmt\t'`key=value` pairs'
json\t'One JSON object a line'"
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand demo" -l web.enable-lifecycle -d 'Allow POST /-/reload and POST /-/poll'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand demo" -s h -l help -d 'Print help'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand simulate" -l listen -d 'Address to serve the simulated API on: HOST:PORT with IPv6 in brackets, or :PORT' -r
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand simulate" -l accounts -d 'Simulate N accounts: account i (from 0) has app id `wx` and i as 16 hex digits, and the secret `simulated-secret-<i>`' -r
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand simulate" -l scenario -d 'Simulate the accounts and faults of a scenario file, YAML' -r -F
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand simulate" -l log.level -d 'Least important events to write to stderr: error, warn, info, debug or trace' -r -f -a "error\t'Somebody has to act now'
warn\t'Something is degraded'
info\t'Start, stop, accounts that begin or cease to fail'
debug\t'Every poll'
trace\t'Everything'"
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand simulate" -l log.format -d 'How they are written: logfmt, or json with one object a line' -r -f -a "logfmt\t'`key=value` pairs'
json\t'One JSON object a line'"
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand simulate" -s h -l help -d 'Print help'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand doctor" -l config.file -d 'Configuration file, YAML; any readable path' -r -F
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand doctor" -l log.level -d 'Least important events to write to stderr: error, warn, info, debug or trace' -r -f -a "error\t'Somebody has to act now'
warn\t'Something is degraded'
info\t'Start, stop, accounts that begin or cease to fail'
debug\t'Every poll'
trace\t'Everything'"
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand doctor" -l log.format -d 'How they are written: logfmt, or json with one object a line' -r -f -a "logfmt\t'`key=value` pairs'
json\t'One JSON object a line'"
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand doctor" -l json -d 'Write one JSON document instead of lines for people'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand health" -l web.listen-address -d 'Address to listen on: HOST:PORT with IPv6 in brackets, or :PORT for all addresses; repeatable' -r
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand health" -l log.level -d 'Least important events to write to stderr: error, warn, info, debug or trace' -r -f -a "error\t'Somebody has to act now'
warn\t'Something is degraded'
info\t'Start, stop, accounts that begin or cease to fail'
debug\t'Every poll'
trace\t'Everything'"
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand health" -l log.format -d 'How they are written: logfmt, or json with one object a line' -r -f -a "logfmt\t'`key=value` pairs'
json\t'One JSON object a line'"
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand health" -s h -l help -d 'Print help'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand help; and not __fish_seen_subcommand_from demo simulate doctor health help" -f -a "demo" -d 'Run the exporter against an embedded simulator; needs no file and no account'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand help; and not __fish_seen_subcommand_from demo simulate doctor health help" -f -a "simulate" -d 'Run the simulator of the WeChat API alone'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand help; and not __fish_seen_subcommand_from demo simulate doctor health help" -f -a "doctor" -d 'Check configuration, network and accounts, and say what to do about each trouble'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand help; and not __fish_seen_subcommand_from demo simulate doctor health help" -f -a "health" -d 'Ask the exporter that listens here on --web.listen-address whether it is healthy'
complete -c wechat-material-exporter -n "__fish_wechat_material_exporter_using_subcommand help; and not __fish_seen_subcommand_from demo simulate doctor health help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
