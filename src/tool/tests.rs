use std::time::Instant;

use super::*;

fn tools() -> Tools {
    Tools::new(
        Environment::empty("/")
            .with("PATH", "/usr/local/bin:/usr/bin:/bin")
            .with("KEPT", "1"),
    )
}

fn shell(script: &str) -> Call {
    Call::new("sh").args(["-c", script])
}

#[test]
fn output_environment_and_input_are_what_the_call_says() {
    let call = shell("cat; echo $KEPT$OWN >&2; exit 3")
        .var("OWN", "2")
        .without("KEPT")
        .input("in");
    let output = tools().output(&call).unwrap();
    assert_eq!((output.text().as_str(), output.ended), ("in", Ended::Code(3)));
    assert_eq!(output.stderr, b"2\n");
}

#[test]
fn a_failure_shows_command_status_and_last_lines() {
    let error = tools()
        .run(&shell("seq 100 >&2; exit 4"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("`sh -c 'seq 100 >&2; exit 4'` ended with exit code 4:\n81\n"),
        "{error}"
    );
    assert!(error.ends_with("\n100"), "{error}");
    let error = tools().run(&Call::new("no-such-program")).unwrap_err();
    assert!(matches!(error, ToolError::NotFound { .. }));
}

#[test]
fn lines_arrive_whole_and_apart() {
    let mut seen = Vec::new();
    let script = "printf 'a'; printf 'b\\nc' ; printf 'e\\n' >&2";
    tools()
        .stream(&shell(script), &mut |stream, line| {
            seen.push((stream, line.to_vec()))
        })
        .unwrap();
    seen.sort_by_key(|(stream, _)| *stream == Stream::Stderr);
    let texts: Vec<_> = seen.iter().map(|(_, line)| line.as_slice()).collect();
    assert_eq!(texts, [b"ab\n".as_slice(), b"c", b"e\n"]);
}

#[test]
fn a_limit_ends_the_whole_group() {
    let started = Instant::now();
    let call = shell("sleep 60 & echo $!; wait").limit(Duration::from_millis(300));
    let mut id = String::new();
    let error = tools().stream(&call, &mut |_, line| {
        id = String::from_utf8_lossy(line).trim().to_owned()
    });
    assert!(matches!(error, Err(ToolError::Limit { .. })));
    assert!(started.elapsed() < Duration::from_secs(30));
    assert!(ended_soon(&id), "grandchild {id} still runs");
}

#[test]
fn cancel_ends_children_and_starts_no_more() {
    let tools = tools();
    let other = tools.clone();
    let thread = std::thread::spawn(move || other.output(&shell("sleep 60 & sleep 60")));
    while tools.children.running_now() == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    tools.cancel();
    assert!(matches!(thread.join().unwrap(), Err(ToolError::Cancelled { .. })));
    assert!(matches!(
        tools.output(&shell("true")),
        Err(ToolError::Cancelled { .. })
    ));
}

#[test]
fn a_part_is_cancelled_alone_and_with_the_whole() {
    for whole in [false, true] {
        let tools = tools();
        let part = tools.part();
        let run = |tools: &Tools| {
            let tools = tools.clone();
            std::thread::spawn(move || tools.output(&shell("sleep 1 & sleep 60")))
        };
        let inner = run(&part);
        while part.children.running_now() == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(
            tools.children.running_now(),
            1,
            "it is one of the whole's as well"
        );
        if whole {
            tools.cancel()
        } else {
            part.cancel()
        }
        assert!(matches!(inner.join().unwrap(), Err(ToolError::Cancelled { .. })));
        assert!(part.cancelled() && part.output(&shell("true")).is_err());
        assert_eq!(tools.children.running_now(), 0);
        assert_eq!(tools.output(&shell("true")).is_ok(), !whole);
    }
}

/// Whether a process is gone, or a zombie, within some seconds.
fn ended_soon(id: &str) -> bool {
    (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    })
}

#[test]
fn a_grandchild_that_writes_on_is_not_waited_for() {
    for script in [
        "yes & echo $! >&2",
        "(while :; do echo y; sleep 0.5; done) & echo $! >&2",
    ] {
        let started = Instant::now();
        let call = shell(script).limit(Duration::from_secs(60)).keep(100);
        let output = tools().output(&call).unwrap();
        assert_eq!(output.ended, Ended::Code(0));
        assert!(started.elapsed() < Duration::from_secs(30), "{script}");
        let writer = String::from_utf8(output.stderr).unwrap();
        tools()
            .run(&Call::new("kill").args(["-s", "KILL", writer.trim()]))
            .unwrap();
    }
}

#[test]
fn a_program_that_leaves_its_group_is_ended() {
    let script = "setpgrp(0, getpgrp(getppid())); print qq(here\n); sleep 60";
    let call = Call::new("perl").args(["-e", script]);
    let started = Instant::now();
    let error = tools()
        .output(&call.limit(Duration::from_millis(500)))
        .unwrap_err();
    assert!(matches!(error, ToolError::Limit { .. }));
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn endless_lines_come_in_pieces() {
    let (mut pieces, mut bytes) = (0, 0);
    let call = shell("head -c 50000000 /dev/zero; echo; echo end");
    tools()
        .stream(&call, &mut |_, line| {
            assert!(line.len() < 20_000_000);
            (pieces, bytes) = (pieces + 1, bytes + line.len());
        })
        .unwrap();
    assert_eq!((pieces, bytes), (4, 50_000_005));
}
