//! Servers that mean harm, or might as well: what they say of us, and how slowly they say it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use cargo_gantry::registry::{Kind, Repository};
use cargo_gantry::spec::Digest;

use crate::authorization::signed_in;
use crate::shipment::{client_of, reference, settings, shown};

/// A server that gives each request's head to `answer`, and closes the connection afterwards.
fn server(answer: impl Fn(&str, TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let lines = BufReader::new(&stream).lines().map_while(Result::ok);
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                answer(&head.join("\n"), stream.try_clone().unwrap());
            });
        }
    });
    host
}

#[tokio::test]
async fn what_a_server_repeats_of_us_is_not_shown() {
    let host = server(|head, mut stream| {
        let sent = head
            .lines()
            .find_map(|line| line.strip_prefix("authorization: Basic "));
        let _ = match sent {
            None => write!(
                stream,
                "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic\r\ncontent-length: 0\r\n\r\n"
            ),
            Some(sent) => {
                let body = format!("you sent `Basic {sent}`, that is me:hunter2");
                let warning = format!("warning: 299 - \"you sent {sent}\"");
                let status = if head.contains("/tags/") {
                    "401 Unauthorized"
                } else {
                    "403 Forbidden"
                };
                write!(
                    stream,
                    "HTTP/1.1 {status}\r\n{warning}\r\nwww-authenticate: Basic\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                )
            }
        };
    });
    let (client, told) = client_of(signed_in(&host));
    let forbidden = client.manifest(&reference(&host, "v1")).await.unwrap_err();
    let unauthorized = client
        .tags(&Repository::new(&host, "team/app"))
        .await
        .unwrap_err();
    for error in [forbidden, unauthorized] {
        assert_eq!(error.kind(), Kind::Denied);
        let text = format!("{} {error:?} {:?}", shown(&error), told.of(""));
        assert!(text.contains("you sent"), "{text}");
        assert!(
            !text.contains("hunter2") && !text.contains("bWU6aHVudGVyMg"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_byte_now_and_then_is_no_answer() {
    let host = server(|head, mut stream| {
        let status = if head.contains("/blobs/") {
            "200 OK"
        } else {
            "500 No"
        };
        let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 1000000\r\n\r\n");
        while stream.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let mut settings = settings();
    settings.plain_http.push(host.clone());
    settings.patience.tries = 2;
    settings.patience.stall = Duration::from_millis(400);
    let (client, _) = client_of(settings);
    let manifest = client.manifest(&reference(&host, "v1")).await.map(drop);
    let repository = Repository::new(&host, "team/app");
    let (digest, limit) = (Digest::of(b"x"), 1 << 20);
    let small = client.blob_bytes(&repository, &digest, limit).await.map(drop);
    let large = client.blob_to(&repository, &digest, limit, &mut Vec::new()).await;
    for error in [manifest, small, large].map(Result::unwrap_err) {
        assert_eq!(error.kind(), Kind::Unreachable, "{error:?}");
    }
}
