//! Against docker-registry behind a proxy: with trouble at random, and with its bytes counted.

use std::collections::BTreeMap;
use std::io::Write;

use cargo_gantry::pipeline::{Class, Error};
use cargo_gantry::publish::Moves;
use cargo_gantry::registry::{Client, Repository};

use crate::shipment::{Fixture, OCI, REPOSITORY, bytes, client, client_of, reference, settings, shown};
use crate::support::docker_registry::{DockerRegistry, Guard};
use crate::support::fault_proxy::FaultProxy;

const RUNS: u64 = 200;

/// Asserts that the registry gives back all of a fixture, under its tag.
async fn assert_published(client: &Client, host: &str, fixture: &Fixture, tag: &str) {
    let index = client.manifest(&reference(host, tag)).await.unwrap().unwrap();
    assert_eq!(index.bytes, fixture.shipment.content.root.bytes());
    let repository = Repository::new(host, REPOSITORY);
    for manifest in &fixture.shipment.content.manifests {
        let found = client
            .manifest(&repository.at(manifest.digest()))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.bytes, manifest.bytes());
    }
    for blob in &fixture.shipment.content.blobs {
        let found = client
            .blob_bytes(&repository, &blob.digest, blob.size)
            .await
            .unwrap();
        assert_eq!(found, bytes(blob));
    }
}

#[tokio::test]
async fn two_hundred_runs_with_trouble_end_right() {
    let Some(registry) = DockerRegistry::start(&Guard::default()) else {
        return;
    };
    let proxy = FaultProxy::before(registry.host());
    let mut outcomes: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let (calm, (quick, told)) = (client(), client_of(settings()));
    let mut before = 0;
    for run in 0..RUNS {
        let tag = format!("v{run}");
        let fixture = Fixture::typed(&format!("run {run}"), &[(&tag, Moves::Never)], &OCI, 6_000);
        let fixture = if run % 2 == 0 { fixture } else { fixture.alone() };
        // From a little trouble to more than patience can bear.
        let troubled = [50, 150, 300, 600][(run / 2 % 4) as usize];
        proxy.trouble(run + 1, troubled);
        let published = fixture.publish(&quick, &proxy.host()).await;
        let retries = told.of("Retry").len() as u64 - before;
        before += retries;
        let outcome = match published {
            Ok(_) if retries == 0 => "right at once".to_owned(),
            Ok(_) => "right after retries".to_owned(),
            Err(error) => {
                let text = shown(&error);
                let code = text.split(['[', ']']).nth(1).unwrap_or_default().to_owned();
                let class = Error::from(error).class();
                assert!(
                    matches!(class, Class::Unreachable | Class::Denied),
                    "{class:?}: {text}"
                );
                // What was begun is completed by the next run.
                proxy.trouble(0, 0);
                let again = fixture.publish(&calm, &proxy.host()).await;
                again.unwrap_or_else(|error| panic!("run {run}: {}", shown(&error)));
                format!("{code}, right when run again")
            }
        };
        let row = outcomes.entry(outcome).or_default();
        (row.0, row.1) = (row.0 + 1, row.1 + retries);
        assert_published(&calm, &registry.host(), &fixture, &tag).await;
    }
    // Not `eprintln`, which the test harness keeps to itself.
    let mut out = std::io::stderr();
    let _ = writeln!(out, "{RUNS} runs through a proxy that makes trouble\n");
    let _ = writeln!(out, "| outcome | runs | retries |\n|---|---|---|");
    for (outcome, (runs, retries)) in &outcomes {
        let _ = writeln!(out, "| {outcome} | {runs} | {retries} |");
    }
    let _ = writeln!(out, "\n| trouble | times |\n|---|---|");
    for (trouble, times) in proxy.counts() {
        let _ = writeln!(out, "| {trouble} | {times} |");
    }
    assert_eq!(outcomes.values().map(|(runs, _)| runs).sum::<u64>(), RUNS);
}

#[tokio::test]
async fn a_base_in_the_same_registry_costs_no_byte() {
    let Some(registry) = DockerRegistry::start(&Guard::default()) else {
        return;
    };
    let (client, other) = (client(), Fixture::new(&[]));
    let base = other.file(&vec![7; 5 << 20]);
    let source = Repository::new(&registry.host(), "library/base");
    client.push_blob(&source, &base).await.unwrap();

    let proxy = FaultProxy::before(registry.host());
    let mut fixture = Fixture::new(&[("v1", Moves::Never)]);
    let there = Repository::new(&proxy.host(), "library/base");
    fixture.add_layer(&base, &there);
    let published = fixture.publish(&client, &proxy.host()).await.unwrap();
    assert_eq!((published.blobs_mounted, published.blobs_sent), (1, 5));
    // What went up is our own blobs and manifests, to the byte; the index by its tag alone.
    let shipment = &fixture.shipment;
    let manifests: u64 = shipment
        .content
        .manifests
        .iter()
        .map(|manifest| manifest.size())
        .sum();
    assert_eq!(
        proxy.uploaded(),
        published.bytes_sent + manifests + shipment.content.root.size()
    );
    assert!(proxy.uploaded() < base.size);
    let to = Repository::new(&registry.host(), REPOSITORY);
    assert!(client.blob_present(&to, &base.digest, base.size).await.unwrap());
}
