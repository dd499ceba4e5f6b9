//! Greets, in words or in JSON.

use std::process::ExitCode;

use lexopt::Arg;

const VERSION: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));

fn main() -> ExitCode {
    match said(lexopt::Parser::from_env()) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("greeter: {error}");
            ExitCode::FAILURE
        }
    }
}

fn said(mut arguments: lexopt::Parser) -> Result<String, lexopt::Error> {
    let (mut name, mut json) = ("world".to_owned(), false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("version") => return Ok(VERSION.to_owned()),
            Arg::Long("json") => json = true,
            Arg::Value(value) => name = value.to_string_lossy().into_owned(),
            other => return Err(other.unexpected()),
        }
    }
    Ok(match json {
        true => serde_json::json!({ "hello": name, "on": std::env::consts::ARCH }).to_string(),
        false => format!("Hello, {name}, on {}", std::env::consts::ARCH),
    })
}
