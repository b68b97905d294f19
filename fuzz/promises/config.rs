//! Whatever a configuration file or a variable holds: settings that can be printed and read again, or an
//! error.

use std::collections::BTreeMap;

use mailwright::config::Config;

pub fn hold(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(config) = Config::parse(text, &BTreeMap::new()) {
        assert!(config.limits.streams > 0 && config.server.max_connections > 0);
        let _ = (
            config.local_address(),
            config.metrics_listen(),
            config.retention(),
        );
    }
    // As variables, a line each.
    let variables: BTreeMap<String, String> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (format!("MAILWRIGHT_{}", name.trim()), value.to_owned()))
        .collect();
    let _ = Config::parse("", &variables);
}
