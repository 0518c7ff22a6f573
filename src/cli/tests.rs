//! Lines as an operator might write them.

use clap::CommandFactory;

use super::*;

fn parse(line: &str, variables: &[&str]) -> Result<Cli, String> {
    let args = std::iter::once("x").chain(line.split_whitespace()).map(str::to_owned);
    Cli::parse_all(args, variables.iter().map(|name| (*name).to_owned())).map_err(|error| error.to_string())
}

#[test]
fn the_command_is_sound() {
    describe::for_parser().debug_assert();
    describe::for_documents().debug_assert();
}

#[test]
fn every_flag_has_its_variable() {
    for arg in
        Cli::command().get_arguments().filter(|arg| arg.get_id() != "help" && arg.get_id() != "version")
    {
        let long = arg.get_long().unwrap().to_uppercase().replace(['.', '-'], "_");
        assert_eq!(arg.get_env().unwrap().to_str().unwrap(), format!("WECHAT_EXPORTER_{long}"));
    }
}

#[test]
fn flags_may_stand_before_or_after_a_sub_command() {
    let before = parse("--web.listen-address :1 --web.listen-address [::1]:2 demo", &[]).unwrap();
    let after = parse("demo --web.listen-address :1 --web.listen-address [::1]:2", &[]).unwrap();
    assert_eq!(before.flags.listen.len(), 2);
    assert_eq!(before.flags.listen, after.flags.listen);
    assert_eq!(parse("demo", &[]).unwrap().flags.listen, [DEMO_LISTEN.parse().unwrap()]);
    assert_eq!(parse("", &[]).unwrap().flags.listen, [DEFAULT_LISTEN.parse().unwrap()]);
}

#[test]
fn what_is_not_there_is_refused() {
    for bad in [
        "--once --config.check",
        "--shard x",
        "--shard -1",
        "--total-shards 0",
        "--total-shards 2 --shard 2",
        "--config.fil x",
        "x",
    ] {
        assert!(parse(bad, &[]).is_err(), "{bad}");
    }
    for bad in
        ["simulate --listen :1", "simulate --listen :1 --accounts 2 --scenario x", "simulate --accounts 2"]
    {
        assert!(parse(bad, &[]).is_err(), "{bad}");
    }
    for bad in [
        "--web.telemetry-path metrics",
        "--web.telemetry-path /-/x",
        "--web.telemetry-path /a?b",
        "--web.listen-address x",
    ] {
        assert!(parse(bad, &[]).is_err(), "{bad}");
    }
    for bad in [
        "demo --accounts -1",
        "demo --accounts 100001",
        "demo --accounts some",
        "demo --speed=-0.1",
        "demo --speed=NaN",
        "demo --speed=inf",
        "demo --speed fast",
        "simulate --listen :1 --accounts 1000001",
    ] {
        let error = parse(bad, &[]).unwrap_err();
        assert!(error.contains("invalid value") || error.contains("unexpected argument"), "{bad}: {error}");
    }
    assert!(parse("demo --speed fast", &[]).unwrap_err().contains("from 0 to 1000000: 1 is as in life"));
    assert!(parse("demo --accounts 1e3", &[]).unwrap_err().contains("--accounts <N>"));
    assert!(parse("demo --config.file x", &[]).unwrap_err().contains("--config.file"));
    assert!(parse("demo --once", &[]).unwrap_err().contains("--once"));
    assert!(parse("", &["WECHAT_EXPORTER_SHARDS"]).unwrap_err().contains("WECHAT_EXPORTER_SHARDS"));
    assert!(parse("doctor --config.file x --json a b", &[]).is_ok());
    for bad in ["--config.check", "--once", "--web.listen-address :1", "--web.telemetry-path /x"] {
        let error = parse(&format!("doctor {bad}"), &[]).unwrap_err();
        assert!(error.contains(bad.split(' ').next().unwrap()), "{error}");
    }
}

#[test]
fn every_flag_is_known_to_each_sub_command_or_refused_by_name() {
    for name in ["demo", "simulate --listen :1 --accounts 1", "doctor"] {
        let command = Cli::command();
        let sub_command = name.split(' ').next().unwrap();
        for flag in command.get_arguments().filter(|arg| arg.is_global_set()) {
            let long = flag.get_long().unwrap();
            let value = match long {
                "shard" => " 0",
                "web.external-url" => " http://localhost",
                "web.listen-address" => " :1",
                "web.telemetry-path" => " /x",
                "log.level" => " info",
                "log.format" => " json",
                "total-shards" => " 1",
                _ if flag.get_action().takes_values() => " x",
                _ => "",
            };
            let is_refused = !Command::heeds(Some(sub_command), flag.get_id().as_str());
            for line in [format!("{name} --{long}{value}"), format!("--{long}{value} {name}")] {
                match parse(&line, &[]) {
                    Ok(_) => assert!(!is_refused, "{line}"),
                    Err(error) => assert!(
                        is_refused && error.contains(&format!("--{long} has no meaning")),
                        "{line}: {error}"
                    ),
                }
            }
        }
    }
}

#[test]
fn a_demo_may_be_larger_and_slower() {
    let demo = |line: &str| match parse(line, &[]).unwrap().command {
        Some(Command::Demo(demo)) => (demo.accounts, demo.speed),
        other => panic!("{other:?}"),
    };
    assert_eq!(demo("demo"), (0, 600.0));
    assert_eq!(demo("demo --accounts 1000 --speed 0"), (1_000, 0.0));
    assert_eq!(demo("demo --accounts 100000 --speed 1e6"), (100_000, 1e6));
}

#[test]
fn a_shard_is_a_number_below_the_total_or_the_end_of_the_host_name() {
    let shard = parse("--shard 2 --total-shards 3", &[]).unwrap().flags.own_shard;
    assert_eq!((shard.ordinal(), shard.total()), (2, 3));
    assert!(parse("", &[]).unwrap().flags.own_shard.is_whole());
    let auto = |host| ShardChoice::Auto.of(12, host).map(Shard::ordinal);
    assert_eq!(auto("exporter-0"), Ok(0));
    assert_eq!(auto("exporter-11"), Ok(11));
    assert!(auto("exporter-12").unwrap_err().contains("numbered from 0 to 11"));
    for host in ["exporter", "", "exporter-99999999999"] {
        assert!(auto(host).unwrap_err().contains("give the number"), "{host}");
    }
}

#[test]
fn variables_of_kubernetes_and_of_the_configuration_are_left_alone() {
    let foreign = [
        "WECHAT_EXPORTER_PORT",
        "WECHAT_EXPORTER_PORT_19870_TCP_ADDR",
        "WECHAT_EXPORTER_SERVICE_HOST",
        "WECHAT_EXPORTER_SERVICE_PORT_HTTP",
        "WECHAT_EXPORTER_EU_SERVICE_HOST",
        "WECHAT_EXPORTER_EU_PORT_1_TCP",
        "WECHAT_EXPORTER__POLL__INTERVAL",
        "WECHAT_EXPORTER_LOG_LEVEL",
        "PATH",
    ];
    assert!(parse("", &foreign).is_ok());
}
