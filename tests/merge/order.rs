//! What a project's own program asks of a copy beyond the command.

use std::sync::Arc;

use cargo_gantry::environment::Environment;
use cargo_gantry::event::Silent;
use cargo_gantry::pipeline::{Access, Delivered, Gantry, Order, Terms};
use cargo_gantry::tool::Tools;
use serde_json::Value;

use crate::place;
use crate::project::{PLATFORMS, Project};

/// An index in a layout.
fn index(layout: &std::path::Path, delivered: &Delivered) -> Value {
    let all = place::in_layout(layout, &delivered.digest.to_string());
    serde_json::from_slice(&all[&delivered.digest.to_string()]).unwrap()
}

#[tokio::test]
async fn an_order_is_carried_out() {
    let project = Project::new("127.0.0.1:1/team/lookout", "");
    let machine = project.machine("one", "1.2.3");
    let built = format!("oci:{}", machine.root.join("out").display());
    let digest = machine.build(&PLATFORMS, &built);
    let gantry = Gantry::new(Tools::new(Environment::empty(&machine.root)), Arc::new(Silent));
    let (access, terms) = (Access::default(), Terms::default());
    let to = |name: &str| {
        (
            project.path(name),
            format!("oci:{}", project.path(name).display()),
        )
    };

    let mut order = Order::default();
    order
        .annotations
        .insert("com.acme.stage".to_owned(), "two".to_owned());
    let (layout, place) = to("said");
    let copied = gantry
        .copy(&built, &place, &order, &access, &terms)
        .await
        .unwrap();
    let said = &index(&layout, &copied)["annotations"];
    assert_eq!(said["com.acme.stage"], "two");
    assert_eq!(said["com.acme.team"], "core");
    assert_ne!(copied.digest.to_string(), digest);

    let mut order = Order::default();
    order.platforms = vec!["linux/arm64".parse().unwrap()];
    let (layout, place) = to("some");
    let sources = [built.clone()];
    let made = gantry
        .create_index(&place, &sources, &order, &access, &terms)
        .await;
    let made = made.unwrap();
    assert_eq!(index(&layout, &made)["manifests"].as_array().unwrap().len(), 1);
}
