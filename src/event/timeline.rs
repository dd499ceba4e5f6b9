//! [`Timeline`]: what ran when, and what the run waited for.
//!
//! In: the events of spans. Out: the spans with their times, and the chain of those that the end waited for. It belongs to
//! the library, so that an xtask has the same facts as the command, which alone knows how to draw them. It draws nothing
//! and writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Event, Observer, Silent, Stage};
use crate::spec::Platform;

/// Keeps the spans of a run, and tells another observer everything.
pub struct Timeline {
    began: Instant,
    listener: Arc<dyn Observer>,
    spans: Mutex<BTreeMap<u64, Recorded>>,
}

/// A span with its times, counted from the timeline's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// Tells it from all others.
    pub id: u64,
    /// What kind of work.
    pub stage: Stage,
    /// The image, where it is work for one.
    pub image: Option<String>,
    /// The platform, where it is work for one.
    pub platform: Option<Platform>,
    /// What it is.
    pub what: String,
    /// When it began.
    pub begin: Duration,
    /// When it ended; none while it goes on.
    pub end: Option<Duration>,
}

/// A stretch of the chain that [`waited_for`] finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The span that was waited for; none where nothing did work that is known of.
    pub span: Option<u64>,
    /// When its turn began.
    pub begin: Duration,
    /// When it was over.
    pub end: Duration,
}

impl Default for Timeline {
    fn default() -> Self {
        Self::beside(Arc::new(Silent))
    }
}

impl Timeline {
    /// Begins now, and tells `listener` every event, spans among them.
    pub fn beside(listener: Arc<dyn Observer>) -> Self {
        Self {
            began: Instant::now(),
            listener,
            spans: Mutex::default(),
        }
    }

    /// How long it goes on.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The spans as of now, in the order they began.
    pub fn spans(&self) -> Vec<Recorded> {
        let spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        let mut spans: Vec<Recorded> = spans.values().cloned().collect();
        spans.sort_by_key(|span| (span.begin, span.id));
        spans
    }
}

impl Observer for Timeline {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::SpanBegan {
                id,
                stage,
                image,
                platform,
                what,
            } => {
                let mut recorded = Recorded {
                    id: *id,
                    stage: *stage,
                    image: image.map(str::to_owned),
                    platform: platform.cloned(),
                    what: (*what).to_owned(),
                    begin: Duration::ZERO,
                    end: None,
                };
                let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
                recorded.begin = self.began.elapsed();
                spans.insert(*id, recorded);
            }
            Event::SpanEnded { id } => {
                let mut spans = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(recorded) = spans.get_mut(id) {
                    recorded.end = Some(self.began.elapsed());
                }
            }
            _ => {}
        }
        self.listener.event(event);
    }
}

/// What a run of this length waited for, in the order of time and without gaps: from its end backward, at each moment the
/// span whose end is nearest to that moment, of those that began before it. What went on beside it cost nothing.
///
/// It is the end nearest to the moment and not the last one before it, because work is handed on while its maker goes on:
/// a program is packed as soon as the compiler reports it, moments before the compiler itself ends. Where a compiler goes
/// on for longer, as it makes other programs as well, the first work for an image's platform still waited for it; and
/// compilers wait for nothing that is done with what they made. Spans that only wait ([`Stage::Wait`]) are none of the
/// chain: what they waited for is, and what begins right after them waited for that and for no compiler.
pub fn waited_for(spans: &[Recorded], total: Duration) -> Vec<Link> {
    let mut work: Vec<Work> = spans
        .iter()
        .filter(|span| span.stage != Stage::Wait)
        .map(|span| Work {
            begin: span.begin,
            end: span.end.unwrap_or(total).min(total),
            id: span.id,
            stage: span.stage,
        })
        .filter(|work| work.begin < work.end)
        .collect();
    work.sort_unstable();
    let waits = spans.iter().filter(|span| span.stage == Stage::Wait);
    let waits: Vec<Duration> = waits.filter_map(|span| span.end).collect();
    let first = first_of_platforms(spans);
    let mut links = Vec::new();
    let (mut moment, mut later) = (total, None::<Work>);
    while !moment.is_zero() {
        // What begins at the moment or later has not been waited for.
        work.truncate(work.partition_point(|work| work.begin < moment));
        let nearest = |work: &&Work| (work.end.abs_diff(moment), work.id);
        let early = later.is_some_and(|later| later.stage <= Stage::Build);
        let possible = |work: &&Work| !early || work.stage <= Stage::Build;
        let compilers = work
            .iter()
            .filter(|work| work.stage == Stage::Build && work.end >= moment);
        let compiler = compilers.min_by_key(nearest);
        let compiler = compiler.filter(|_| later.is_some_and(|later| first.contains(&later.id)));
        // Nothing else began since somebody had waited enough: it was who begins at the moment.
        let begun = work.last().map_or(Duration::ZERO, |last| last.begin);
        let compiler = compiler.filter(|_| !waits.iter().any(|end| (begun..=moment).contains(end)));
        let found = compiler
            .or_else(|| work.iter().filter(possible).min_by_key(nearest))
            .copied();
        let end = found.map_or(Duration::ZERO, |found| found.end.min(moment));
        if end < moment {
            links.push(Link {
                span: None,
                begin: end,
                end: moment,
            });
        }
        let begin = found.map_or(Duration::ZERO, |found| found.begin);
        if let Some(found) = found {
            links.push(Link {
                span: Some(found.id),
                begin,
                end,
            });
        }
        later = found;
        moment = begin;
    }
    links.reverse();
    links
}

