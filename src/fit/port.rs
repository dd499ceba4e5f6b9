//! [`Check::Port`]: a port below 1024 that the user may not have the right to listen on.
//!
//! ip_unprivileged_port_start of ip(7) decides, and `CAP_NET_BIND_SERVICE` of capabilities(7): both are the runtime's, so
//! this is told only where the matrix asks for it. <https://github.com/moby/moby/pull/41030>

use super::scene::Scene;
use super::{Check, Finding};

/// Ports from here on are everybody's, whatever the runtime says.
const FIRST_FREE: u32 = 1024;

pub(super) fn check(scene: &Scene<'_>, out: &mut Vec<Finding>) {
    let Ok(identity) = &scene.user else { return };
    if identity.uid == 0 {
        return;
    }
    for port in scene.set("ExposedPorts") {
        let number = port
            .split('/')
            .next()
            .and_then(|number| number.parse::<u32>().ok());
        if number.is_some_and(|number| (1..FIRST_FREE).contains(&number)) {
            let message = format!("{} may not listen on {port} everywhere", identity.shown());
            let finding = scene.finding(Check::Port, "ports", message).found(port);
            out.push(finding.help("listen on a port from 1024 on, and let the runtime map it"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::Level;
    use crate::fit::example::Example;
    use serde_json::json;

    #[test]
    fn low_ports_are_told_of_where_that_is_asked_for() {
        let mut example = Example::default();
        example.config(json!({"ExposedPorts": {"80/tcp": {}, "8080/tcp": {}, "443": {}}}));
        assert_eq!(example.all(), []);
        let found: Vec<_> = example
            .only(Check::Port)
            .into_iter()
            .filter_map(|one| one.found)
            .collect();
        assert_eq!(found, ["443", "80/tcp"]);
        example.config(json!({"User": "0", "ExposedPorts": {"80/tcp": {}}}));
        example.levels.insert(Check::Root, Level::Allow);
        assert_eq!(example.all(), []);
    }
}
