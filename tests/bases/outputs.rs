//! What is written beside what is published.

use std::path::PathBuf;

use cargo_gantry::archive::Layout;
use cargo_gantry::environment::Environment;
use cargo_gantry::event::Silent;
use cargo_gantry::pipeline::{Access, Gantry, Request, Terms};
use cargo_gantry::tool::Tools;

use crate::fixture::{Base, Style, holding, named};
use crate::support::prebuilt::Prebuilt;

#[tokio::test]
async fn what_is_published_can_be_written_as_well() {
    let registry = holding(&Base::platforms(Style::Oci, &["linux/amd64"]));
    let matrix = format!(
        "schema = 1\n[binary.app]\npath = \"dist/linux/amd64/app\"\n[image.app]\nbinaries = [\"app\"]\nbase = \"{}\"\n\
         repository = \"{}/team/app\"\nplatforms = [\"linux/amd64\"]\ntags = [\"one\"]\nchecks = {{ fit = \"allow\" }}\n",
        named(&registry, "v1"),
        registry.host()
    );
    let Some(project) = Prebuilt::new(&matrix) else {
        return;
    };
    project.commit("first");
    let root = project.root();
    let environment = Environment::empty(&root)
        .with("PATH", std::env::var_os("PATH").unwrap())
        .with("HOME", project.outside().join("home"));
    let gantry = Gantry::new(Tools::new(environment), std::sync::Arc::new(Silent));
    let request = Request {
        matrix: Some(PathBuf::from("gantry.toml")),
        to_publish: true,
        outputs: vec!["oci-archive:app.tar".to_owned()],
        ..Request::default()
    };
    let built = gantry.build(&request).await.unwrap();
    let published = gantry
        .publish(&built, &Access::default(), &Terms::default())
        .await
        .unwrap();
    gantry.write(&built, &request.outputs[0]).unwrap();
    let written = Layout::open(root.join("app.tar")).unwrap();
    assert_eq!(
        written.entries()[0].descriptor.digest().to_string(),
        published[0].digest.to_string()
    );
}