/// As much of a span as the chain needs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Work {
    begin: Duration,
    end: Duration,
    id: u64,
    stage: Stage,
}

/// The first span of each image's platform.
fn first_of_platforms(spans: &[Recorded]) -> BTreeSet<u64> {
    let mut first = BTreeMap::new();
    for span in spans {
        if let (Some(image), Some(platform)) = (&span.image, &span.platform) {
            let known = first.entry((image, platform)).or_insert((span.begin, span.id));
            *known = (*known).min((span.begin, span.id));
        }
    }
    first.into_values().map(|(_, id)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Span;
    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// What is not the compiler's or everybody's is for one image's platform: the one that its number says.
    fn recorded(id: u64, (stage, number): (Stage, u32), begin: u64, end: Option<u64>) -> Recorded {
        let platform = ["linux/amd64", "linux/arm64"][number as usize].parse().unwrap();
        let of = matches!(stage, Stage::Fit | Stage::Pack).then_some(platform);
        Recorded {
            id,
            stage,
            image: of.is_some().then(|| "app".to_owned()),
            platform: of,
            what: String::new(),
            begin: at(begin),
            end: end.map(at),
        }
    }

    /// The chain as (span, begin, end).
    fn chain(spans: &[(Stage, u32, u64, Option<u64>)], total: u64) -> Vec<(Option<u64>, u128, u128)> {
        let spans: Vec<Recorded> = (0..)
            .zip(spans)
            .map(|(id, (stage, number, begin, end))| recorded(id, (*stage, *number), *begin, *end))
            .collect();
        let links = waited_for(&spans, at(total));
        let told = |link: &Link| (link.span, link.begin.as_millis(), link.end.as_millis());
        links.iter().map(told).collect()
    }

    #[test]
    fn the_chain_is_what_the_end_waited_for() {
        use Stage::{Base, Build, Fit, Pack, Plan, Upload, Wait};
        for (name, spans, total, expected) in [
            ("nothing is known", vec![], 5, vec![(None, 0, 5)]),
            (
                "one after the other, with gaps",
                vec![
                    (Plan, 0, 1, Some(3)),
                    (Build, 0, 3, Some(7)),
                    (Pack, 0, 8, Some(9)),
                ],
                10,
                vec![
                    (None, 0, 1),
                    (Some(0), 1, 3),
                    (Some(1), 3, 7),
                    (None, 7, 8),
                    (Some(2), 8, 9),
                    (None, 9, 10),
                ],
            ),
            (
                "of two beside each other, the one that ends last",
                vec![
                    (Plan, 0, 0, Some(2)),
                    (Pack, 0, 2, Some(5)),
                    (Pack, 1, 2, Some(9)),
                ],
                9,
                vec![(Some(0), 0, 2), (Some(2), 2, 9)],
            ),
            (
                "a compiler hands on before it ends",
                vec![
                    (Plan, 0, 0, Some(10)),
                    (Build, 0, 10, Some(52)),
                    (Pack, 0, 50, Some(90)),
                ],
                90,
                vec![(Some(0), 0, 10), (Some(1), 10, 50), (Some(2), 50, 90)],
            ),
            (
                "a compiler that goes on for long was waited for by what it made",
                vec![
                    (Plan, 0, 0, Some(10)),
                    (Build, 0, 10, Some(90)),
                    (Pack, 0, 30, Some(35)),
                    (Pack, 1, 50, Some(99)),
                ],
                99,
                vec![(Some(0), 0, 10), (Some(1), 10, 50), (Some(3), 50, 99)],
            ),
            (
                "what follows on work for the same platform did not",
                vec![
                    (Build, 0, 0, Some(70)),
                    (Fit, 1, 20, Some(40)),
                    (Pack, 1, 41, Some(99)),
                ],
                99,
                vec![
                    (Some(0), 0, 20),
                    (Some(1), 20, 40),
                    (None, 40, 41),
                    (Some(2), 41, 99),
                ],
            ),
            (
                "a compiler did not wait for what was packed meanwhile",
                vec![
                    (Build, 0, 0, Some(20)),
                    (Pack, 0, 20, Some(48)),
                    (Build, 0, 50, Some(70)),
                ],
                70,
                vec![(Some(0), 0, 20), (None, 20, 50), (Some(2), 50, 70)],
            ),
            (
                "who had waited, waited for what ended then and not for a compiler",
                vec![
                    (Base, 0, 0, Some(40)),
                    (Build, 0, 0, Some(60)),
                    (Wait, 0, 20, Some(41)),
                    (Pack, 1, 42, Some(99)),
                ],
                99,
                vec![(Some(0), 0, 40), (None, 40, 42), (Some(3), 42, 99)],
            ),
            (
                "what goes on ends now",
                vec![(Plan, 0, 0, Some(4)), (Build, 0, 4, None)],
                9,
                vec![(Some(0), 0, 4), (Some(1), 4, 9)],
            ),
            (
                "who waits is not who is waited for",
                vec![
                    (Upload, 0, 0, Some(6)),
                    (Wait, 0, 1, Some(6)),
                    (Upload, 0, 6, Some(8)),
                ],
                8,
                vec![(Some(0), 0, 6), (Some(2), 6, 8)],
            ),
            (
                "what took no time is no link",
                vec![(Plan, 0, 0, Some(3)), (Plan, 0, 3, Some(3))],
                3,
                vec![(Some(0), 0, 3)],
            ),
        ] {
            assert_eq!(chain(&spans, total), expected, "{name}");
        }
    }

    #[test]
    fn spans_are_kept_in_the_order_they_began_and_passed_on() {
        #[derive(Default)]
        struct Count(Mutex<u32>);
        impl Observer for Count {
            fn event(&self, _: &Event<'_>) {
                *self.0.lock().unwrap() += 1;
            }
        }
        let count = Arc::new(Count::default());
        let timeline = Arc::new(Timeline::beside(count.clone()));
        let observer: Arc<dyn Observer> = timeline.clone();
        let platform: Platform = "linux/arm64".parse().unwrap();
        let outer = Span::begin(&observer, Stage::Build, (None, None), "app");
        let inner = Span::lent(&*observer, Stage::Pack, (Some("app"), Some(&platform)), "files");
        drop(inner);
        observer.event(&Event::Notice { text: "no span" });
        let spans = timeline.spans();
        drop(outer);
        assert_eq!(*count.0.lock().unwrap(), 5);
        let told: Vec<_> = spans
            .iter()
            .map(|span| (span.stage, span.image.as_deref(), &*span.what, span.end.is_some()))
            .collect();
        assert_eq!(
            told,
            [
                (Stage::Build, None, "app", false),
                (Stage::Pack, Some("app"), "files", true),
            ]
        );
        assert_eq!(spans[1].platform, Some(platform));
        assert!(spans[0].begin <= spans[1].begin && spans[1].begin <= spans[1].end.unwrap());
        assert!(timeline.spans()[0].end.unwrap() <= timeline.elapsed());
    }
}
