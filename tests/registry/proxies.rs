//! Proxies of the environment: what goes through them, and what they get to see.

use std::io::{Read, Write};
use std::net::TcpListener;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cargo_gantry::environment::Environment;

use crate::authorization::signed_in;
use crate::real_auth::configured;
use crate::shipment::{client_of, reference, settings_in, shown};
use crate::support::registry::{Auth, Registry, Setup};

fn through(name: &str, proxy: &str) -> Environment {
    Environment::empty("/nonexistent").with(name, format!("http://us:proxy-pass@{proxy}"))
}

/// A proxy that takes one request's head, refuses it, and tells what it was.
fn refusing() -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            head.push(byte[0]);
        }
        stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            .unwrap();
        String::from_utf8(head).unwrap()
    });
    (address, seen)
}

#[tokio::test]
async fn a_tunnel_for_tls_sees_the_host_and_its_own_password_only() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let (address, seen) = refusing();
        let mut settings = settings_in(through(variable, &address));
        settings.patience.tries = 1;
        settings.account = signed_in("registry.test").account;
        let error = client_of(settings)
            .0
            .manifest(&reference("registry.test", "v1"))
            .await
            .unwrap_err();
        let head = seen.join().unwrap();
        assert!(
            head.starts_with("CONNECT registry.test:443 HTTP/1.1\r\n"),
            "{head}"
        );
        let own = format!("Basic {}", STANDARD.encode("us:proxy-pass"));
        assert!(
            head.contains(&own) && !head.to_lowercase().contains("\nauthorization:"),
            "{head}"
        );
        assert!(!shown(&error).contains("proxy-pass"), "{}", shown(&error));
    }
}

#[tokio::test]
async fn plain_http_goes_through_its_proxy_unless_excepted() {
    // The registry plays the proxy: it answers whatever host is asked for.
    let proxy = Registry::start(Setup {
        auth: Auth::Basic("me", "hunter2"),
        ..Setup::default()
    });
    let folder = tempfile::tempdir().unwrap();
    for (except, through_proxy) in [
        ("", true),
        ("other.test", true),
        ("registry.test", false),
        (".test", false),
    ] {
        let environment = through("HTTP_PROXY", &proxy.host()).with("NO_PROXY", except);
        let mut settings = settings_in(environment);
        settings.patience.tries = 1;
        settings.hosts = configured(folder.path(), "[registry.\"registry.test\"]\nplain-http = true\n").hosts;
        settings.account = signed_in("registry.test").account;
        proxy.clear_log();
        let found = client_of(settings)
            .0
            .manifest(&reference("registry.test", "v1"))
            .await;
        assert_eq!(found.is_ok(), through_proxy, "{except}: {found:?}");
        assert_eq!(!proxy.whole_log().is_empty(), through_proxy, "{except}");
    }
}

#[tokio::test]
async fn this_machine_is_never_reached_through_a_proxy() {
    let (proxy, registry) = (Registry::plain(), Registry::plain());
    let settings = settings_in(through("ALL_PROXY", &proxy.host()));
    assert_eq!(
        client_of(settings)
            .0
            .manifest(&reference(&registry.host(), "v1"))
            .await
            .unwrap(),
        None
    );
    assert!(proxy.whole_log().is_empty() && !registry.whole_log().is_empty());
}
