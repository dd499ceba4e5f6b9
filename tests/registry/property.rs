//! Whatever goes wrong, a publish ends with exactly the right content or a clear error, and nobody but the registry
//! is shown a credential.
//!
//! The seed is fixed: every run meets the same schedules.

use std::time::Duration;

use cargo_gantry::pipeline::{Class, Error};
use cargo_gantry::publish::Moves;
use cargo_gantry::registry::Repository;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::authorization::signed_in;
use crate::shipment::{Fixture, client_of, shown};
use crate::support::registry::{Act, Auth, Bearer, Fault, Habits, Location, Mount, Registry, Setup};

const TAGS: [(&str, Moves); 2] = [("1.0.0", Moves::Never), ("latest", Moves::Always)];
const CASES: u32 = 128;
const BASE: &str = "library/base";

/// What goes wrong once or a few times.
#[derive(Clone, Debug)]
enum Trouble {
    Status(u16, Option<&'static str>),
    DropEarly,
    Drop,
    DropAfter,
    CutBody(usize),
    Truncate(usize),
    Stall(usize),
    Delay(u64),
    Hang,
    HangAfter,
    Revoke,
    /// The Location of an answer: missing, or this, with the stranger's port for `PORT`.
    Location(Option<&'static str>),
    /// A redirect to there.
    Redirect(&'static str),
    /// A 401 whose realm is this.
    Realm(&'static str),
}

/// Where the stranger is: by the registry's own address, and by a name that is not the registry's.
const STRANGER: [&str; 3] = [
    "http://127.0.0.1:PORT/x",
    "http://localhost:PORT/x",
    "https://127.0.0.1:PORT/x",
];
/// Realms that must not be believed.
const REALMS: [&str; 4] = [
    "http://localhost:PORT/token",
    "http://me@127.0.0.1:PORT/token",
    "https://localhost:PORT/token",
    "ftp://127.0.0.1:PORT/token",
];

fn trouble() -> impl Strategy<Value = Trouble> {
    let status = prop::sample::select(vec![408u16, 429, 499, 500, 502, 503, 504, 522]);
    let after = prop::sample::select(vec![None, Some("0"), Some("1"), Some("soon")]);
    prop_oneof![
        6 => (status, after).prop_map(|(status, after)| Trouble::Status(status, after)),
        1 => Just(Trouble::DropEarly),
        1 => Just(Trouble::Drop),
        1 => Just(Trouble::DropAfter),
        2 => (0usize..200_000).prop_map(Trouble::CutBody),
        2 => (0usize..100).prop_map(Trouble::Truncate),
        1 => (0usize..100).prop_map(Trouble::Stall),
        1 => (1u64..40).prop_map(Trouble::Delay),
        1 => Just(Trouble::Hang),
        1 => Just(Trouble::HangAfter),
        1 => Just(Trouble::Revoke),
        2 => prop::sample::select(vec![None, Some("http://["), Some("ftp://127.0.0.1:PORT/x")])
            .prop_map(Trouble::Location),
        2 => prop::sample::select(STRANGER.to_vec()).prop_map(|place| Trouble::Location(Some(place))),
        2 => prop::sample::select(STRANGER.to_vec()).prop_map(Trouble::Redirect),
        2 => prop::sample::select(REALMS.to_vec()).prop_map(Trouble::Realm),
    ]
}

impl Trouble {
    fn act(&self, port: &str) -> Act {
        let place = |text: &str| text.replace("PORT", port);
        let header = |name, value| vec![(name, value)];
        match *self {
            Self::Status(status, after) => {
                let headers = after.map(|after| ("retry-after", after.to_owned()));
                Act::Status(
                    status,
                    headers.into_iter().collect(),
                    "<html>no</html>".to_owned(),
                )
            }
            Self::DropEarly => Act::DropEarly,
            Self::Drop => Act::Drop,
            Self::DropAfter => Act::DropAfter,
            Self::CutBody(after) => Act::CutBody(after),
            Self::Truncate(after) => Act::Truncate(after),
            Self::Stall(after) => Act::Stall(after),
            Self::Delay(millis) => Act::Delay(Duration::from_millis(millis)),
            Self::Hang => Act::Hang,
            Self::HangAfter => Act::HangAfter,
            Self::Revoke => Act::Revoke,
            Self::Location(value) => Act::Header("location", value.map(place)),
            Self::Redirect(to) => Act::Status(307, header("location", place(to)), String::new()),
            Self::Realm(realm) => {
                let challenge = format!("Bearer realm=\"{}\",service=\"s\"", place(realm));
                Act::Status(401, header("www-authenticate", challenge), String::new())
            }
        }
    }
}

/// A trouble, which requests it meets, at the how manieth, and how often.
#[derive(Clone, Debug)]
struct Incident(Trouble, Option<(&'static str, &'static str)>, usize, usize);

#[derive(Clone, Debug)]
struct Schedule {
    incidents: Vec<Incident>,
    at_source: Vec<Incident>,
    auth: usize,
    location: usize,
    mount: Mount,
    /// Whether the base lies nowhere, in the same registry, or in another.
    base: usize,
    narrow: bool,
    blobs_elsewhere: bool,
}

fn incident() -> impl Strategy<Value = Incident> {
    let requests = vec![
        None,
        None,
        Some(("POST", "upload")),
        Some(("PUT", "upload")),
        Some(("PATCH", "upload")),
        Some(("PUT", "manifest")),
        Some(("HEAD", "blob")),
        Some(("GET", "token")),
    ];
    (trouble(), prop::sample::select(requests), 1usize..12, 1usize..4)
        .prop_map(|(trouble, on, at, times)| Incident(trouble, on, at, times))
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let mount = prop::sample::select(vec![
        Mount::Created,
        Mount::Session,
        Mount::Status(401),
        Mount::Status(403),
        Mount::Status(500),
        Mount::HangUp,
    ]);
    (
        prop::collection::vec(incident(), 0..5),
        prop::collection::vec(incident(), 0..3),
        (0usize..5, 0usize..7, mount, 0usize..3),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(incidents, at_source, rest, narrow, blobs_elsewhere)| Schedule {
            incidents,
            at_source,
            auth: rest.0,
            location: rest.1,
            mount: rest.2,
            base: rest.3,
            narrow,
            blobs_elsewhere,
        })
}

fn faults(incidents: &[Incident], port: &str) -> Vec<Fault> {
    let fault = |Incident(trouble, on, at, times): &Incident| {
        let fault = Fault::first(trouble.act(port)).at(*at).times(*times);
        match on {
            Some((method, kind)) => fault.on(method, kind),
            None => fault,
        }
    };
    incidents.iter().map(fault).collect()
}

fn setup(schedule: &Schedule, port: &str) -> Setup {
    let bearer = Bearer {
        account: Some(("me", "hunter2")),
        ..Bearer::default()
    };
    Setup {
        auth: match schedule.auth {
            0 => Auth::None,
            1 => Auth::Basic("me", "hunter2"),
            2 => Auth::Bearer(bearer),
            3 => Auth::Bearer(Bearer {
                life: Some(1),
                ..bearer
            }),
            _ => Auth::Bearer(Bearer {
                silent: true,
                ..bearer
            }),
        },
        location: match schedule.location {
            0 | 1 => Location::Relative,
            2 | 3 => Location::Absolute,
            4 => Location::Query,
            5 => Location::Elsewhere(format!("http://127.0.0.1:{port}")),
            _ => Location::Elsewhere(format!("http://localhost:{port}")),
        },
        habits: Habits {
            mount: schedule.mount,
            largest_put: schedule.narrow.then_some(100_000),
            ..Habits::PLAIN
        },
        faults: faults(&schedule.incidents, port),
        ..Setup::default()
    }
}

/// Runs one schedule; whether it ended with the content in place.
async fn run(schedule: &Schedule) -> Result<bool, TestCaseError> {
    let stranger = Registry::plain();
    let port = stranger.host().rsplit(':').next().unwrap_or_default().to_owned();
    let registry = Registry::start(setup(schedule, &port));
    let source = Registry::start(Setup {
        faults: faults(&schedule.at_source, &port),
        redirect_blobs: schedule
            .blobs_elsewhere
            .then(|| format!("http://127.0.0.1:{port}")),
        ..Setup::default()
    });
    let fixture = Fixture::new(&TAGS);
    let fixture = match schedule.base {
        0 => fixture,
        place => {
            let host = [registry.host(), source.host()][place - 1].clone();
            let (fixture, base) = fixture.on_base(&Repository::new(&host, BASE));
            for registry in [&registry, &source, &stranger] {
                registry.hold(BASE, &base);
            }
            fixture
        }
    };
    let mut settings = signed_in(&registry.host());
    settings.patience.first_pause = Duration::from_millis(1);
    settings.patience.longest_pause = Duration::from_millis(8);
    settings.patience.longest_asked = Duration::from_millis(500);
    settings.patience.stall = Duration::from_millis(200);
    let (client, told) = client_of(settings);
    let published = fixture.publish(&client, &registry.host()).await;

    for elsewhere in [&stranger, &source] {
        for asked in elsewhere.whole_log() {
            prop_assert!(
                asked.authorization.is_none(),
                "a credential went astray: {asked:?}"
            );
            let secret = ["hunter2", "token-"]
                .iter()
                .any(|secret| asked.path.contains(secret));
            prop_assert!(!secret, "a secret went astray: {asked:?}");
        }
    }
    let said = told.of("").concat();
    prop_assert!(!said.contains("hunter2"), "{}", said);
    let problems = registry.store(|store| store.repositories.get("team/app").map(|r| r.problems()));
    prop_assert_eq!(problems.unwrap_or_default(), Vec::<String>::new());
    match published {
        Ok(_) => {
            fixture.assert_stored(&registry);
            Ok(true)
        }
        Err(error) => {
            let text = shown(&error);
            prop_assert!(!text.contains("hunter2") && text.contains("gantry::"), "{}", text);
            let class = Error::from(error).class();
            prop_assert!(
                matches!(class, Class::Unreachable | Class::Denied),
                "{:?}: {}",
                class,
                text
            );
            Ok(false)
        }
    }
}

#[test]
fn any_schedule_of_faults_ends_right_or_with_a_clear_error() {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let done = std::cell::Cell::new(0);
    let outcome = runner.run(&schedule(), |schedule| {
        let right = runtime.block_on(run(&schedule))?;
        done.set(done.get() + u32::from(right));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    eprintln!(
        "{} of {CASES} schedules ended with everything in place",
        done.get()
    );
    // A client that gives up at once would pass otherwise.
    assert!(done.get() > CASES / 3, "{}", done.get());
}
