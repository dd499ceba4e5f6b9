//! The page: the run's data as JSON, with what draws it.

use std::time::Duration;

use cargo_gantry::event::{Link, Recorded};
use cargo_gantry::spec::json;
use serde_json::{Value, json as object};

use super::cost::Cost;

/// How the run ended.
#[derive(Debug)]
pub(crate) enum End {
    /// With this exit code, and why if it is not 0.
    Exit(u8, Option<String>),
    /// The terminal is a program's now: how that ends is its own affair.
    HandedOver,
}

/// All that is shown.
pub(super) struct Run<'a> {
    pub(super) command: &'a [String],
    /// RFC 3339.
    pub(super) began: String,
    pub(super) wall: Duration,
    pub(super) end: &'a End,
    pub(super) cost: Cost,
    pub(super) spans: &'a [Recorded],
    pub(super) chain: &'a [Link],
}

/// A page that needs nothing but itself.
pub(super) fn page(run: &Run<'_>) -> String {
    // Within a script nothing but `<` could end it, or open a comment; JSON has another way to say it.
    let data = json::to_string(&data(run)).replace('<', "\\u003c");
    include_str!("page.html")
        .replacen("/* STYLE */", include_str!("page.css").trim_end(), 1)
        .replacen("/* SCRIPT */", include_str!("page.js").trim_end(), 1)
        .replacen("DATA", &data, 1)
}

fn data(run: &Run<'_>) -> Value {
    let spans = run.spans.iter().map(|span| {
        object!({
            "id": span.id,
            "stage": span.stage.name(),
            "image": span.image,
            "platform": span.platform,
            "what": span.what,
            "begin-us": microseconds(span.begin.min(run.wall)),
            "end-us": microseconds(span.end.unwrap_or(run.wall).min(run.wall)),
            "open": span.end.is_none(),
        })
    });
    let chain = run.chain.iter().map(|link| {
        object!({
            "span": link.span, "begin-us": microseconds(link.begin), "end-us": microseconds(link.end),
        })
    });
    let exit = match run.end {
        End::Exit(code, error) => {
            let state = match code {
                0 => "done",
                130 => "interrupted",
                _ => "failed",
            };
            object!({"state": state, "code": code, "error": error})
        }
        End::HandedOver => object!({"state": "handed-over", "code": null, "error": null}),
    };
    object!({
        "schema": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "command": run.command,
        "began": run.began,
        "wall-us": microseconds(run.wall),
        "exit": exit,
        "processors": std::thread::available_parallelism().map_or(1, usize::from),
        "cpu-us": run.cost.own.map(microseconds),
        "children-cpu-us": run.cost.children.map(microseconds),
        "peak-memory": run.cost.peak,
        "spans": spans.collect::<Vec<_>>(),
        "chain": chain.collect::<Vec<_>>(),
    })
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cargo_gantry::event::{Observer, Span, Stage, Timeline, waited_for};

    use super::*;

    #[test]
    fn what_others_wrote_stays_within_the_data() {
        let command = ["</script><script>alert(1)</script><!--".to_owned()];
        let run = |command| Run {
            command,
            began: String::new(),
            wall: Duration::from_millis(1),
            end: &End::HandedOver,
            cost: Cost::default(),
            spans: &[],
            chain: &[],
        };
        let (hostile, plain) = (page(&run(&command)), page(&run(&[])));
        for mark in ["<script", "</script", "<!--", "<"] {
            assert_eq!(
                hostile.matches(mark).count(),
                plain.matches(mark).count(),
                "{mark}"
            );
        }
        let (_, data) = hostile.split_once("id=\"timings\">").unwrap();
        let (data, _) = data.split_once("</script>").unwrap();
        let data: Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["command"][0], *command[0]);
    }

    #[test]
    fn what_goes_on_ends_with_the_run() {
        let timeline = Arc::new(Timeline::default());
        let observer: Arc<dyn Observer> = timeline.clone();
        let _open = Span::begin(&observer, Stage::Upload, (None, None), "a blob");
        let (spans, wall) = (timeline.spans(), Duration::from_secs(9));
        let data = data(&Run {
            command: &[],
            began: String::new(),
            wall,
            end: &End::Exit(130, None),
            cost: Cost::default(),
            spans: &spans,
            chain: &waited_for(&spans, wall),
        });
        assert_eq!(data["spans"][0]["open"], true);
        assert_eq!(data["spans"][0]["end-us"], 9_000_000);
        assert_eq!(data["chain"][1]["end-us"], 9_000_000);
        assert_eq!(data["exit"]["state"], "interrupted");
    }

    #[test]
    fn the_page_needs_nothing_from_elsewhere() {
        let page = [
            include_str!("page.html"),
            include_str!("page.css"),
            include_str!("page.js"),
        ]
        .concat();
        let allowed = "http://www.w3.org/2000/svg";
        let page = page.replace(allowed, "");
        for mark in [
            "http:",
            "https:",
            "src=",
            "href=",
            "url(",
            "@import",
            "fetch(",
            "innerHTML",
        ] {
            assert!(!page.contains(mark), "{mark}");
        }
    }
}
